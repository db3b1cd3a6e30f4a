//! How much a timeline shows: what matters least is left out first, and counted.

use std::collections::BTreeMap;

use super::{Item, LeftOut, Placed, Role, Told, order};

/// Most items that are shown.
pub(super) const MOST: usize = 10_000;

/// The items in their order: of too many, those whose part matters most, and of one part the latest. Where `one` incident
/// was asked for, without what has nothing to do with it.
pub(super) fn bounded(mut items: Vec<Placed>, one: bool) -> Told {
    let mut left_out: BTreeMap<Role, usize> = BTreeMap::new();
    let mut leave_out = |placed: &Placed| *left_out.entry(placed.item.role).or_default() += 1;
    if one {
        let (kept, unrelated) = items.into_iter().partition(|placed| placed.item.role != Role::Unrelated);
        items = kept;
        let unrelated: Vec<Placed> = unrelated;
        unrelated.iter().for_each(&mut leave_out);
    }
    order::sort(&mut items);
    if items.len() > MOST {
        // The sort is stable: among those of one role the order by time stays, the latest first.
        items.reverse();
        items.sort_by_key(|placed| placed.item.role);
        items.split_off(MOST).iter().for_each(&mut leave_out);
        order::sort(&mut items);
    }
    let items: Vec<Item> = items.into_iter().map(|placed| placed.item).collect();
    let left_out = left_out.into_iter().map(|(role, count)| LeftOut { role, count }).collect();
    Told { items, left_out }
}
