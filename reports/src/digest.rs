//! Digests that name things by their content.

use storage::window::Window;
use xxhash_rust::xxh3::xxh3_128;

use crate::input::Input;
use crate::series::{Piece, Quiet};
use crate::settings::Settings;

/// A name made of a letter and twelve digits of the digest of some words.
#[must_use]
pub fn short(letter: &str, words: &[&str]) -> String {
    let digest = format!("{:032x}", xxh3_128(words.join("\u{1f}").as_bytes()));
    format!("{letter}-{}", digest.get(..12).unwrap_or(&digest))
}

/// The digest of all that a report was made from. The order in which records arrived does not matter.
#[must_use]
pub fn inputs(input: &Input, settings: &Settings, window: Window) -> String {
    let mut lines: Vec<String> = vec![format!("window {} {}", window.from, window.until)];
    lines.extend(settings.slos.iter().map(|slo| format!("slo {slo:?}")));
    lines.extend(settings.corrections.iter().map(|correction| format!("correction {correction:?}")));
    lines.extend(settings.every.iter().map(|(target, every)| format!("every {target} {every:?}")));
    lines.push(format!("model {:?}", settings.model));
    let json = |value: serde_json::Result<String>| value.unwrap_or_default();
    lines.extend(input.changes.iter().map(|change| format!("change {}", json(serde_json::to_string(change)))));
    lines.extend(input.gaps.iter().map(|gap| format!("gap {}", json(serde_json::to_string(gap)))));
    lines.extend(input.verdicts.iter().map(|verdict| format!("verdict {}", json(serde_json::to_string(verdict)))));
    for series in &input.series {
        lines.push(format!(
            "series {}/{} {} {} {:?}",
            series.target, series.probe, series.agent, series.first, series.every_ms
        ));
        let mut state = xxhash_rust::xxh3::Xxh3::new();
        for piece in &series.pieces {
            match piece {
                Piece::Single(sample) => {
                    let reason = sample.reason.map_or(u8::MAX, |reason| reason.code());
                    state.update(&sample.time.as_millisecond().to_le_bytes());
                    state.update(&[sample.outcome.code(), reason]);
                    state.update(&sample.took_us.to_le_bytes());
                    state.update(&sample.every_ms().unwrap_or(-1).to_le_bytes());
                    state.update(sample.detail.as_deref().map(String::as_str).unwrap_or_default().as_bytes());
                }
                Piece::Quiet(quiet @ Quiet { first, count, every_ms, .. }) => {
                    state.update(&first.as_millisecond().to_le_bytes());
                    state.update(&quiet.last().as_millisecond().to_le_bytes());
                    state.update(&count.to_le_bytes());
                    state.update(&every_ms.to_le_bytes());
                }
            }
        }
        lines.push(format!("results {:032x}", state.digest128()));
    }
    lines.sort_unstable();
    format!("xxh3:{:032x}", xxh3_128(lines.join("\n").as_bytes()))
}
