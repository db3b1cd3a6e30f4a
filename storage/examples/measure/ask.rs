//! Asks the questions of reports.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use storage::sqlite::reader::{Reader, SeriesKey};
use storage::window::Window;

use crate::data::{BEGIN_US, EVERY_US, Shape};
use crate::usage;

/// The quantiles that are asked for.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// So much is left out at the beginning of a window that is cut, and at its end.
const OFF: (SignedDuration, SignedDuration) = (SignedDuration::from_mins(443), SignedDuration::from_mins(341));

/// A question and how often it is asked.
#[derive(Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    shape: Shape,
    /// How often it is asked, one time after the other on one connection.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// A window that begins and ends in the middle of an hour, instead of with a day.
    #[arg(long)]
    cut: bool,
    /// Of the first series alone.
    #[arg(long)]
    one: bool,
    /// What is asked.
    question: Question,
    /// The store.
    store: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Question {
    /// How many results of each series succeeded, and how the others ended.
    Availability,
    /// The quantiles of each series, within 1 %.
    Quantiles,
    /// The quantiles of each series, to the microsecond.
    Exact,
    /// The failures of two hours, each with its detail.
    Failures,
}

impl Ask {
    /// Asks.
    pub(crate) fn measure(&self) -> Result<Value, Box<dyn Error>> {
        let reader = Reader::open(&self.store)?;
        let window = self.window()?;
        let (mut wall, mut cpu) = (Vec::new(), Vec::new());
        let mut found = Value::Null;
        for _ in 0..self.runs {
            let (at, before) = (Instant::now(), usage::cpu());
            found = self.answer(&reader, window)?;
            cpu.push(usage::cpu() - before);
            wall.push(at.elapsed());
        }
        let first = |times: &[Duration]| times.first().map(|time| time.as_secs_f64() * 1000.0);
        Ok(json!({
            "first_cpu_ms": first(&cpu),
            "cpu_ms": usage::spread(&mut cpu),
            "wall_ms": usage::spread(&mut wall),
            "peak_mib": usage::peak_mib()?,
            "found": found,
        }))
    }

    fn window(&self) -> Result<Window, Box<dyn Error>> {
        let (from, until) = match self.question {
            Question::Failures => self.shape.window(),
            // From midnight to midnight.
            Question::Availability | Question::Quantiles | Question::Exact => (
                Timestamp::from_microsecond(BEGIN_US)?,
                Timestamp::from_microsecond(BEGIN_US + self.shape.slots() * EVERY_US)?,
            ),
        };
        let (from, until) =
            if self.cut { (from.checked_add(OFF.0)?, until.checked_sub(OFF.1)?) } else { (from, until) };
        Ok(Window::new(from, until)?)
    }

    /// The answer in short, so that it can be compared with others.
    fn answer(&self, reader: &Reader, window: Window) -> Result<Value, Box<dyn Error>> {
        let first = SeriesKey { target: "target-000".into(), probe: "login".into(), agent: "local".into() };
        let series = self.one.then_some(&first);
        let window = Some(window);
        Ok(match self.question {
            Question::Availability => {
                let tallies = reader.tally(series, window)?;
                let sum = |count: fn(&storage::sqlite::reader::tally::Tally) -> u64| -> u64 {
                    tallies.iter().map(|(_, tally)| count(tally)).sum()
                };
                json!({"series": tallies.len(), "results": sum(|tally| tally.results), "succeeded": sum(|tally| tally.succeeded())})
            }
            Question::Quantiles => {
                let sketches = reader.latency(series, window)?;
                let of_first = sketches.iter().find(|(key, _)| *key == first);
                json!({"series": sketches.len(), "first": of_first.map(|(_, sketch)| QUANTILES.map(|q| sketch.quantile(q)))})
            }
            Question::Exact => {
                let exact = reader.exact_latency(series, window, &QUANTILES)?;
                let of_first = exact.iter().find(|(key, _)| *key == first);
                json!({"series": exact.len(), "first": of_first.map(|(_, quantiles)| quantiles)})
            }
            Question::Failures => {
                let (mut failures, mut with_detail) = (0, 0);
                reader.failures(window, |failure| {
                    failures += 1;
                    with_detail += u64::from(failure.detail.is_some());
                    ControlFlow::Continue(())
                })?;
                json!({"failures": failures, "with_detail": with_detail})
            }
        })
    }
}
