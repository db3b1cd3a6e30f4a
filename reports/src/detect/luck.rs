//! How many successes in a row are put down to luck.

/// Chance at which a run of luck is ruled out.
const LUCK: f64 = 0.05;

/// Executions that all succeed by luck at most once in twenty times where this share fails: at least 1, at most `most`.
pub(crate) fn run(share: f64, most: u64) -> u64 {
    let run = match share {
        share if share >= 1.0 => 1.0,
        share if share > 0.0 => (LUCK.ln() / (1.0 - share).ln()).ceil(),
        _ => f64::INFINITY,
    };
    run.clamp(1.0, most as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarer_the_failures_the_longer_luck_lasts() {
        let runs = [1.0, 0.9, 1.0 / 3.0, 0.1, 0.0].map(|share| run(share, 300));
        assert_eq!(runs, [1, 2, 8, 29, 300]);
    }
}
