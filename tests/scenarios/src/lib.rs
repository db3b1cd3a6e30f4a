//! Incidents with known causes: a simulated world writes records, and a report made of them is scored.
//!
//! `cargo run --release -p scenarios -- run --seeds 1000..1030` prints the figures of every kind of incident;
//! `--failures` says what was judged wrongly, `explain --scenario NAME --seed N` shows one incident whole, and
//! `generate --scenario NAME --seed N --out DIR` writes it for `authprobe import` and `authprobe report`.
//! Seeds up to 9,999 are for tuning; those from 100,000 on are for reporting only.
//!
//! The world ([`world`]) is a mechanism: replicas that renew their files each in its own time, caches, tokens with
//! lives, clocks, faults. What a probe meets follows from the state of the world at that moment. It shares no number
//! with the model of `reports`: lags come out of the mechanism or are drawn from lognormal, gamma and Weibull laws.

pub mod cases;
pub mod configuration;
pub mod decoys;
pub mod dice;
pub mod feeds;
pub mod judge;
pub mod play;
pub mod quiet;
pub mod runs;
pub mod scene;
pub mod score;
pub mod table;
pub mod truth;
pub mod world;
