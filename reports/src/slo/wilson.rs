//! How sure a share of few events is.

use crate::settings::ratio;

/// From so many events on the interval is too narrow to be worth its place.
pub(super) const MANY: f64 = 10_000.0;
/// Two-sided 95 % of the normal distribution.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// The 95 % Wilson score interval of `part` among `whole`; nothing without events.
#[must_use]
pub fn interval(part: f64, whole: f64) -> Option<[f64; 2]> {
    if whole <= 0.0 {
        return None;
    }
    let share = part / whole;
    let spread = Z * Z / whole;
    let middle = share + spread / 2.0;
    let half = (spread * (share * (1.0 - share) + spread / 4.0)).sqrt();
    let bound = |value: f64| ratio((value / (1.0 + spread)).clamp(0.0, 1.0));
    Some([bound(middle - half), bound(middle + half)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_one_of_the_textbook() {
        // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (part, whole, low, high) in [
            (81.0, 263.0, 0.2553, 0.3662),
            (15.0, 148.0, 0.0624, 0.1605),
            (0.0, 20.0, 0.0, 0.1611),
            (1.0, 29.0, 0.0061, 0.1718),
        ] {
            let [from, until] = interval(part, whole).unwrap();
            assert!((from - low).abs() < 5e-5 && (until - high).abs() < 5e-5, "{part} of {whole}: {from} {until}");
        }
        assert_eq!(interval(0.0, 0.0), None);
        assert_eq!(interval(20.0, 20.0).unwrap()[1], 1.0);
    }
}
