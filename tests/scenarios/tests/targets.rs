//! What verdicts must reach, on seeds that nothing was tuned on. With so few seeds the bounds on figures that vary from
//! seed to seed are those of the large run, less what so small a number may miss them by.

use scenarios::cases;
use scenarios::quiet::false_opens;
use scenarios::runs::run;
use scenarios::score::statistics::{brier, calibration_error, median, wilson};
use scenarios::table::Figures;

/// Each case is played with the three decoy loads.
const SEEDS: (u64, u64) = (20_001, 20_004);

#[test]
fn verdicts_reach_their_targets() {
    let scenes = run(&cases::all(), SEEDS.0, SEEDS.1, None).unwrap();
    let figures = Figures::of(&scenes);
    let least = [
        ("precision", figures.precision(), 0.95),
        ("its Wilson lower bound", wilson(figures.named_right, figures.named).0, 0.924),
        ("recall", figures.recall(), 0.94),
        ("recall of the first three", figures.by_change_top3 / figures.by_change, 0.975),
        ("none where none", figures.by_none_right / figures.by_none, 0.93),
        ("full outages found", figures.full_found / figures.full, 1.0),
        ("partial outages found", figures.partial_found / figures.partial, 0.99),
        ("grouping", figures.grouping(), 0.95),
        (
            "onsets held",
            (figures.onsets_held + figures.partial_onsets_held) / (figures.onsets + figures.partial_onsets),
            0.93,
        ),
    ];
    for (name, value, least) in least {
        assert!(value >= least, "{name}: {value:.4}, at least {least}");
    }
    let most = [
        ("abstention", figures.ambiguous / figures.incidents as f64, 0.05),
        ("calibration error", calibration_error(&figures.answers), 0.05),
        ("Brier", brier(&figures.answers), 0.05),
        ("onset error in intervals", median(&figures.onset_errors), 0.5),
    ];
    for (name, value, most) in most {
        assert!(value <= most, "{name}: {value:.4}, at most {most}");
    }
    let closure = &figures.closure;
    assert!(
        closure.lost.is_empty() && closure.named > 10_000,
        "{} of {}: {:?}",
        closure.found,
        closure.named,
        closure.lost
    );
    let simple = figures.baselines.iter().copied().fold(0.0, f64::max) / figures.incidents as f64;
    assert!(figures.accuracy() > simple, "the best simple rule is right in {simple:.3}");
}

#[test]
fn noise_of_one_in_five_hundred_is_no_incident() {
    let (opens, months) = false_opens(20_001, 0.002, 120.0).unwrap();
    assert!(opens as f64 <= 0.1 * months, "{opens} in {months} probe-months");
}
