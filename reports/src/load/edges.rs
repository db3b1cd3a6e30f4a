//! Reads on at the ends of what was loaded of a series, until what lies inside can be judged.

use std::ops::ControlFlow;

use jiff::{SignedDuration, Timestamp};
use storage::error::Error;
use storage::sqlite::reader::{Reader, SeriesKey};
use storage::window::Window;

use crate::condense::Condenser;
use crate::input::shift;
use crate::plan::Plan;
use crate::series::{Piece, Sample, Series};

/// How much is read at first; each time after that twice as much.
const STEP: SignedDuration = SignedDuration::from_hours(24);

/// Reads backwards until there is a result before the window, and no failing stretch that begins further back; and
/// forward until there is one behind the window. A slot that is missing at the edge is placed by its neighbours, so one
/// result on either side is needed. `far` is what was loaded, `last` the start of the newest result.
pub(super) fn extend(
    reader: &Reader,
    plan: &Plan,
    far: Window,
    last: Timestamp,
    series: &mut Series,
    all: bool,
) -> Result<(), Error> {
    let mut loaded = far;
    let mut step = STEP;
    loop {
        let whole = series.pieces.first().is_some_and(|piece| piece.first() <= plan.window.from);
        let before = (whole && !begins_failing(series)) || series.first >= loaded.from;
        let behind = series.pieces.last().is_some_and(|piece| piece.last() >= plan.window.until) || last < loaded.until;
        if before && behind {
            return Ok(());
        }
        if !before {
            let from = shift(loaded.from, -step).max(series.first.min(loaded.from));
            let earlier = read(reader, plan, series, Window { from, until: loaded.from }, all)?;
            series.pieces.splice(0..0, earlier);
            loaded.from = from;
        }
        if !behind {
            let until = shift(loaded.until, step);
            let later = read(reader, plan, series, Window { from: loaded.until, until }, all)?;
            series.pieces.extend(later);
            loaded.until = until;
        }
        step = step.checked_mul(2).unwrap_or(step);
    }
}

fn read(reader: &Reader, plan: &Plan, series: &Series, window: Window, all: bool) -> Result<Vec<Piece>, Error> {
    let Series { target, probe, agent, .. } = series;
    let key = SeriesKey { target: target.clone(), probe: probe.clone(), agent: agent.clone() };
    let usual_ms = series.every_ms.or(plan.every_ms(target)).unwrap_or(0);
    let mut condenser = Condenser::new(plan.limit_us(&series.path()), usual_ms, plan, all);
    reader.results(Some(&key), Some(window), |result| {
        condenser.single(Sample::from(&result));
        ControlFlow::Continue(())
    })?;
    Ok(condenser.finish())
}

/// Whether the first executions all fail, so that the beginning of that lies further back.
fn begins_failing(series: &Series) -> bool {
    const ENOUGH: usize = 3;
    let executed = series.pieces.iter().filter_map(|piece| match piece {
        Piece::Single(sample) => sample.executed().then_some(sample.failed()),
        Piece::Quiet(_) => Some(false),
    });
    let mut first = executed.take(ENOUGH).peekable();
    first.peek().is_some() && first.all(|failed| failed)
}
