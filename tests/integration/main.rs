//! The program against real third-party servers and against what it ships, in one binary.

mod canary;
mod daemon;
mod demo_api;
mod harness;
mod real_servers;
mod servers;
