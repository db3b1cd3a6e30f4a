//! How much a timeline shows: what matters least is left out first, and counted.

use std::collections::BTreeMap;

use super::{Item, LeftOut, Placed, Role, Told, order};

/// Most items that are shown.
pub(super) const MOST: usize = 10_000;

/// The items in their order: of too many, those whose part matters most, and of one part the latest. Where `one` incident
/// was asked for, without what has nothing to do with it; `unrelated` of that are left out already.
pub(super) fn bounded(mut items: Vec<Placed>, one: bool, unrelated: usize) -> Told {
    let all = items.len() + unrelated;
    if one {
        items.retain(|placed| placed.item.role != Role::Unrelated);
    }
    let unrelated = all - items.len();
    order::sort(&mut items);
    let mut items: Vec<Item> = items.into_iter().map(|placed| placed.item).collect();
    let mut left_out = Vec::new();
    if unrelated > 0 {
        left_out.push(LeftOut { role: Role::Unrelated, count: unrelated });
    }
    shorten(&mut items, &mut left_out, MOST);
    Told { items, left_out }
}

/// Leaves out of items in their order what is more than `most`: first those whose part matters least, and of one part the
/// earliest.
pub(crate) fn shorten(items: &mut Vec<Item>, left_out: &mut Vec<LeftOut>, most: usize) {
    if items.len() <= most {
        return;
    }
    let mut ranked: Vec<(usize, Role)> = items.iter().map(|item| item.role).enumerate().rev().collect();
    // The sort is stable: among those of one role the latest stay first.
    ranked.sort_by_key(|(_, role)| *role);
    let mut kept = vec![true; items.len()];
    let mut counts: BTreeMap<Role, usize> = left_out.iter().map(|part| (part.role, part.count)).collect();
    for (number, role) in ranked.split_off(most) {
        if let Some(kept) = kept.get_mut(number) {
            *kept = false;
        }
        *counts.entry(role).or_default() += 1;
    }
    let mut kept = kept.into_iter();
    items.retain(|_| kept.next().unwrap_or(true));
    *left_out = counts.into_iter().map(|(role, count)| LeftOut { role, count }).collect();
}
