//! Probing servers that other people wrote.

mod etcd_comes_up;
mod glewlwyd_comes_up;
mod processes_end;
