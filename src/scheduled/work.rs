//! Makes one report and brings it to its destination.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use reports::formats::{Layout, render};
use reports::full;
use reports::report::Request;
use reports::settings::Settings;
use storage::sqlite::reader::Reader;
use storage::window::Window;

use crate::scheduled::settings::{Destination, Report};
use crate::scheduled::{destination, webhook};

/// All that reports are made from.
#[derive(Debug)]
pub(super) struct Work {
    /// The reports.
    pub(super) reports: Vec<Arc<Report>>,
    /// How the store is judged.
    pub(super) judging: Arc<Settings>,
    /// The store.
    pub(super) store: PathBuf,
}

/// Where a report went.
#[derive(Debug)]
pub(super) enum Done {
    /// To a file that each report replaces.
    File(PathBuf),
    /// To a file of its own.
    Own(PathBuf),
    /// To the webhook.
    Posted,
}

impl Work {
    /// Makes the report of a planned moment and brings it to its destination. Takes the disk and the processor for a
    /// while, so it is to be called where nobody waits.
    ///
    /// # Errors
    /// When the store cannot be read, or the destination does not take the report.
    pub(super) fn write(&self, report: &Report, slot: Timestamp) -> anyhow::Result<Made> {
        let page = self.page(report, slot)?;
        match &report.destination {
            Destination::File(path) => {
                destination::write(path, &report.name, &page)?;
                Ok(Made::Done(Done::File(path.clone())))
            }
            Destination::Directory { path, .. } => {
                let path = destination::write_into(path, &report.name, slot, report.format, &page)?;
                Ok(Made::Done(Done::Own(path)))
            }
            Destination::Webhook(_) => Ok(Made::ToPost(page)),
        }
    }

    fn page(&self, report: &Report, slot: Timestamp) -> anyhow::Result<String> {
        let window = match report.last {
            Some(last) => Some(Window::new(slot.checked_sub(last).context("`last` goes back too far")?, slot)?),
            None => None,
        };
        let request = Request { kind: report.kind, window, incident: None, now: slot };
        let built = full::build(&Reader::open(&self.store)?, &self.judging, &request, report.format, false)?;
        Ok(render(&built, report.format, Layout::default()))
    }
}

/// What came of the part that needs the disk and the processor.
pub(super) enum Made {
    /// It is where it belongs.
    Done(Done),
    /// It is ready to be posted.
    ToPost(String),
}

impl Made {
    /// Posts what is to be posted.
    ///
    /// # Errors
    /// When it was not taken.
    pub(super) async fn finish(self, report: &Report, slot: Timestamp) -> anyhow::Result<Done> {
        match (self, &report.destination) {
            (Made::ToPost(page), Destination::Webhook(url)) => {
                webhook::post(url, &report.name, slot, report.format, page).await?;
                Ok(Done::Posted)
            }
            (Made::ToPost(_), Destination::File(_) | Destination::Directory { .. }) => {
                unreachable!("only what goes to a webhook is left to be posted")
            }
            (Made::Done(done), _) => Ok(done),
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Done::File(path) | Done::Own(path) => write!(f, "written to {}", path.display()),
            Done::Posted => f.write_str("posted to its webhook"),
        }
    }
}
