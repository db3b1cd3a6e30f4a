//! Probing servers that other people wrote.

mod etcd_comes_up;
mod etcd_is_probed;
mod glewlwyd_comes_up;
mod glewlwyd_is_probed;
mod issuer_rotates_keys;
mod processes_end;
