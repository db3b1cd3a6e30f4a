//! What is said of the commands is what they are.

mod pages;
mod reference;
