//! Shares with their intervals, calibration and paired comparison.

/// Lower and upper Wilson bound of a share at 95 %.
#[must_use]
pub fn wilson(hits: f64, count: f64) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    if count <= 0.0 {
        return (0.0, 1.0);
    }
    let share = hits / count;
    let middle = share + Z * Z / (2.0 * count);
    let half = Z * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt();
    let scale = 1.0 + Z * Z / count;
    ((middle - half) / scale, (middle + half) / scale)
}

/// Expected calibration error over ten bins of (confidence, credit).
#[must_use]
pub fn calibration_error(answers: &[(f64, f64)]) -> f64 {
    let mut bins = [(0.0_f64, 0.0_f64, 0.0_f64); 10];
    for (confidence, credit) in answers {
        let bin = ((confidence * 10.0) as usize).min(9);
        let (count, sum, hits) = &mut bins[bin];
        *count += 1.0;
        *sum += confidence;
        *hits += credit;
    }
    let total = answers.len().max(1) as f64;
    bins.iter().filter(|(count, ..)| *count > 0.0).map(|(_, sum, hits)| (sum - hits).abs() / total).sum()
}

/// Mean squared difference of confidence and credit.
#[must_use]
pub fn brier(answers: &[(f64, f64)]) -> f64 {
    let sum: f64 = answers.iter().map(|(confidence, credit)| (confidence - credit).powi(2)).sum();
    sum / answers.len().max(1) as f64
}

/// Two-sided p-value of McNemar's test, with continuity correction, for so many cases that only one method gets right.
#[must_use]
pub fn mcnemar(only_first: u64, only_second: u64) -> f64 {
    let (b, c) = (only_first as f64, only_second as f64);
    if b + c == 0.0 {
        return 1.0;
    }
    let statistic = ((b - c).abs() - 1.0).max(0.0).powi(2) / (b + c);
    // The upper tail of chi-squared with one degree of freedom.
    complementary_error((statistic / 2.0).sqrt())
}

/// The middle value; 0 for none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// Abramowitz and Stegun 7.1.26, within 1.5e-7.
fn complementary_error(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let polynomial =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    polynomial * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_bounds_are_those_of_the_textbook() {
        let (low, high) = wilson(81.0, 263.0);
        assert!((low - 0.2553).abs() < 1e-3 && (high - 0.3662).abs() < 1e-3, "{low} {high}");
    }

    #[test]
    fn a_forecast_that_is_always_right_has_no_error() {
        let answers = [(1.0, 1.0), (0.0, 0.0)];
        assert!(calibration_error(&answers).abs() < 1e-12 && brier(&answers).abs() < 1e-12);
        assert!((calibration_error(&[(0.75, 1.0), (0.75, 0.0)]) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn mcnemar_tells_a_difference_from_chance() {
        assert!((mcnemar(10, 0) - 0.0044).abs() < 5e-4);
        assert!(mcnemar(5, 5) > 0.7);
    }
}
