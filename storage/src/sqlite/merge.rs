//! The results of many series in the order of time, a page of each in memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::vec::IntoIter;

use jiff::Timestamp;

use crate::error::Error;
use crate::record::ProbeResult;

/// A series, read a page at a time.
pub(super) struct Cursor<P> {
    page: IntoIter<ProbeResult>,
    pages: P,
}

impl<P: FnMut() -> Result<Vec<ProbeResult>, Error>> Cursor<P> {
    /// `pages` gives the next results of one series at each call, at last none.
    pub(super) fn new(pages: P) -> Self {
        Self { page: Vec::new().into_iter(), pages }
    }

    fn next(&mut self) -> Result<Option<ProbeResult>, Error> {
        if self.page.as_slice().is_empty() {
            self.page = (self.pages)()?.into_iter();
        }
        Ok(self.page.next())
    }
}

/// Gives `each` the results of all `cursors` by time, those of one moment in the order of the cursors.
pub(super) fn by_time<P: FnMut() -> Result<Vec<ProbeResult>, Error>>(
    cursors: impl Iterator<Item = Cursor<P>>,
    mut each: impl FnMut(ProbeResult) -> ControlFlow<()>,
) -> Result<(), Error> {
    let mut heads: BTreeMap<(Timestamp, usize), (ProbeResult, Cursor<P>)> = BTreeMap::new();
    for (rank, mut cursor) in cursors.enumerate() {
        if let Some(head) = cursor.next()? {
            heads.insert((head.time, rank), (head, cursor));
        }
    }
    while let Some(((_, rank), (result, mut cursor))) = heads.pop_first() {
        if each(result).is_break() {
            return Ok(());
        }
        if let Some(head) = cursor.next()? {
            heads.insert((head.time, rank), (head, cursor));
        }
    }
    Ok(())
}
