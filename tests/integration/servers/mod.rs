//! Real third-party servers, each started on loopback in a directory of its own.

pub(crate) mod alertmanager;
pub(crate) mod etcd;
pub(crate) mod fixture;
pub(crate) mod glewlwyd;
pub(crate) mod hook;
pub(crate) mod http;
pub(crate) mod issuer;
pub(crate) mod jwt;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod prometheus;
