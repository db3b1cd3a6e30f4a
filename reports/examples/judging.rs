//! Measures what judging a store costs inside a process: loading, each report, its charts, and one incident with many changes.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use reports::chart;
use reports::input::Input;
use reports::plan::Plan;
use reports::report::{self, Kind, Request};
use reports::series::Piece;
use reports::settings::{Settings, Slo};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use storage::record::{Change, ChangeKind, Expect, Outcome, ProbeKind, ProbeResult, Reason, Record, Variant};
use storage::sketch::Sketch;
use storage::sqlite::reader::Reader;
use storage::window::Window;

/// Judges a store once, or one incident several times.
#[derive(Parser)]
struct Arguments {
    /// What is judged.
    what: What,
    /// The store; of `candidates`, none.
    store: Option<PathBuf>,
    /// Days before the newest result that are judged.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(i64).range(1..=3660))]
    days: i64,
    /// Changes that come into question for the one incident.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    changes: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Slo,
    Incidents,
    Timeline,
    /// One incident of one target, and many changes before it.
    Candidates,
}

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("judging: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let kind = match arguments.what {
        What::Slo => Kind::Slo,
        What::Incidents => Kind::Incidents,
        What::Timeline => Kind::Timeline,
        What::Candidates => return candidates(arguments.changes),
    };
    let store = arguments.store.as_deref().ok_or("which store?")?;
    let (wall, before) = (Instant::now(), cpu());
    let reader = Reader::open(store)?;
    let until = reader.watermark()?.ok_or("an empty store")?;
    let from = until.checked_sub(SignedDuration::from_hours(24 * arguments.days))?;
    let request = Request { kind, window: Some(Window { from, until }), incident: None, now: until };
    let settings = settings()?;
    let plan = Plan::new(&settings, &request, Some(until));
    let mut input = reader.at_one_moment(|reader| Input::load(reader, &plan))?;
    let (loaded, loaded_mib) = (cpu() - before, peak_mib()?);
    let pieces = || input.series.iter().flat_map(|series| &series.pieces);
    let singles = pieces().filter(|piece| matches!(piece, Piece::Single(_))).count();
    let judging = cpu();
    let report = report::build_from(&input, &settings, &request)?;
    let judged = cpu() - judging;
    let bytes = serde_json::to_string(&report)?.len();
    let drawing = cpu();
    for window in chart::latency::wanted(&input, report.window()) {
        let mut whole = Sketch::default();
        reader.latency(None, Some(window))?.iter().for_each(|(_, sketch)| whole.merge(sketch));
        input.course.push((window, whole));
    }
    let course = cpu() - drawing;
    let drawings = chart::drawings(&input, &settings, &request, &report);
    let drawn = cpu() - drawing;
    let svg_bytes: usize = drawings.iter().map(|drawing| drawing.chart().svg.len()).sum();
    let packing = cpu();
    let mut png_bytes = 0;
    for drawing in &drawings {
        png_bytes += drawing.png()?.len();
    }
    let packed = cpu() - packing;
    tell(&json!({
        "pieces": pieces().count(),
        "singles": singles,
        "changes": input.changes.len(),
        "load_cpu_s": loaded.as_secs_f64(),
        "load_peak_mib": loaded_mib,
        "judge_cpu_s": judged.as_secs_f64(),
        "charts": drawings.len(),
        "charts_latency_cpu_s": course.as_secs_f64(),
        "charts_cpu_s": drawn.as_secs_f64(),
        "charts_svg_bytes": svg_bytes,
        "charts_png_cpu_s": packed.as_secs_f64(),
        "charts_png_bytes": png_bytes,
        "cpu_s": (cpu() - before).as_secs_f64(),
        "wall_s": wall.elapsed().as_secs_f64(),
        "report_bytes": bytes,
        "peak_mib": peak_mib()?,
    }))
}

/// Four objectives over the data set of the store's measurements.
fn settings() -> serde_json::Result<Settings> {
    let slos: Vec<Slo> = serde_json::from_value(json!([
        {"name": "logins", "probes": ["*/login"], "objective": 99.9, "latency": "3s"},
        {"name": "tokens", "probes": ["*/jwt", "*/jwt-held"], "objective": 99.5},
        {"name": "everything", "probes": ["*/*"], "objective": 99.5, "method": "timeslices", "slice": "5m",
         "slice_target": 0.98},
        {"name": "first", "probes": ["target-000/*"], "objective": 99.9},
    ]))?;
    Ok(Settings { slos, ..Settings::default() })
}

/// Judges an outage of one target after so many changes of it, on 24 hours of five probes.
fn candidates(changes: u32) -> Result<(), Box<dyn Error>> {
    let from: Timestamp = "2026-11-01T00:00:00Z".parse()?;
    let until = from.checked_add(SignedDuration::from_hours(24))?;
    let mut records = Vec::new();
    for (slot, probe) in (0..2880_i64).flat_map(|slot| (0..5).map(move |probe| (slot, probe))) {
        let reason = (2600..2700).contains(&slot).then_some(Reason::TokenRejected);
        records.push(Record::Result(ProbeResult {
            time: from.checked_add(SignedDuration::from_millis(slot * 30_000 + probe * 100))?,
            target: "target".into(),
            probe: format!("probe-{probe}"),
            kind: ProbeKind::Jwt,
            expect: Expect::Allow,
            variant: Variant::Fresh,
            agent: "local".into(),
            outcome: if reason.is_some() { Outcome::Failure } else { Outcome::Success },
            reason,
            status: None,
            took_us: 8_000,
            phases_us: None,
            every_s: Some(30.0),
            detail: None,
        }));
    }
    let kinds = [ChangeKind::Secret, ChangeKind::Configmap, ChangeKind::Rollout, ChangeKind::Restart, ChangeKind::Rbac];
    let apart = SignedDuration::from_secs(2600 * 30).checked_div(changes.try_into()?).unwrap_or_default();
    for (number, kind) in (0..changes).zip(kinds.into_iter().cycle()) {
        records.push(Record::Change(Change {
            id: format!("c-{number}"),
            time: Some(from.checked_add(apart.saturating_mul(number.try_into()?))?),
            kind,
            object: format!("{kind}/team/object-{}", number % 50),
            targets: vec!["target".into()],
            source: "kubernetes".into(),
            ..Change::default()
        }));
    }
    let input = Input::from_records(records);
    let window = Some(Window { from, until });
    let request = Request { kind: Kind::Incidents, window, incident: None, now: until };
    let mut times = Vec::new();
    for _ in 0..5 {
        let before = cpu();
        report::build_from(&input, &Settings::default(), &request)?;
        times.push((cpu() - before).as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    tell(&json!({ "changes": changes, "cpu_ms": times }))
}

fn tell(told: &serde_json::Value) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(io::stdout().lock(), "{told}")?)
}

/// CPU time of the process.
fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or(0))
}

/// Most memory that the process ever had, in MiB.
fn peak_mib() -> io::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let word = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    let kib: f64 = word.and_then(|word| word.parse().ok()).unwrap_or(0.0);
    Ok(kib / 1024.0)
}
