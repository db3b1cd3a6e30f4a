//! Sets of moments: stretches of time that are joined, cut out and measured.

use jiff::Timestamp;
use storage::window::Window;

/// Disjoint half-open stretches in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stretches(Vec<Window>);

impl Stretches {
    /// The union of windows in any order; empty ones are left out.
    #[must_use]
    pub fn union(windows: impl IntoIterator<Item = Window>) -> Stretches {
        let mut windows: Vec<_> = windows.into_iter().filter(|window| window.from < window.until).collect();
        windows.sort_by_key(|window| window.from);
        let mut joined: Vec<Window> = Vec::new();
        for window in windows {
            match joined.last_mut() {
                Some(last) if window.from <= last.until => last.until = last.until.max(window.until),
                _ => joined.push(window),
            }
        }
        Stretches(joined)
    }

    /// What of a window lies in none of the stretches, in order.
    pub fn outside(&self, window: Window) -> impl Iterator<Item = Window> {
        let end = Window { from: window.until, until: window.until };
        let mut from = window.from;
        self.inside(window).chain([end]).filter_map(move |stretch| {
            let before = Window { from, until: stretch.from };
            from = stretch.until;
            (before.from < before.until).then_some(before)
        })
    }

    /// What of a window lies in the stretches.
    pub fn inside(&self, window: Window) -> impl Iterator<Item = Window> {
        let first = self.0.partition_point(|stretch| stretch.until <= window.from);
        self.0.iter().skip(first).map_while(move |stretch| stretch.cut(window))
    }

    /// Whether a moment lies in one of the stretches.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        let next = self.0.partition_point(|stretch| stretch.until <= at);
        self.0.get(next).is_some_and(|stretch| stretch.from <= at)
    }

    /// The stretches in order.
    pub fn iter(&self) -> impl Iterator<Item = Window> {
        self.0.iter().copied()
    }
}
