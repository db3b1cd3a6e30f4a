//! How long after a change its effect begins.

use serde::Deserialize;

/// One part of a mixture of delays.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Share of the mixture.
    pub share: f64,
    /// Evenly between two delays, in seconds.
    pub uniform_s: Option<[f64; 2]>,
    /// Exponential with this mean, in seconds.
    pub mean_s: Option<f64>,
    /// Evenly between the logarithms of two delays, in seconds: as likely from one to two as from ten to twenty.
    pub log_uniform_s: Option<[f64; 2]>,
    /// What the delay counts from.
    #[serde(default)]
    pub of: From,
}

/// What a delay counts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// The moment of the change.
    #[default]
    Start,
    /// The end of the change.
    End,
    /// Anywhere in the course of the change.
    Run,
}

/// Probability that the delay is at most `seconds`, for a change that takes `duration` seconds.
#[must_use]
pub fn at_most(parts: &[Part], seconds: f64, duration: f64) -> f64 {
    parts.iter().map(|part| part.share * part.at_most(seconds, duration)).sum()
}

/// Delay within which nine in ten effects begin, in seconds, found by halving.
#[must_use]
pub fn ninety(parts: &[Part], duration: f64) -> f64 {
    let (mut lo, mut hi) = (0.0_f64, 30.0 * 86_400.0);
    for _ in 0..50 {
        let middle = (lo + hi) / 2.0;
        if at_most(parts, middle, duration) < 0.9 { lo = middle } else { hi = middle }
    }
    hi
}

impl Part {
    fn at_most(&self, seconds: f64, duration: f64) -> f64 {
        let (offset, stretched) = match self.of {
            From::Start => (0.0, 0.0),
            From::End => (duration, 0.0),
            From::Run => (0.0, duration),
        };
        let seconds = seconds - offset;
        if let Some([from, until]) = self.uniform_s {
            let length = until + stretched - from;
            if length > 0.0 { ((seconds - from) / length).clamp(0.0, 1.0) } else { 0.0 }
        } else if let Some([from, until]) = self.log_uniform_s {
            let share = (seconds.max(from) / from).ln() / (until / from).ln();
            if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
        } else {
            match self.mean_s {
                Some(mean) if seconds > 0.0 && mean > 0.0 => 1.0 - (-seconds / mean).exp(),
                Some(_) | None => 0.0,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_counts_from_where_it_says() {
        let uniform =
            |of| vec![Part { share: 1.0, uniform_s: Some([0.0, 60.0]), mean_s: None, log_uniform_s: None, of }];
        assert_eq!(at_most(&uniform(From::Start), 30.0, 100.0), 0.5);
        assert_eq!(at_most(&uniform(From::Run), 80.0, 100.0), 0.5);
        assert_eq!(at_most(&uniform(From::End), 100.0, 100.0), 0.0);
        assert!((ninety(&uniform(From::Start), 0.0) - 54.0).abs() < 0.01);
    }

    #[test]
    fn a_slow_leak_is_as_likely_to_show_in_any_doubling_of_its_time() {
        let leak =
            Part { share: 1.0, uniform_s: None, mean_s: None, log_uniform_s: Some([10.0, 160.0]), of: From::Start };
        for (seconds, share) in [(5.0, 0.0), (10.0, 0.0), (20.0, 0.25), (40.0, 0.5), (160.0, 1.0), (1e6, 1.0)] {
            assert!((at_most(std::slice::from_ref(&leak), seconds, 0.0) - share).abs() < 1e-9, "{seconds}");
        }
    }
}
