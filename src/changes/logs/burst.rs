//! When the number of lines in a window is unusual, and how long that lasts.

/// Weight of the newest window in the usual number.
const WEIGHT: f64 = 0.1;

/// The same while the number stays unusual: what lasts for an hour or so becomes usual.
const WEIGHT_IN_BURST: f64 = 0.01;

/// How many times the usual number is unusual.
const TIMES: f64 = 3.0;

/// How many standard deviations of a Poisson count are chance.
const CHANCE: f64 = 3.0;

/// What is usual in a window: an exponentially weighted mean, and whether the last window was unusual.
#[derive(Debug, Clone, Default)]
pub(super) struct Usual {
    mean: f64,
    windows: u32,
    unusual: bool,
}

impl Usual {
    /// Whether so many lines in a window, or in a part of it, are unusual. In the first window nothing is.
    pub(super) fn is_exceeded_by(&self, count: u64) -> bool {
        self.windows > 0 && count as f64 > TIMES * self.mean + CHANCE * self.mean.sqrt()
    }

    /// A window ended with so many lines. Gives whether they were unusual.
    pub(super) fn window(&mut self, count: u64) -> bool {
        let unusual = self.is_exceeded_by(count);
        // The first windows count alike, so that the first of all is not taken for the rule.
        let weight =
            if unusual && self.unusual { WEIGHT_IN_BURST } else { WEIGHT.max(1.0 / (f64::from(self.windows) + 1.0)) };
        self.mean += weight * (count as f64 - self.mean);
        self.windows = self.windows.saturating_add(1);
        self.unusual = unusual;
        unusual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(windows: impl IntoIterator<Item = u64>) -> Usual {
        let mut usual = Usual::default();
        windows.into_iter().for_each(|count| _ = usual.window(count));
        usual
    }

    #[test]
    fn after_a_quiet_window_one_line_is_unusual_and_in_the_first_window_nothing_is() {
        assert!(!after([]).is_exceeded_by(1_000_000));
        assert!(after([0]).is_exceeded_by(1));
        assert!(!after([0]).is_exceeded_by(0));
    }

    #[test]
    fn what_comes_all_the_time_is_usual_and_much_more_of_it_is_not() {
        let usual = after([100; 20]);
        assert!(!usual.is_exceeded_by(100) && !usual.is_exceeded_by(300) && usual.is_exceeded_by(400));
        let rare = after((0..200).map(|window| u64::from(window % 5 == 0)));
        assert!(!rare.is_exceeded_by(1), "in one of five windows, as ever");
    }

    #[test]
    fn what_stays_becomes_usual_in_the_end() {
        let mut usual = after([0; 10]);
        let unusual = (0..1000).take_while(|_| usual.window(50)).count();
        assert!((20..100).contains(&unusual), "{unusual} windows");
    }
}
