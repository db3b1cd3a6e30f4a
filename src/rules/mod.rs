//! Writes the objectives as recording and alerting rules of Prometheus, over the metrics of `/metrics`.

mod daemon;
mod objective;
mod text;

use std::time::Duration;

use jiff::Timestamp;
use reports::settings::Settings;

use crate::rules::text::Rules;

/// The rules file of a configuration. `every` is the interval of each target that has one, `url` is where people find the
/// pages, `now` says which calendar period is meant.
pub(crate) fn write(settings: &Settings, every: &[Duration], url: &str, now: Timestamp) -> String {
    let mut rules = Rules::new(url);
    for slo in &settings.slos {
        objective::write(&mut rules, slo, now);
    }
    daemon::write(&mut rules, every);
    rules.text
}

#[cfg(test)]
mod tests;
