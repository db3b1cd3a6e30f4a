//! `authprobe run` as a daemon: how it ends, what it survives, when it probes.

mod clock;
mod ends;
mod others;
mod reports;
mod retention;
mod schedule;
mod secrets;
mod store_lock;
mod store_trouble;
