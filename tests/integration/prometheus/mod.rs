//! What Prometheus and its promtool make of the metrics, the runs on demand, and the rules.

mod names;
mod on_demand;
mod rules;
mod scraped;
