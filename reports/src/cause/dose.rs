//! Whether the failing share follows the share of new pods.

use jiff::{SignedDuration, Timestamp};
use storage::record::Change;
use storage::window::Window;

use super::candidate::Candidate;
use super::case::Case;
use super::evidence::Fact;
use super::model::Model;
use crate::input::shift;
use crate::series::Sample;

/// How long behind the last new pod executions are still compared.
const BEHIND: SignedDuration = SignedDuration::from_mins(2);
/// Most executions of one probe that are compared.
const MOST: usize = 240;
/// How near to never and to always a share is taken to be.
const EDGE: f64 = 0.02;

/// What the course of a rollout, and the share that fails, say.
pub(super) fn facts<'a>(
    candidate: &Candidate<'a>,
    case: &Case<'a>,
    model: &Model,
    say: &mut impl FnMut(Fact<'a>, f64),
) {
    let limits = model.dose;
    if let Some(ratio) = candidate.last().and_then(|rolled| follows(rolled, case)) {
        let ratio = ratio.clamp(limits.least.ln(), limits.most.ln()).exp();
        say(if ratio >= 1.0 { Fact::FollowsPods } else { Fact::IgnoresPods }, ratio);
    }
    if candidate.lag == "leak" {
        let leak = model.leak;
        match case.climbs {
            true => say(Fact::Climbs, leak.climbs / leak.background_climbs),
            false => say(Fact::Sudden, (1.0 - leak.climbs) / (1.0 - leak.background_climbs)),
        }
    }
    let Some(partial) = model.partial.get(candidate.lag) else { return };
    if case.partial {
        say(Fact::Partial, partial / limits.background_partial);
    } else {
        say(Fact::Whole, (1.0 - partial) / (1.0 - limits.background_partial));
    }
}

/// Logarithm of how much likelier the failures of the hardest hit probe are if they follow the new pods than if a
/// constant share fails from the onset on; nothing unless the onset lies inside the rollout.
///
/// New pods that fail give the share f; where tokens of old and new pods do not fit each other, 2·f·(1−f). A constant
/// share of which nothing is known gives the Beta-Binomial with one success and one failure seen before.
fn follows(rolled: &Change, case: &Case<'_>) -> Option<f64> {
    let (first, last) = rolled.progress.first().zip(rolled.progress.last())?;
    let done = last.1 >= 1.0;
    if done && last.0 <= case.start.lo || rolled.lo()? > case.start.hi || first.0 > last.0 {
        return None;
    }
    let until = if done { shift(last.0, BEHIND) } else { Timestamp::MAX };
    let span = Window { from: case.start.lo, until: until.min(case.window().until) };
    let hardest = case.failing.iter().max_by_key(|episode| episode.failed)?;
    let series = case.input.find(&hardest.target, &hardest.probe, &hardest.agent)?;
    let executed = series.singles(span).filter(|sample| sample.executed()).take(MOST);
    let (mut new, mut mixed, mut failed, mut all) = (0.0, 0.0, 0_u32, 0_u32);
    for sample in executed {
        let share = share_at(rolled, sample);
        new += chance(share, sample.failed());
        mixed += chance(2.0 * share * (1.0 - share), sample.failed());
        failed += u32::from(sample.failed());
        all += 1;
    }
    (all > 0).then(|| f64::max(new, mixed) - constant(failed, all))
}

fn share_at(rolled: &Change, sample: &Sample) -> f64 {
    let known = rolled.progress.iter().take_while(|(at, _)| *at <= sample.time).last();
    known.map_or(0.0, |(_, share)| share.clamp(0.0, 1.0))
}

fn chance(share: f64, failed: bool) -> f64 {
    let share = share.clamp(EDGE, 1.0 - EDGE);
    if failed { share.ln() } else { (1.0 - share).ln() }
}

/// Logarithm of B(failed + 1, all − failed + 1): of an unknown constant share, each as likely as another.
fn constant(failed: u32, all: u32) -> f64 {
    let factorial = |n: u32| (2..=n).map(|n| f64::from(n).ln()).sum::<f64>();
    factorial(failed) + factorial(all - failed) - factorial(all + 1)
}
