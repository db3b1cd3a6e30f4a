//! Probing the API that the program ships.

mod check;
mod faults;
mod rails;
mod story;
