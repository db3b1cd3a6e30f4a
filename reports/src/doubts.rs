//! Why a report may say less than it seems to: where nothing was probed, nothing failed, and that is no good news.

use jiff::{SignedDuration, Timestamp};
use storage::window::Window;

use crate::input::{Input, shift};
use crate::wording::moment;

/// How far the prober's clock may run ahead of the reader's.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// What a reader has to know of a window, in sentences.
pub(crate) fn of(input: &Input, window: Window, now: Timestamp) -> Vec<String> {
    let first = input.series.iter().map(|series| series.first).min();
    let Some((first, newest)) = first.zip(input.newest) else {
        return vec!["no result is stored: nothing was probed, so nothing could fail".to_owned()];
    };
    let mut doubts = Vec::new();
    if input.series.iter().all(|series| series.range(window).is_empty()) {
        let when = if window.from > now { ", which lies in the future" } else { "" };
        doubts.push(format!(
            "no result is stored of this window{when}; the first is of {}, the newest of {} UTC",
            moment(first),
            moment(newest)
        ));
    }
    if newest > shift(now, AHEAD) {
        doubts.push(format!(
            "the newest result is of {} UTC, which lies in the future: a clock is or was wrong; ask for a window with --from and --until",
            moment(newest)
        ));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use storage::record::Record;

    use super::*;

    /// One result of two minutes after a moment in 2026.
    fn input() -> Input {
        let line = r#"{"type":"result","time":"2026-11-01T12:02:00Z","target":"api","probe":"jwt","kind":"jwt","outcome":"success","took_us":1}"#;
        Input::from_records([serde_json::from_str::<Record>(line).unwrap()])
    }

    fn at(clock: &str) -> Timestamp {
        format!("2026-11-01T{clock}Z").parse().unwrap()
    }

    fn window(from: &str, until: &str) -> Window {
        Window::new(at(from), at(until)).unwrap()
    }

    #[test]
    fn a_window_with_results_needs_no_warning() {
        assert_eq!(of(&input(), window("12:00:00", "13:00:00"), at("13:00:00")), [""; 0]);
    }

    #[test]
    fn windows_without_results_are_told_with_where_there_are_some() {
        let stored = "the first is of 2026-11-01 12:02:00, the newest of 2026-11-01 12:02:00 UTC";
        let past = of(&input(), window("10:00:00", "12:00:00"), at("13:00:00"));
        assert_eq!(past, [format!("no result is stored of this window; {stored}")]);
        let future = of(&input(), window("14:00:00", "15:00:00"), at("13:00:00"));
        assert_eq!(future, [format!("no result is stored of this window, which lies in the future; {stored}")]);
        let nothing = of(&Input::default(), window("14:00:00", "15:00:00"), at("13:00:00"));
        assert_eq!(nothing, ["no result is stored: nothing was probed, so nothing could fail"]);
    }

    #[test]
    fn a_result_of_the_future_is_told() {
        let told = of(&input(), window("12:00:00", "13:00:00"), at("10:30:00"));
        assert!(told.len() == 1 && told[0].contains("lies in the future: a clock is or was wrong"), "{told:?}");
    }
}
