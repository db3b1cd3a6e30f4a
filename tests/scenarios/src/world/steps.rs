//! A value that changes at moments.

/// A value over time: each holds from its moment to the next.
#[derive(Debug, Clone)]
pub struct Steps<T>(Vec<(f64, T)>);

impl<T> Steps<T> {
    /// A value that holds from the beginning.
    pub fn new(first: T) -> Steps<T> {
        Steps(vec![(f64::NEG_INFINITY, first)])
    }

    /// Another value from a moment on.
    pub fn set(&mut self, at: f64, value: T) {
        let place = self.0.partition_point(|(time, _)| *time <= at);
        self.0.insert(place, (at, value));
    }

    /// The value at a moment.
    #[must_use]
    pub fn at(&self, at: f64) -> &T {
        let place = self.0.partition_point(|(time, _)| *time <= at);
        &self.0[place.saturating_sub(1)].1
    }

    /// The moments and values in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (f64, &T)> {
        self.0.iter().map(|(at, value)| (*at, value))
    }
}
