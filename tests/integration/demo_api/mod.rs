//! Probing the API that the program ships.

mod check;
mod faults;
mod key_sets;
mod rails;
mod rollout;
mod story;
