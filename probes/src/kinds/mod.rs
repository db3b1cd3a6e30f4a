//! The four kinds of probe: what each sends, and what it needs to know.

pub mod api_key;
pub mod jwt;
pub mod login;
pub mod permission;
pub mod request;
