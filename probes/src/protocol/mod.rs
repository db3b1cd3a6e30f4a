//! What is spoken on the wire: HTTP with its phases, tokens, key sets.

pub(crate) mod forge;
pub mod http;
pub(crate) mod jwks;
pub(crate) mod phases;
#[cfg(test)]
pub(crate) mod test_keys;
pub mod tls;
pub(crate) mod token;
pub(crate) mod transport_error;
pub(crate) mod verify;
