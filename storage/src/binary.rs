//! Values as bytes, in the form of postcard: numbers take as many bytes as they need.

use std::mem::take as take_out;

use serde::{Deserialize, Serialize};

use crate::damage::Damage;

/// Appends `value` to `bytes`.
pub(crate) fn put<T: Serialize>(value: &T, bytes: &mut Vec<u8>) {
    match postcard::to_extend(value, take_out(bytes)) {
        Ok(longer) => *bytes = longer,
        Err(_) => unreachable!("numbers and lists of them have a binary form"),
    }
}

/// Takes a value from the front of `bytes`.
pub(crate) fn take<'a, T: Deserialize<'a>>(bytes: &mut &'a [u8]) -> Result<T, Damage> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|_| Damage("a value does not parse"))?;
    *bytes = rest;
    Ok(value)
}

/// The value that all of `bytes` are.
pub(crate) fn whole<'a, T: Deserialize<'a>>(mut bytes: &'a [u8]) -> Result<T, Damage> {
    let value = take(&mut bytes)?;
    if bytes.is_empty() { Ok(value) } else { Err(Damage("bytes behind a value")) }
}
