//! The results of a group of series within one day, column by column.

use std::borrow::Cow;

use pco::wrapped::FileDecompressor;

use super::column::{Effort, Format};
use super::head::{Head, MAX_ROWS, MAX_SECTIONS, Precision};
use super::rounding::rounded;
use super::row::{Brief, Row};
use super::section::{Packed, Section, write};
use super::starts::{Marks, Predictor};
use crate::binary::put;
use crate::damage::Damage;

/// A block as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// See [`Head`].
    pub(crate) head: Vec<u8>,
    /// The columns.
    pub(crate) data: Vec<u8>,
    /// CRC-32 of all that and of the group and the day.
    pub(crate) crc: u32,
    /// In all sections.
    pub(crate) rows: usize,
}

/// Packs the results of `group` on `day`, the sections in the order in which the series run.
///
/// The caller sees to what [`Section`] asks for, to at most [`MAX_SECTIONS`] sections of different series with
/// [`MAX_ROWS`] rows in all, and to durations of at least 0.
pub(crate) fn encode(group: i64, day: i64, sections: &[Section], effort: Effort, precision: Precision) -> Block {
    let rows = sections.iter().map(|section| section.rows.len()).sum();
    if sections.len() > MAX_SECTIONS || rows > MAX_ROWS {
        unreachable!("the caller cuts what does not fit into one block");
    }
    let mut data = Vec::new();
    let mut earlier = Vec::new();
    let mut parts = Vec::new();
    for Section { series, rows } in sections {
        let rows: Cow<'_, [Row]> = match precision {
            Precision::Exact => Cow::Borrowed(rows),
            Precision::Rounded => Cow::Owned(rows.iter().map(rounded).collect()),
        };
        parts.push(write(*series, &rows, &earlier, effort, precision, &mut data));
        earlier.push(Marks::of(&rows));
    }
    let mut head = Vec::new();
    put(&Head { sections: parts, precision, format: Format::current() }, &mut head);
    let crc = checksum(group, day, &head, &data);
    Block { head, data, crc, rows }
}

/// Checks that head and data are what was once packed for that group and day.
pub(crate) fn verify(group: i64, day: i64, head: &[u8], data: &[u8], crc: u32) -> Result<(), Damage> {
    if checksum(group, day, head, data) == crc { Ok(()) } else { Err(Damage("a checksum is wrong")) }
}

/// Unpacks the sections of the series that are `wanted`, in the order of the block.
pub(crate) fn decode(head: &Head, data: &[u8], wanted: impl Fn(i64) -> bool) -> Result<Vec<Section>, Damage> {
    let reader = head.format.reader()?;
    let packed = cut(head, data, &reader)?;
    let wanted: Vec<bool> = head.sections.iter().map(|part| wanted(part.series)).collect();
    let leaned_on = leaned_on(head, &wanted);
    let mut earlier: Vec<Marks> = Vec::with_capacity(packed.len());
    let mut sections = Vec::new();
    for ((packed, wanted), leaned_on) in packed.iter().zip(wanted).zip(leaned_on) {
        let section = if wanted { Some(packed.section(&earlier)?) } else { None };
        earlier.push(match (&section, leaned_on) {
            (_, None) => Marks::default(),
            (Some(section), Some(_)) => Marks::of(&section.rows),
            (None, Some(leaned_on)) => packed.marks(&earlier, leaned_on == LeanedOn::Ends)?,
        });
        sections.extend(section);
    }
    Ok(sections)
}

/// What judging needs of the results of the series that are `wanted`, by series, in the order of the block.
pub(crate) fn briefs(head: &Head, data: &[u8], wanted: impl Fn(i64) -> bool) -> Result<Vec<(i64, Vec<Brief>)>, Damage> {
    let reader = head.format.reader()?;
    let packed = cut(head, data, &reader)?;
    let wanted: Vec<bool> = head.sections.iter().map(|part| wanted(part.series)).collect();
    let leaned_on = leaned_on(head, &wanted);
    let mut earlier: Vec<Marks> = Vec::with_capacity(packed.len());
    let mut found = Vec::new();
    for (((packed, part), wanted), leaned_on) in packed.iter().zip(&head.sections).zip(wanted).zip(leaned_on) {
        let marks = if wanted {
            let (rows, marks) = packed.briefs(&earlier)?;
            found.push((part.series, rows));
            marks
        } else if let Some(leaned_on) = leaned_on {
            packed.marks(&earlier, leaned_on == LeanedOn::Ends)?
        } else {
            Marks::default()
        };
        earlier.push(marks);
    }
    Ok(found)
}

/// The durations of the results of `series` that succeeded, in microseconds and in the order of the rows; they cost less
/// than the rows. Empty when the block has no such series.
pub(crate) fn durations(head: &Head, data: &[u8], series: i64) -> Result<Vec<u64>, Damage> {
    let reader = head.format.reader()?;
    let packed = cut(head, data, &reader)?;
    let position = head.sections.iter().position(|part| part.series == series);
    position.map_or(Ok(Vec::new()), |position| packed[position].durations())
}

fn cut<'a>(head: &'a Head, mut data: &'a [u8], reader: &'a FileDecompressor) -> Result<Vec<Packed<'a>>, Damage> {
    let mut packed = Vec::with_capacity(head.sections.len());
    for part in &head.sections {
        packed.push(Packed::cut(part, head.precision, reader, &mut data)?);
    }
    if data.is_empty() { Ok(packed) } else { Err(Damage("bytes behind the columns")) }
}

/// What is needed of a section that is not wanted itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LeanedOn {
    Starts,
    Ends,
}

/// What the starts of the wanted sections lean on, directly or through others.
fn leaned_on(head: &Head, wanted: &[bool]) -> Vec<Option<LeanedOn>> {
    let mut leaned_on = vec![None; wanted.len()];
    for (position, part) in head.sections.iter().enumerate().rev() {
        if !wanted[position] && leaned_on[position].is_none() {
            continue;
        }
        let (back, what) = match part.predictor {
            Predictor::Chain(back) => (back, LeanedOn::Ends),
            Predictor::Beside(back) => (back, LeanedOn::Starts),
            Predictor::Before | Predictor::Grid => continue,
        };
        let on: &mut Option<LeanedOn> = &mut leaned_on[position - usize::from(back)];
        *on = (*on).max(Some(what));
    }
    leaned_on
}

fn checksum(group: i64, day: i64, head: &[u8], data: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&group.to_le_bytes());
    crc.update(&day.to_le_bytes());
    // The length of the head says where it ends and the data begins.
    crc.update(&(head.len() as u64).to_le_bytes());
    crc.update(head);
    crc.update(data);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::super::head;
    use super::*;

    /// Rows as tests like them: mostly alike, on a beat, but nothing is ruled out that a record can hold.
    fn rows(length: usize) -> impl Strategy<Value = Vec<Row>> {
        let earliest = jiff::Timestamp::MIN.as_millisecond();
        let latest = jiff::Timestamp::MAX.as_millisecond();
        let first = prop_oneof![3 => Just(1_780_000_000_000), 1 => earliest..0i64];
        let gap = prop_oneof![6 => 29_990..30_010i64, 1 => 1..200_000i64, 1 => Just(i64::MAX)];
        (first, vec((gap, row()), length)).prop_map(move |(first, steps)| {
            let mut time_ms = first;
            let mut rows: Vec<Row> = Vec::new();
            for (gap, row) in steps {
                rows.push(Row { time_ms, ..row });
                if time_ms == latest {
                    break;
                }
                time_ms = time_ms.saturating_add(gap).min(latest);
            }
            rows
        })
    }

    fn row() -> impl Strategy<Value = Row> {
        let usual = (Just((0, None, Some(200), None)), Just(Some(30_000)));
        let any = ((0..4u8, option::of(0..28u8), option::of(any::<u16>()), option::of(any::<i64>())), every());
        (prop_oneof![8 => usual, 1 => any], 0..4u8, took(), option::weighted(0.9, [(); 5].map(|()| duration())))
            .prop_map(|(((outcome, reason, status, detail), every_ms), kind, took_us, phases_us)| Row {
                time_ms: 0,
                kind: kind / 3,
                expect: kind / 3,
                variant: 0,
                outcome,
                reason,
                status,
                took_us: took_us.unwrap_or_else(|| phases_us.unwrap_or_default().iter().fold(0, |a, b| a ^ b)),
                phases_us,
                every_ms,
                detail,
            })
    }

    fn every() -> impl Strategy<Value = Option<i64>> {
        option::of(1..1_000_000_000_000_000i64)
    }

    fn took() -> impl Strategy<Value = Option<i64>> {
        option::weighted(0.5, duration())
    }

    fn duration() -> impl Strategy<Value = i64> {
        prop_oneof![6 => 0..400_000i64, 1 => 0..i64::MAX, 1 => Just(i64::MAX), 1 => Just(0)]
    }

    /// Sections of one length, so that chains can form, some of which lean on the one before.
    fn sections() -> impl Strategy<Value = Vec<Section>> {
        (1..40usize).prop_flat_map(|length| vec((rows(length), any::<bool>()), 0..6)).prop_map(|all| {
            let mut sections: Vec<Section> = Vec::new();
            for (series, (mut rows, chained)) in (10..).zip(all) {
                if let (true, Some(before)) = (chained, sections.last()) {
                    for (row, before) in rows.iter_mut().zip(&before.rows) {
                        let step = (before.took_us / 1000).clamp(0, 1000) + row.took_us % 2;
                        row.time_ms = before.time_ms.saturating_add(step);
                    }
                    rows.dedup_by_key(|row| row.time_ms);
                    let rising = rows.windows(2).take_while(|pair| pair[0].time_ms < pair[1].time_ms).count();
                    rows.truncate(rising + 1);
                }
                sections.push(Section { series, rows });
            }
            sections
        })
    }

    fn effort() -> impl Strategy<Value = Effort> {
        prop_oneof![Just(Effort::Quick), Just(Effort::Thorough)]
    }

    fn read(block: &Block, wanted: impl Fn(i64) -> bool) -> Vec<Section> {
        decode(&head::read(&block.head).unwrap(), &block.data, wanted).unwrap()
    }

    proptest! {
        #[test]
        fn a_block_decodes_to_what_was_encoded(sections in sections(), effort in effort()) {
            let block = encode(1, 2, &sections, effort, Precision::Exact);
            prop_assert_eq!(verify(1, 2, &block.head, &block.data, block.crc), Ok(()));
            prop_assert_eq!(read(&block, |_| true), sections);
        }

        #[test]
        fn a_rounded_block_decodes_to_the_rounded_rows(sections in sections()) {
            let block = encode(1, 2, &sections, Effort::Quick, Precision::Rounded);
            let mut round = sections;
            for section in &mut round {
                section.rows.iter_mut().for_each(|row| *row = rounded(row));
            }
            prop_assert_eq!(&read(&block, |_| true), &round);
            let again = encode(1, 2, &round, Effort::Quick, Precision::Rounded);
            prop_assert_eq!(again, block);
        }

        #[test]
        fn each_section_decodes_alone_as_among_all(sections in sections()) {
            let block = encode(1, 2, &sections, Effort::Quick, Precision::Exact);
            for section in &sections {
                prop_assert_eq!(&read(&block, |series| series == section.series), from_ref(section));
            }
        }

        #[test]
        fn briefs_are_those_of_the_rows(sections in sections(), alone: bool) {
            let block = encode(1, 2, &sections, Effort::Quick, Precision::Exact);
            let head = head::read(&block.head).unwrap();
            for Section { series, rows } in &sections {
                let found = briefs(&head, &block.data, |other| !alone || other == *series).unwrap();
                let own = found.iter().find(|(other, _)| other == series).map(|(_, rows)| rows.as_slice());
                let expected: Vec<Brief> = rows.iter().map(Brief::of).collect();
                prop_assert_eq!(own, Some(expected.as_slice()));
            }
        }

        #[test]
        fn durations_are_those_of_the_rows_that_succeeded(sections in sections(), round: bool) {
            let precision = if round { Precision::Rounded } else { Precision::Exact };
            let block = encode(1, 2, &sections, Effort::Quick, precision);
            let head = head::read(&block.head).unwrap();
            for Section { series, rows } in read(&block, |_| true) {
                let succeeded = rows.iter().filter(|row| row.succeeded());
                let took: Vec<u64> = succeeded.map(|row| row.took_us as u64).collect();
                prop_assert_eq!(durations(&head, &block.data, series), Ok(took));
            }
            prop_assert_eq!(durations(&head, &block.data, 1), Ok(Vec::new()));
        }

        #[test]
        fn the_head_alone_knows_series_rows_and_stretch(sections in sections()) {
            let block = encode(1, 2, &sections, Effort::Quick, Precision::Exact);
            let parts = head::read(&block.head).unwrap().sections;
            prop_assert_eq!(parts.iter().map(|part| part.rows as usize).sum::<usize>(), block.rows);
            prop_assert_eq!(parts.len(), sections.len());
            for (part, Section { series, rows }) in parts.iter().zip(&sections) {
                prop_assert_eq!(part.series, *series);
                prop_assert_eq!(part.rows as usize, rows.len());
                prop_assert_eq!((part.first_ms, part.last_ms), (rows[0].time_ms, rows[rows.len() - 1].time_ms));
            }
        }

        #[test]
        fn any_bytes_decode_or_are_damage(sections in sections(), noise in vec(any::<u8>(), 1..60), at: u16) {
            let Block { mut head, mut data, .. } = encode(1, 2, &sections, Effort::Quick, Precision::Exact);
            let at = usize::from(at) % (head.len() + data.len());
            for (byte, noise) in head.iter_mut().chain(&mut data).skip(at).zip(&noise) {
                *byte = *noise;
            }
            try_all(&head, &data);
            try_all(&noise, &data);
        }
    }

    /// Reads all there is without trusting the bytes. Whatever they are, this must return.
    fn try_all(head: &[u8], data: &[u8]) {
        let Ok(head) = head::read(head) else { return };
        if let Ok(sections) = decode(&head, data, |_| true) {
            for Section { rows, .. } in sections {
                assert!(rows.is_sorted_by(|row, next| row.time_ms < next.time_ms));
                assert!(rows.iter().all(|row| row.took_us >= 0));
            }
        }
        if let Ok(found) = briefs(&head, data, |_| true) {
            assert!(found.iter().flat_map(|(_, rows)| rows).all(|row| row.took_us >= 0));
        }
        for part in &head.sections {
            let _ = durations(&head, data, part.series);
        }
    }

    /// Three chained series, of which one fails in every third run, with every kind of column.
    fn small() -> Vec<Section> {
        let usual = |time_ms, took_us, phases_us| Row {
            time_ms,
            kind: 1,
            expect: 0,
            variant: 0,
            outcome: 0,
            reason: None,
            status: Some(200),
            took_us,
            phases_us: Some(phases_us),
            every_ms: Some(30_000),
            detail: None,
        };
        let first = (0..30i64).map(|run| {
            let processing = 40_000 + run * run * 977 % 90_000;
            usual(
                run * 30_000 + run * run * 31 % 17,
                9_000 + processing,
                [0, 3_000 + run % 700, 6_000 - run % 700, processing, 0],
            )
        });
        let first: Vec<Row> = first.collect();
        let second = first.iter().zip(0i64..).map(|(before, run)| {
            let row = usual(before.time_ms + before.took_us / 1000, 5 << 33, [0, 0, 0, 1 << 33, 1 << 35]);
            if run % 3 > 0 {
                row
            } else {
                Row { outcome: 1, reason: Some(14), detail: Some(run), phases_us: None, ..row }
            }
        });
        let second: Vec<Row> = second.collect();
        let third = second.iter().map(|before| usual(before.time_ms + before.took_us / 1000, 70_000, [0; 5])).collect();
        let sections = [(1, first), (2, second), (3, third)];
        sections.map(|(series, rows)| Section { series, rows }).into()
    }

    #[test]
    fn a_step_decodes_without_the_steps_that_it_leans_on() {
        let block = encode(1, 2, &small(), Effort::Quick, Precision::Exact);
        for section in small() {
            assert_eq!(read(&block, |series| series == section.series), [section]);
        }
    }

    #[test]
    fn every_truncation_is_damage() {
        let Block { head, data, crc, .. } = encode(1, 2, &small(), Effort::Quick, Precision::Exact);
        let whole = head::read(&head).unwrap();
        for end in 0..head.len() {
            assert!(verify(1, 2, &head[..end], &data, crc).is_err());
            assert!(head::read(&head[..end]).is_err(), "{end}");
        }
        for end in 0..data.len() {
            assert!(verify(1, 2, &head, &data[..end], crc).is_err());
            assert!(decode(&whole, &data[..end], |_| true).is_err(), "{end}");
        }
        assert!(head::read(&[head.as_slice(), &[0]].concat()).is_err());
        assert!(decode(&whole, &[data.as_slice(), &[0]].concat(), |_| true).is_err());
    }

    #[test]
    fn every_flipped_bit_is_damage() {
        let Block { head, data, crc, .. } = encode(1, 2, &small(), Effort::Quick, Precision::Exact);
        for bit in 0..(head.len() + data.len()) * 8 {
            let (mut head, mut data) = (head.clone(), data.clone());
            match head.get_mut(bit / 8) {
                Some(byte) => *byte ^= 1 << (bit % 8),
                None => data[bit / 8 - head.len()] ^= 1 << (bit % 8),
            }
            assert!(verify(1, 2, &head, &data, crc).is_err());
            try_all(&head, &data);
        }
        for (group, day) in [(2, 1), (1, 1), (2, 2)] {
            assert!(verify(group, day, &head, &data, crc).is_err());
        }
    }

    #[test]
    fn steps_lean_on_each_other_and_failures_that_are_alike_cost_nothing() {
        let mut sections = small();
        let length = |sections: &[Section]| encode(1, 2, sections, Effort::Quick, Precision::Exact).data.len();
        let head = head::read(&encode(1, 2, &sections, Effort::Quick, Precision::Exact).head).unwrap();
        let predictors = head.sections.iter().map(|part| part.predictor);
        assert_eq!(predictors.collect::<Vec<_>>(), [Predictor::Grid, Predictor::Chain(1), Predictor::Chain(1)]);
        sections.truncate(1);
        let fine = length(&sections);
        for row in &mut sections[0].rows {
            *row = Row { outcome: 1, reason: Some(14), status: Some(503), detail: Some(7), ..row.clone() };
        }
        assert_eq!(length(&sections), fine);
        assert_eq!(head::read(&encode(1, 2, &[], Effort::Quick, Precision::Exact).head).unwrap().sections, []);
    }
}
