//! What other tools write, read into our configuration, and the other way round; each says what it cannot carry over.

pub(crate) mod blackbox;
pub(crate) mod gatus;
mod notes;
pub(crate) mod openslo;
pub(crate) mod starter;

#[cfg(test)]
mod tests;
