//! Alters examples of bytes from outside, so that tests meet what nobody thought of.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What happens to some bytes at one place.
#[derive(Debug, Clone)]
pub(crate) enum Alteration {
    Flip(u8),
    Insert(&'static [u8]),
    Remove(usize),
    /// So many bytes, so many times over.
    Repeat(usize, usize),
}

/// A few alterations, with their places. They insert some of `pieces`.
pub(crate) fn alterations(pieces: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<(Index, Alteration)>> {
    let alteration = prop_oneof![
        any::<u8>().prop_map(Alteration::Flip),
        select(pieces).prop_map(Alteration::Insert),
        (1..40_usize).prop_map(Alteration::Remove),
        (1..40_usize, 1..60_usize).prop_map(|(length, times)| Alteration::Repeat(length, times)),
    ];
    vec((any::<Index>(), alteration), 0..6)
}

/// Does them one after the other.
pub(crate) fn alter(bytes: &mut Vec<u8>, alterations: Vec<(Index, Alteration)>) {
    for (place, alteration) in alterations {
        if bytes.is_empty() {
            return;
        }
        let at = place.index(bytes.len());
        let until = |length: usize| bytes.len().min(at + length);
        match alteration {
            Alteration::Flip(bits) => bytes[at] ^= bits,
            Alteration::Insert(piece) => drop(bytes.splice(at..at, piece.iter().copied())),
            Alteration::Remove(length) => drop(bytes.drain(at..until(length))),
            Alteration::Repeat(length, times) => {
                let pieces = bytes[at..until(length)].repeat(times);
                bytes.splice(at..at, pieces);
            }
        }
    }
}
