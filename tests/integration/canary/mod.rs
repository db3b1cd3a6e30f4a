//! Distinctive secrets are planted everywhere, and hunted in everything that the program writes.

mod echo;
pub(crate) mod hunt;
mod planted;
mod secrets;
