//! Reads OpenSLO documents into objectives of our configuration.

use std::collections::BTreeSet;

use anyhow::Context;
use reports::settings::Slo;
use serde::Deserialize;

use super::shape::{Slos, Window, Written};
use super::times::Shorthand;
use super::{API_VERSION, OWN, times};
use crate::config::document::Node;
use crate::config::mistake::Mistake;
use crate::moving::notes::{Notes, Spot};

/// What was read: our `slos:` in YAML, how many there are, and what is not carried over.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) text: String,
    pub(crate) count: usize,
    pub(crate) notes: Notes,
}

/// Objectives as our configuration reads them.
#[derive(Debug, Deserialize)]
struct Read {
    slos: Vec<Slo>,
}

/// Reads a file of OpenSLO documents.
///
/// # Errors
/// When it is no YAML.
pub(crate) fn import(text: &str) -> Result<Imported, Mistake> {
    let documents = Node::parse_all(text)?;
    let documents: Vec<Spot<'_>> = documents.iter().map(Spot::root).collect();
    let mut notes = Notes::default();
    let mut slos = Vec::new();
    let mut names = BTreeSet::new();
    for document in &documents {
        let kind = document.text_of("kind").unwrap_or_default();
        if document.text_of("apiVersion").is_none_or(|version| version != API_VERSION) {
            notes.add(document, "not carried over: its `apiVersion` is not `openslo/v1`");
            continue;
        }
        match kind.as_str() {
            "SLO" => slos.extend(read(document, &documents, &mut names, &mut notes)),
            // Looked at where an objective refers to it.
            "SLI" => (),
            "DataSource" => notes.add(document, "not carried over: probes are the source of every objective here"),
            "Service" => notes.add(document, "not carried over: only its name counts, as that of a target"),
            "AlertPolicy" | "AlertCondition" | "AlertNotificationTarget" => {
                notes.add(document, "not carried over: who is told, and when, stands under `alerts:`");
            }
            _ => notes.add(document, "not carried over: this `kind` is none of OpenSLO v1"),
        }
    }
    slos.retain(|(slo, place)| is_valid(slo, place, &mut notes));
    let slos = Slos { slos: slos.into_iter().map(|(slo, _)| slo).collect() };
    let text = written(&slos).map_err(|error| Mistake {
        place: crate::config::mistake::Place::START,
        path: String::new(),
        message: format!("{error:#}"),
    })?;
    Ok(Imported { text, count: slos.slos.len(), notes })
}

fn written(slos: &Slos) -> anyhow::Result<String> {
    serde_saphyr::to_string(slos).context("the objectives cannot be written")
}

/// Whether our configuration takes an objective.
fn is_valid(slo: &Written, place: &Spot<'_>, notes: &mut Notes) -> bool {
    let read = written(&Slos { slos: vec![slo.clone()] })
        .and_then(|text| serde_saphyr::from_str::<Read>(&text).context("it is read otherwise than it was written"));
    match read {
        Ok(Read { slos }) => {
            let problems: Vec<_> = slos.iter().flat_map(|slo| slo.check(None)).collect();
            for problem in &problems {
                notes.add(place, format!("not carried over: `{}`: {}", problem.field, problem.message));
            }
            problems.is_empty()
        }
        Err(_) => {
            notes.add(place, "not carried over: a value of it is none that an objective can have here");
            false
        }
    }
}

/// The objectives of one document, each with its place.
fn read<'a>(
    document: &Spot<'a>,
    all: &[Spot<'_>],
    names: &mut BTreeSet<String>,
    notes: &mut Notes,
) -> Vec<(Written, Spot<'a>)> {
    let Some(spec) = document.key("spec") else {
        notes.add(document, "not carried over: it has no `spec`");
        return Vec::new();
    };
    let name =
        document.key("metadata").and_then(|metadata| metadata.text_of("name")).unwrap_or_else(|| "objective".into());
    if let Some(policies) = spec.key("alertPolicies") {
        notes.add(&policies, "not carried over: who is told, and when, stands under `alerts:`");
    }
    let Some(own) = indicator(document, &spec, all, notes) else { return Vec::new() };
    let own = own.as_ref();
    let probes =
        own.and_then(|own| own.key("probes")).map(|probes| probes.elements().iter().filter_map(Spot::text).collect());
    let probes: Vec<String> = probes.unwrap_or_else(|| {
        let target = spec.text_of("service").unwrap_or_else(|| "*".into());
        notes.add(
            document,
            "which probes it is about is not said: those of the target named as its `service` stand there",
        );
        vec![format!("{target}/*")]
    });
    let of_own = |key: &str| own.and_then(|own| own.text_of(key));
    let number_of_own = |key: &str| own.and_then(|own| own.key(key)).and_then(|value| value.number());
    let Some(window) = of_own("window").map(Window::Rolling).or_else(|| window(document, &spec, notes)) else {
        return Vec::new();
    };
    let (method, in_slices) = match spec.text_of("budgetingMethod").as_deref() {
        Some("Timeslices") => (Some("timeslices"), true),
        Some("RatioTimeslices") => (Some("ratio_timeslices"), true),
        Some("Occurrences") | None => (None, false),
        Some(_) => {
            notes.add(document, "not carried over: its `budgetingMethod` is not known");
            return Vec::new();
        }
    };
    let objectives = spec.key("objectives").map(|objectives| objectives.elements()).unwrap_or_default();
    if objectives.is_empty() {
        notes.add(document, "not carried over: it has no `objectives`");
    }
    let several = objectives.len() > 1;
    let mut slos = Vec::new();
    for (index, spot) in objectives.into_iter().enumerate() {
        let percent = spot.key("targetPercent").and_then(|target| target.number());
        // A percentage without the noise of the multiplication.
        let share = spot.key("target").and_then(|target| target.number());
        let Some(objective) = percent.or(share.map(|share| (share * 1e12).round() / 1e10)) else {
            notes.add(&spot, "not carried over: it has neither `target` nor `targetPercent`");
            continue;
        };
        let slice = of_own("slice").or_else(|| slice(&spot, notes)).filter(|_| in_slices);
        let of_slice = spot.key("timeSliceTarget").and_then(|target| target.number()).filter(|_| in_slices);
        let base = of_own("name").unwrap_or_else(|| name.clone());
        let mut unique = if several { format!("{base}-{}", index + 1) } else { base.clone() };
        while !names.insert(unique.clone()) {
            unique.push_str("-2");
        }
        notes.rest(
            &spot,
            &["displayName", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow"],
            "not carried over: it goes with a metric that is compared with a threshold",
        );
        slos.push((
            Written {
                name: unique,
                probes: probes.clone(),
                objective,
                window: Some(window.clone()),
                latency: of_own("latency"),
                method,
                slice,
                slice_target: number_of_own("slice_target").or(of_slice),
                missing: of_own("missing"),
                min_coverage: number_of_own("min_coverage"),
                since: of_own("since"),
            },
            spot,
        ));
    }
    slos
}

/// What stands under our own key of the indicator; nothing at all where the indicator cannot be carried over.
fn indicator<'a>(
    document: &Spot<'a>,
    spec: &Spot<'a>,
    all: &[Spot<'a>],
    notes: &mut Notes,
) -> Option<Option<Spot<'a>>> {
    let referred = spec.text_of("indicatorRef").map(|name| {
        all.iter().find(|other| {
            let named = other.key("metadata").and_then(|metadata| metadata.text_of("name"));
            other.text_of("kind").as_deref() == Some("SLI") && named.as_ref() == Some(&name)
        })
    });
    let indicator = match referred {
        Some(Some(referred)) => referred.key("spec"),
        Some(None) => {
            notes.add(document, "not carried over: the indicator that it refers to is not in this file");
            return None;
        }
        None => spec.key("indicator").and_then(|indicator| indicator.key("spec")),
    };
    let Some(indicator) = indicator else {
        notes.add(document, "not carried over: it has no indicator");
        return None;
    };
    if let Some(threshold) = indicator.key("thresholdMetric") {
        notes.add(
            &threshold,
            "not carried over: a probe is good or bad, it has no value to be compared with a threshold",
        );
        return None;
    }
    let ratio = indicator.key("ratioMetric");
    let source = ratio.as_ref().and_then(|ratio| ratio.key("good")).and_then(|good| good.key("metricSource"));
    let own = source.and_then(|source| source.key("spec")).and_then(|source| source.key(OWN));
    if let (None, Some(ratio)) = (&own, ratio) {
        notes.add(&ratio, "not carried over: the queries; results of probes are counted in their place");
    }
    Some(own)
}

fn window(document: &Spot<'_>, spec: &Spot<'_>, notes: &mut Notes) -> Option<Window> {
    let windows = spec.key("timeWindow").map(|windows| windows.elements()).unwrap_or_default();
    let Some(window) = windows.first() else {
        notes.add(document, "it has no `timeWindow`: 28 days stand there");
        return Some(Window::Rolling("28d".into()));
    };
    let Some(duration) = window.text_of("duration").and_then(|text| Shorthand::parse(&text)) else {
        notes.add(window, "not carried over: its `duration` is not a number and one of m, h, d, w, M, Q, Y");
        return None;
    };
    let Some(calendar) = window.key("calendar") else {
        if duration.is_vague() {
            notes.add(window, "a rolling window of months, quarters or years counts 30, 90 or 365 days for each");
        }
        let length = duration.length()?;
        return Some(Window::Rolling(humantime::format_duration(length).to_string()));
    };
    let Some(unit) = duration.period() else {
        notes.add(window, "not carried over: a calendar window is one day, week, month, quarter or year here");
        return None;
    };
    if calendar.text_of("startTime").is_some_and(|start| !is_beginning(&start, unit)) {
        notes.add(&calendar, "its `startTime` is not carried over: periods begin where those of the calendar do");
    }
    let timezone = calendar.text_of("timeZone").unwrap_or_else(|| "UTC".into());
    Some(Window::Calendar { calendar: times::word(unit), timezone })
}

/// Whether a period of the calendar begins at a moment.
fn is_beginning(start: &str, unit: reports::settings::CalendarUnit) -> bool {
    use reports::settings::CalendarUnit;
    let Ok(start) = start.parse::<jiff::civil::DateTime>() else { return false };
    let date = start.date();
    start.time() == jiff::civil::Time::midnight()
        && match unit {
            CalendarUnit::Day => true,
            CalendarUnit::Week => date.weekday() == jiff::civil::Weekday::Monday,
            CalendarUnit::Month => date.day() == 1,
            CalendarUnit::Quarter => date.day() == 1 && [1, 4, 7, 10].contains(&date.month()),
            CalendarUnit::Year => date.day_of_year() == 1,
        }
}

/// The length of a slice: a duration, or a number of minutes.
fn slice(objective: &Spot<'_>, notes: &mut Notes) -> Option<String> {
    let window = objective.key("timeSliceWindow")?;
    let length = match window.number() {
        Some(minutes) => std::time::Duration::try_from_secs_f64(minutes * 60.0).ok(),
        None => window.text().and_then(|text| Shorthand::parse(&text)).and_then(Shorthand::length),
    };
    if length.is_none() {
        notes.add(&window, "not carried over: it is neither a number of minutes nor a duration such as `5m`");
    }
    length.map(|length| humantime::format_duration(length).to_string())
}
