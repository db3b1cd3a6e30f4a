//! How well a report says what is true.

pub mod baselines;
pub mod closure;
pub mod matching;
pub mod reported;
pub mod statistics;
pub mod verdicts;
