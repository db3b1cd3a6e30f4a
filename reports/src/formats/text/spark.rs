//! Shares as a row of bars.

use crate::full::Strip;

/// Bars from nothing to all.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One bar a slice, full only where everything was good; a dot where nothing was seen.
pub(super) fn line(strip: &Strip) -> String {
    let bar = |share: &Option<f64>| match share {
        Some(share) => BARS.get((share * 7.0).floor() as usize).copied().unwrap_or('█'),
        None => '·',
    };
    strip.shares.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use storage::window::Window;

    use super::*;

    #[test]
    fn only_what_is_wholly_good_has_a_full_bar() {
        let at = |second| jiff::Timestamp::from_second(second).unwrap();
        let window = Window { from: at(0), until: at(5) };
        let shares = vec![Some(1.0), Some(0.999), Some(0.5), Some(0.0), None];
        assert_eq!(line(&Strip { name: String::new(), window, shares }), "█▇▄▁·");
    }
}
