//! Lets the project's own judging make its reports of a played scene, in this process.

use std::time::Instant;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use reports::input::Input;
use reports::link;
use reports::report::{Kind, Request, build_from};
use reports::settings::Settings;
use serde_json::Value;
use storage::record::{Change, Record};
use storage::window::Window;

use crate::scene::Played;

/// The reports and what they were made of.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The public JSON of `report incidents`.
    pub report: Value,
    /// The public JSON of `report timeline`.
    pub timeline: Value,
    /// The changes with the targets that the configuration links them to.
    pub changes: Vec<Change>,
    /// How long the report of incidents took to build, in milliseconds.
    pub took_ms: f64,
}

/// Makes the reports of a played scene.
///
/// # Errors
/// When the model cannot be read or the report cannot be written as JSON.
pub fn judge(played: &Played) -> anyhow::Result<Judgement> {
    judge_records(played.records.clone(), &played.settings, played.now)
}

/// Makes the reports of records.
///
/// # Errors
/// When the model cannot be read or the report cannot be written as JSON.
pub fn judge_records(records: Vec<Record>, settings: &Settings, now: Timestamp) -> anyhow::Result<Judgement> {
    let mut input = Input::from_records(records);
    link::apply(&settings.links, &mut input.changes);
    let from = now.saturating_add(-SignedDuration::from_hours(24 * 35)).unwrap_or(now);
    let request = Request { kind: Kind::Incidents, window: Window::new(from, now).ok(), incident: None, now };
    let begun = Instant::now();
    let report = build_from(&input, settings, &request).context("the report cannot be built")?;
    let took_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let request = Request { kind: Kind::Timeline, ..request };
    let timeline = build_from(&input, settings, &request).context("the timeline cannot be built")?;
    let (report, timeline) = (serde_json::to_value(&report)?, serde_json::to_value(&timeline)?);
    Ok(Judgement { report, timeline, changes: input.changes, took_ms })
}
