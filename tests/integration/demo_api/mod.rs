//! Probing the API that the program ships.

mod check;
