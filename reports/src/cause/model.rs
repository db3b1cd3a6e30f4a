//! The numbers of `model.toml`, typed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::class::Pattern;
use super::lag::Part;

/// Everything that attribution rests on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What happens without a change.
    pub background: Background,
    /// How strictly a pattern is read.
    pub class: Class,
    /// Where changes are looked for.
    pub search: Search,
    /// Factors on a change's weight.
    pub factor: Factors,
    /// What is used up slowly.
    pub leak: Leak,
    /// Whether the failing share follows a rollout.
    pub dose: Dose,
    /// How often only a part of the executions fails, by the name of the delay.
    pub partial: BTreeMap<String, f64>,
    /// How much what people said changes the numbers.
    pub learning: Learning,
    /// Chance that a change of a kind breaks what depends on it.
    pub prior: BTreeMap<String, f64>,
    /// Delay from a change to its effect.
    pub lag: BTreeMap<String, Vec<Part>>,
    /// What the probes show together, by what broke.
    pub profile: BTreeMap<String, Vec<Pattern>>,
    /// What the probes show together where nothing was changed.
    pub background_pattern: Vec<Pattern>,
}

/// What happens without a change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Background {
    /// Incidents an hour.
    pub rate_per_hour: f64,
    /// How many times likelier an unseen cause is while a feed is blind.
    pub gap_factor: f64,
    /// Highest probability of no change while a feed is blind.
    pub none_ceiling_with_gap: f64,
    /// Share that looks like the effect of a change.
    pub unseen: f64,
}

/// How strictly a pattern is read.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// How often a probe shows another class than its pattern.
    pub epsilon: f64,
    /// How well a refusal without detail fits the class of a certain refusal.
    pub generic: f64,
}

/// Where changes are looked for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Hours before the onset.
    pub hours: f64,
    /// Hours before the onset, for what waits for a restart.
    pub dormant_hours: f64,
    /// Assumed length of a rollout without an end, in seconds.
    pub open_rollout_s: f64,
    /// Seconds between a secret's change and that of the prober's own copy of it.
    pub copy_s: f64,
    /// Seconds by which the clocks of a source of changes and of the prober may differ.
    pub clock_s: f64,
    /// Seconds between changes of one deploy.
    pub one_deploy_s: f64,
    /// Seconds between a pipeline's deploy, or a changed configuration, and what it rolls out.
    pub pipeline_s: f64,
    /// Share of the likeliest one's weight from which another change of its deploy is named with it.
    pub joint_from: f64,
}

/// Factors on a change's weight; each stands with its reason in the file.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each number has its sentence in model.toml, beside its value")]
pub struct Factors {
    pub unrelated: f64,
    pub of_others: f64,
    pub uncovered: f64,
    pub spared: f64,
    pub healthy_elsewhere: f64,
    pub data_unchanged: f64,
    pub touches_probe: f64,
    pub touches_other: f64,
    pub unknown_mount: f64,
    pub read_at_start: f64,
    pub scale: f64,
    pub failed_before: f64,
    pub reverted: f64,
    pub touched_again: f64,
    pub restarted_again: f64,
    pub rollout_done: f64,
    pub healed_by_itself: f64,
    pub healed_in_force: f64,
    pub history_strength: f64,
    pub short_lead_s: f64,
    pub key_unpublished: f64,
    pub key_published: f64,
}

/// What a rollout uses up until nothing is left.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leak {
    /// Share of the harmful rollouts that leak.
    pub share: f64,
    /// How often the failing share then climbs slowly.
    pub climbs: f64,
    /// How often it does so otherwise.
    pub background_climbs: f64,
    /// From how many seconds on a climb is slow.
    pub climb_s: f64,
}

/// Whether the failing share follows a rollout.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dose {
    /// Least that failures beside the new pods count.
    pub least: f64,
    /// Most that failures along the new pods count.
    pub most: f64,
    /// How often only a part of the executions fails where no change is behind it.
    pub background_partial: f64,
}

/// How much what people said changes the numbers; each stands with its reason in the file.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each number has its sentence in model.toml, beside its value")]
pub struct Learning {
    pub kind_changes: f64,
    pub target_changes: f64,
    pub background_incidents: f64,
    pub lag_samples: f64,
    pub at_most_times: f64,
}

/// The file that this version ships with, for those who want to copy from it.
pub const BUILT_IN: &str = include_str!("model.toml");

impl Model {
    /// The numbers that this version ships with.
    ///
    /// # Errors
    /// When the file that was built in does not parse; a test rules that out.
    pub fn built_in() -> Result<Model, toml::de::Error> {
        toml::from_str(BUILT_IN)
    }
}

impl Default for Model {
    fn default() -> Self {
        Model::built_in().unwrap_or_else(|_| unreachable!("a test reads the built-in file"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_numbers_are_complete_and_shares_add_up() {
        let model = Model::built_in().unwrap();
        for (name, parts) in &model.lag {
            let sum: f64 = parts.iter().map(|part| part.share).sum();
            assert!((sum - 1.0).abs() < 1e-9, "lag.{name} adds up to {sum}");
        }
        for (name, patterns) in &model.profile {
            let sum: f64 = patterns.iter().map(|pattern| pattern.weight).sum();
            assert!((sum - 1.0).abs() < 1e-9, "profile.{name} adds up to {sum}");
        }
        let sum: f64 = model.background_pattern.iter().map(|pattern| pattern.weight).sum();
        assert!((sum - 1.0).abs() < 1e-9, "background_pattern adds up to {sum}");
        assert!(model.background_pattern.iter().all(|pattern| !pattern.name.is_empty()));
        for pattern in model.profile.values().flatten().chain(&model.background_pattern) {
            assert!(pattern.mixtures().all(|shown| (shown.sum() - 1.0).abs() < 1e-9), "{pattern:?}");
        }
    }
}
