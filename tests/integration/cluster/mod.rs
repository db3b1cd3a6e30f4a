//! The program beside a real cluster, named by `AUTHPROBE_TEST_KUBECONFIG`; left out where there is none.

mod namespace;
mod secrets;
