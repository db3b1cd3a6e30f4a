//! Changes in a real cluster, named by `AUTHPROBE_TEST_KUBECONFIG`; where it is unset, these tests say so and are passed
//! over. Any cluster will do (kind, k3d): each test makes a namespace of its own and pods need not run.

mod cluster;
mod secrets;
mod story;
mod workloads;
