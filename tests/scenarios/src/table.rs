//! The figures of many scenes, by case and together, beside the targets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::score::baselines;
use crate::score::closure::Closure;
use crate::score::matching::Pairs;
use crate::score::statistics::{brier, calibration_error, mcnemar, median, wilson};
use crate::score::verdicts::{Scored, Scoring};

/// Probabilities from which an answer is given, for the curve of risk and coverage.
const BOUNDS: [f64; 10] = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];

/// The figures of some scenes.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// True incidents that could be seen.
    pub incidents: usize,
    /// Changes that were named, and how many of them rightly.
    pub named: f64,
    /// See `named`.
    pub named_right: f64,
    /// Incidents that a change caused.
    pub by_change: f64,
    /// Of those, the change was named.
    pub by_change_right: f64,
    /// Of those, the change was among the first three.
    pub by_change_top3: f64,
    /// Incidents that no change caused.
    pub by_none: f64,
    /// Of those, answered none.
    pub by_none_right: f64,
    /// Of those, answered none or ambiguous.
    pub by_none_unharmed: f64,
    /// Answered ambiguous.
    pub ambiguous: f64,
    /// Not found.
    pub missed: usize,
    /// Reported incidents that are about nothing.
    pub spurious: usize,
    /// Scenes in which nothing broke, and how many of them without a reported incident.
    pub quiet: f64,
    /// See `quiet`.
    pub quiet_right: f64,
    /// Triggers asked for.
    pub triggers: f64,
    /// Of those, right.
    pub triggers_right: f64,
    /// Tags, severities and bounds that are not as asked for.
    pub marks_wrong: usize,
    /// Confidence and credit of each answer.
    pub answers: Vec<(f64, f64)>,
    /// Errors of the onset at full failure, in intervals.
    pub onset_errors: Vec<f64>,
    /// Onsets, and how many of them are held by their interval; at full failure.
    pub onsets: f64,
    /// See `onsets`.
    pub onsets_held: f64,
    /// The same where a part of the requests fails.
    pub partial_onsets: f64,
    /// See `partial_onsets`.
    pub partial_onsets_held: f64,
    /// Full outages that could be seen, and how many were found.
    pub full: f64,
    /// See `full`.
    pub full_found: f64,
    /// Partial ones that could be seen, and how many were found.
    pub partial: f64,
    /// See `partial`.
    pub partial_found: f64,
    /// How failing stretches are put together.
    pub pairs: Pairs,
    /// How many incidents each simple rule gets right.
    pub baselines: Vec<f64>,
    /// Sum of the credits.
    pub credit: f64,
    /// Confidence and credit of each answer that names a change.
    pub named_answers: Vec<(f64, f64)>,
    /// Whether all that the reports name exists.
    pub closure: Closure,
}

impl Figures {
    /// The figures of scenes.
    #[must_use]
    pub fn of<'a>(scenes: impl IntoIterator<Item = &'a Scored>) -> Figures {
        let mut figures = Figures { baselines: vec![0.0; baselines::NAMES.len()], ..Figures::default() };
        for scene in scenes {
            figures.add(scene);
        }
        figures
    }

    /// Named rightly among named.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.named_right, self.named)
    }

    /// Named among caused by a change.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.by_change_right, self.by_change)
    }

    /// Right answers among the incidents that could be seen.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        share(self.credit, self.incidents as f64)
    }

    /// Pairwise F1 of the grouping.
    #[must_use]
    pub fn grouping(&self) -> f64 {
        let Pairs { both, report_only, truth_only } = self.pairs;
        share(2.0 * both as f64, (2 * both + report_only + truth_only) as f64)
    }

    fn add(&mut self, scene: &Scored) {
        if scene.answers.is_empty() {
            self.quiet += 1.0;
            self.quiet_right += f64::from(u8::from(scene.spurious == 0));
        }
        self.closure.add(&scene.closure);
        self.spurious += scene.spurious;
        self.pairs.both += scene.pairs.both;
        self.pairs.report_only += scene.pairs.report_only;
        self.pairs.truth_only += scene.pairs.truth_only;
        for right in scene.others.iter().flatten() {
            self.named += 1.0;
            self.named_right += f64::from(u8::from(*right));
        }
        // What could hardly be seen counts where it was seen all the same.
        for answer in scene.answers.iter().filter(|answer| answer.visible || answer.found) {
            self.answer(answer);
        }
    }

    fn answer(&mut self, answer: &Scoring) {
        let one = |yes: bool| f64::from(u8::from(yes));
        self.incidents += 1;
        self.credit += answer.credit;
        if answer.visible {
            if answer.full {
                self.full += 1.0;
                self.full_found += one(answer.found);
            } else {
                self.partial += 1.0;
                self.partial_found += one(answer.found);
            }
        }
        if answer.by_change {
            self.by_change += 1.0;
            self.by_change_right += answer.credit;
            self.by_change_top3 += one(answer.top3);
        } else {
            self.by_none += 1.0;
            self.by_none_right += one(answer.verdict == "none");
            self.by_none_unharmed += one(answer.found && answer.verdict != "change");
        }
        if !answer.found {
            self.missed += 1;
            return;
        }
        for (sum, right) in self.baselines.iter_mut().zip(&answer.baselines) {
            *sum += one(*right);
        }
        if answer.verdict == "change" {
            self.named += 1.0;
            self.named_right += answer.credit;
            self.named_answers.push((answer.confidence, answer.credit));
        }
        self.ambiguous += one(answer.verdict == "ambiguous");
        self.answers.push((answer.confidence, answer.credit));
        self.marks_wrong += usize::from(!answer.marks);
        if let Some(right) = answer.trigger {
            self.triggers += 1.0;
            self.triggers_right += one(right);
        }
        if answer.full {
            self.onsets += 1.0;
            self.onsets_held += one(answer.onset_covered);
            self.onset_errors.push(answer.onset_error);
        } else {
            self.partial_onsets += 1.0;
            self.partial_onsets_held += one(answer.onset_covered);
        }
    }
}

/// The figures by case and decoy load, and all together, as Markdown.
#[must_use]
pub fn markdown(scenes: &[Scored]) -> String {
    let mut page = String::new();
    let mut by_case: BTreeMap<&str, Vec<&Scored>> = BTreeMap::new();
    for scene in scenes {
        by_case.entry(&scene.case).or_default().push(scene);
    }
    page.push_str("| case | n | right | top-3 | ambiguous | missed | false | trigger | marks wrong | onset held |");
    let rules: String = baselines::NAMES.iter().map(|name| format!(" {name} |")).collect();
    let _ = writeln!(page, "{rules}");
    let _ = writeln!(page, "|---{}", "|---:".repeat(9 + baselines::NAMES.len()) + "|");
    for (case, scenes) in &by_case {
        row(&mut page, case, &Figures::of(scenes.iter().copied()));
    }
    row(&mut page, "**all**", &Figures::of(scenes));
    for load in [5, 80, 400] {
        let figures = Figures::of(scenes.iter().filter(|scene| scene.decoys == load));
        row(&mut page, &format!("{load} decoys a day"), &figures);
    }
    page.push('\n');
    summary(&mut page, scenes);
    page
}

fn row(page: &mut String, name: &str, figures: &Figures) {
    let (right, top3) = if figures.incidents == 0 {
        (percent(figures.quiet_right, figures.quiet), "–".into())
    } else {
        let top3 =
            if figures.by_change > 0.0 { percent(figures.by_change_top3, figures.by_change) } else { "–".into() };
        (percent(figures.credit, figures.incidents as f64), top3)
    };
    let count = figures.incidents as f64;
    let held = percent(figures.onsets_held + figures.partial_onsets_held, figures.onsets + figures.partial_onsets);
    let _ = write!(
        page,
        "| {name} | {} | {right} | {top3} | {} | {} | {} | {} | {} | {held} |",
        if figures.incidents == 0 { figures.quiet as usize } else { figures.incidents },
        percent(figures.ambiguous, count),
        figures.missed,
        figures.spurious,
        percent(figures.triggers_right, figures.triggers),
        figures.marks_wrong,
    );
    for rule in &figures.baselines {
        let _ = write!(page, " {} |", percent(*rule, count));
    }
    page.push('\n');
}

fn summary(page: &mut String, scenes: &[Scored]) {
    let figures = Figures::of(scenes);
    let (low, _) = wilson(figures.named_right, figures.named);
    let mut line = |name: &str, value: String, target: &str| {
        let _ = writeln!(page, "| {name} | {value} | {target} |");
    };
    line("figure", "value".into(), "target");
    line("---", "---:".into(), "---:");
    line("precision", format!("{:.4} of {}", figures.precision(), figures.named), "≥ 0.95");
    line("its Wilson lower bound", format!("{low:.4}"), "≥ 0.924");
    line("recall, first answer", format!("{:.4} of {}", figures.recall(), figures.by_change), "≥ 0.95");
    line("recall, first three", format!("{:.4}", share(figures.by_change_top3, figures.by_change)), "≥ 0.99");
    line(
        "none answered none",
        format!("{:.4} of {}", share(figures.by_none_right, figures.by_none), figures.by_none),
        "≥ 0.93",
    );
    line("none unharmed", format!("{:.4}", share(figures.by_none_unharmed, figures.by_none)), "≥ 0.97");
    line("abstention", format!("{:.4}", share(figures.ambiguous, figures.incidents as f64)), "≤ 0.05");
    line("calibration error", format!("{:.4}", calibration_error(&figures.answers)), "≤ 0.05");
    line("Brier", format!("{:.4}", brier(&figures.answers)), "≤ 0.05");
    line("onset error at full failure, intervals", format!("{:.3}", median(&figures.onset_errors)), "≤ 0.5");
    let (held, onsets) = (figures.onsets_held + figures.partial_onsets_held, figures.onsets + figures.partial_onsets);
    line("onset held", format!("{:.4} of {onsets}", share(held, onsets)), "0.93–0.99");
    line(
        "onset held at full failure",
        format!("{:.4} of {}", share(figures.onsets_held, figures.onsets), figures.onsets),
        "",
    );
    line(
        "onset held at partial failure",
        format!("{:.4} of {}", share(figures.partial_onsets_held, figures.partial_onsets), figures.partial_onsets),
        "",
    );
    line("full outages found", format!("{} of {}", figures.full_found, figures.full), "all");
    line("partial outages found", format!("{} of {}", figures.partial_found, figures.partial), "≥ 0.99");
    line("quiet scenes without an incident", format!("{} of {}", figures.quiet_right, figures.quiet), "");
    line("reported incidents about nothing", figures.spurious.to_string(), "");
    line("grouping, pairwise F1", format!("{:.4}", figures.grouping()), "≥ 0.95");
    let Closure { named, found, .. } = figures.closure;
    line("evidence that exists", format!("{found} of {named}"), "all");
    line("trigger", format!("{:.4} of {}", share(figures.triggers_right, figures.triggers), figures.triggers), "");
    let took: Vec<f64> = scenes.iter().map(|scene| scene.took_ms).collect();
    line(
        "ms a report, median and most",
        format!("{:.1} {:.1}", median(&took), took.iter().copied().fold(0.0, f64::max)),
        "",
    );
    coverage(page, &figures);
    comparison(page, scenes);
}

/// What is right, and how much is answered, where only what is likelier than a bound is answered.
fn coverage(page: &mut String, figures: &Figures) {
    page.push_str("\n| answered from | changes named | precision | its Wilson lower bound | answered, % of all | right of these |\n");
    page.push_str("|---:|---:|---:|---:|---:|---:|\n");
    let all = figures.incidents as f64;
    for bound in BOUNDS {
        let (named, named_right) = above(&figures.named_answers, bound);
        let (answered, right) = above(&figures.answers, bound);
        let (low, _) = wilson(named_right, named);
        let _ = writeln!(
            page,
            "| {bound:.2} | {} | {:.4} | {low:.4} | {} | {:.4} |",
            named,
            share(named_right, named),
            percent(answered, all),
            share(right, answered),
        );
    }
}

/// Answers whose confidence reaches a bound, and the sum of their credits.
fn above(answers: &[(f64, f64)], bound: f64) -> (f64, f64) {
    let reach = answers.iter().filter(|(confidence, _)| *confidence >= bound);
    reach.fold((0.0, 0.0), |(count, sum), (_, credit)| (count + 1.0, sum + credit))
}

/// Against the best simple rule on the cases that invite a wrong answer.
fn comparison(page: &mut String, scenes: &[Scored]) {
    let deceptive =
        || scenes.iter().filter(|scene| scene.deceptive).flat_map(|scene| &scene.answers).filter(|a| a.found);
    let rule_sum = |rule: usize| deceptive().filter(|answer| answer.baselines[rule]).count();
    let Some(best) = (0..baselines::NAMES.len()).max_by_key(|rule| rule_sum(*rule)) else { return };
    let ours = deceptive().filter(|answer| answer.credit >= 1.0 && !answer.baselines[best]).count();
    let theirs = deceptive().filter(|answer| answer.credit < 1.0 && answer.baselines[best]).count();
    let total = deceptive().count();
    let right = deceptive().filter(|answer| answer.credit >= 1.0).count();
    let p = mcnemar(ours as u64, theirs as u64);
    let _ = writeln!(
        page,
        "\nOn the {total} incidents that invite a wrong answer: {right} right; the best simple rule (`{}`) {}. \
         Only ours right: {ours}; only the rule's: {theirs}; McNemar p = {p:.2e}.",
        baselines::NAMES[best],
        rule_sum(best)
    );
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 1.0 }
}

fn percent(part: f64, whole: f64) -> String {
    if whole > 0.0 { format!("{:.1}", 100.0 * part / whole) } else { "–".into() }
}
