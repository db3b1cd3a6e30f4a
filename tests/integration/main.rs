//! The program against real third-party servers and against what it ships, in one binary.

mod alerts;
mod bad_input;
mod browser;
mod canary;
mod certificates;
mod changes;
mod changes_command;
mod charts;
mod daemon;
mod demo_api;
mod harness;
mod help;
mod incidents_command;
mod interchange;
mod kubernetes;
mod objectives;
mod prometheus;
mod real_servers;
mod servers;
mod store_command;
mod tutorial;
mod web;
