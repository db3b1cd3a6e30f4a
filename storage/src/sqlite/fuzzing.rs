//! What must hold of any bytes that stand where a block should. A fuzz target calls it, and a test with altered examples.

use super::block::{Block, decode, durations, encode};
use super::column::Effort;
use super::head::{self, Precision};
use super::section::Section;

/// Bytes that are read as a block, without a look at its checksum: two that say how long the head is, head, columns.
/// They are damage, or results that make a block again.
///
/// # Panics
///
/// When that does not hold.
pub fn block(bytes: &[u8]) {
    let Some((length, bytes)) = bytes.split_first_chunk() else { return };
    let (head, data) = bytes.split_at(bytes.len().min(u16::from_le_bytes(*length).into()));
    let Ok(head) = head::read(head) else { return };
    let sections = decode(&head, data, |_| true);
    for part in &head.sections {
        let took = durations(&head, data, part.series);
        let Ok(sections) = &sections else { continue };
        let Some(Section { rows, .. }) = sections.iter().find(|section| section.series == part.series) else {
            unreachable!("every section of the head is unpacked")
        };
        assert_eq!(rows.len(), part.rows as usize);
        assert!(rows.is_sorted_by(|row, next| row.time_ms < next.time_ms));
        assert!(rows.iter().all(|row| row.took_us >= 0));
        let succeeded = rows.iter().filter(|row| row.succeeded());
        assert_eq!(took, Ok(succeeded.map(|row| row.took_us.unsigned_abs()).collect()));
    }
    let Ok(sections) = sections else { return };
    let Block { head, data, .. } = encode(0, 0, &sections, Effort::Quick, Precision::Exact);
    let again = head::read(&head).and_then(|head| decode(&head, &data, |_| true));
    assert_eq!(again, Ok(sections));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::alteration::{alter, alterations};

    /// Blocks of both precisions: three steps in a chain, of which the second one fails now and then.
    const EXAMPLES: &[&[u8]] =
        &[include_bytes!("../../../fuzz/seeds/block/exact"), include_bytes!("../../../fuzz/seeds/block/rounded")];

    /// Numbers at the ends of their ranges, as blocks spell them.
    const PIECES: &[&[u8]] = &[
        b"\x00",
        b"\xFF\xFF\xFF\xFF\x0F",
        b"\x80\x80\x10",
        b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
        b"\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
    ];

    #[test]
    fn the_examples_are_blocks() {
        for example in EXAMPLES {
            let (length, bytes) = example.split_first_chunk().unwrap();
            let (head, data) = bytes.split_at(u16::from_le_bytes(*length).into());
            let head = head::read(head).unwrap();
            assert_eq!(decode(&head, data, |_| true).unwrap().len(), 3);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_alteration_of_a_block_is_damage_or_results(
            example in select(EXAMPLES),
            alterations in alterations(PIECES),
        ) {
            let mut bytes = example.to_vec();
            alter(&mut bytes, alterations);
            block(&bytes);
        }
    }
}
