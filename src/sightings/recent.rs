//! The last few values of something that may have several at once, as replicas have while a new one is rolled out.

use jiff::{SignedDuration, Timestamp};

/// A value that was seen within this time is still in use beside the others: a rollout goes to and fro this long.
pub(super) const BESIDE: SignedDuration = SignedDuration::from_mins(15);

/// Most values that are remembered.
const MOST: usize = 8;

/// The values that were seen last, the latest at the end.
#[derive(Debug)]
pub(super) struct Recent<T>(Vec<Value<T>>);

/// One of the values.
#[derive(Debug, Clone)]
pub(super) struct Value<T> {
    pub(super) value: T,
    /// When it came into use, as far as it was seen.
    pub(super) first: Timestamp,
    /// When it was seen last.
    pub(super) last: Timestamp,
    /// Id of the change that took it out of use.
    left_by: Option<String>,
}

/// A value that came into use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival<T> {
    /// The value that was in use before.
    pub(super) from: T,
    /// When that was seen last: the arrival lies between it and now.
    pub(super) since: Timestamp,
    /// Id of the change that this one undoes.
    pub(super) reverts: Option<String>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq + Clone> Recent<T> {
    /// The values, the latest at the end.
    pub(super) fn values(&self) -> &[Value<T>] {
        &self.0
    }

    /// Takes in a value. An arrival is what was not in use of late; `id` is what its change will be called.
    ///
    /// Where every look finds another value, it is no use to tell of each: more than [`MOST`] new ones within
    /// [`BESIDE`] are not told.
    pub(super) fn see(&mut self, value: &T, now: Timestamp, id: impl Fn() -> String) -> Option<Arrival<T>> {
        let latest = self.0.len().checked_sub(1)?;
        let found = self.0.iter().position(|known| known.value == *value);
        if let Some(index) = found
            && (index == latest || now.duration_since(self.0[index].last) <= BESIDE)
        {
            let known = self.0.remove(index);
            self.0.push(Value { last: now, ..known });
            return None;
        }
        let crowd = self.0.iter().filter(|known| now.duration_since(known.first) <= BESIDE).count();
        let before = &mut self.0[latest];
        let (from, since) = (before.value.clone(), before.last);
        let told = crowd < MOST;
        if told {
            before.left_by = Some(id());
        }
        let reverts = found.and_then(|index| self.0.remove(index).left_by);
        self.push(value, now);
        told.then_some(Arrival { from, since, reverts })
    }

    /// Takes in a value that is not known yet as one that has always been there, if it is the first.
    pub(super) fn begin(&mut self, value: &T, now: Timestamp) {
        if self.0.is_empty() {
            self.push(value, now);
        }
    }

    fn push(&mut self, value: &T, now: Timestamp) {
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push(Value { value: value.clone(), first: now, last: now, left_by: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sees a value at each of the minutes, and tells at which of them it arrived, what before, and what it undoes.
    fn told(looks: &[(i64, &str)]) -> Vec<String> {
        let mut recent = Recent::default();
        let mut told = Vec::new();
        for (minute, value) in looks {
            let now = Timestamp::from_second(1_000_000 + minute * 60).unwrap();
            recent.begin(&(*value).to_owned(), now);
            if let Some(arrival) = recent.see(&(*value).to_owned(), now, || format!("at {minute}")) {
                let undone = arrival.reverts.map_or_else(String::new, |change| format!(", undoes the one {change}"));
                told.push(format!("{minute}: {} to {value}{undone}", arrival.from));
            }
        }
        told
    }

    #[test]
    fn a_rollout_that_goes_to_and_fro_is_one_arrival() {
        assert_eq!(told(&[(0, "a"), (1, "a"), (2, "b"), (3, "a"), (4, "b"), (9, "a"), (10, "b")]), ["2: a to b"]);
    }

    #[test]
    fn a_value_that_comes_back_after_a_while_undoes_what_took_it_out_of_use() {
        assert_eq!(told(&[(0, "a"), (1, "b"), (40, "b"), (41, "a")]), ["1: a to b", "41: b to a, undoes the one at 1"]);
    }

    #[test]
    fn the_same_value_after_a_long_silence_is_no_arrival() {
        assert_eq!(told(&[(0, "a"), (500, "a")]), [""; 0]);
    }

    #[test]
    fn another_value_at_every_look_is_told_a_few_times_and_then_no_more() {
        let names: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let looks: Vec<(i64, &str)> = names.iter().map(|name| (0, name.as_str())).collect();
        assert_eq!(told(&looks).len(), MOST - 1);
    }
}
