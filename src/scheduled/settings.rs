//! What the configuration says of a scheduled report.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use probes::credential::Text;
use reports::formats::Format;
use reports::report::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// A report that is written on a schedule.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// Its name, unique in the file, fit for the name of a file.
    pub(crate) name: String,
    /// What it tells.
    pub(crate) kind: Kind,
    /// When it is written.
    pub(crate) expression: Cron,
    /// The zone in which the fields of the expression are read.
    pub(crate) timezone: TimeZone,
    /// How far back it looks; each objective's own window, or 30 days, where absent.
    pub(crate) last: Option<SignedDuration>,
    /// How it is written.
    pub(crate) format: Format,
    /// Where it goes.
    pub(crate) destination: Destination,
}

/// Where a report goes.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// A file that each report replaces.
    File(PathBuf),
    /// A directory that gets a file for each report.
    Directory {
        /// The directory; made when it is not there.
        path: PathBuf,
        /// What stays in it; everything where absent.
        keep: Option<Keep>,
    },
    /// A URL that gets a POST; a reference where the URL holds a secret.
    Webhook(Text),
}

/// Which files of a report stay, a number of the newest, or those up to an age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// So many.
    Files(u64),
    /// Those whose planned moment is not longer ago.
    Age(Duration),
}

impl Report {
    /// The newest planned moment after one moment and up to another.
    pub(super) fn newest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        // The last second counts as well.
        let end = until.checked_add(SignedDuration::from_secs(1)).unwrap_or(until).to_zoned(self.timezone.clone());
        let before = self.expression.iter_before(end).map(|firing| firing.timestamp());
        before.take(3).find(|firing| *firing <= until).filter(|firing| *firing > after)
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(KeepVisitor)
    }
}

struct KeepVisitor;

impl Visitor<'_> for KeepVisitor {
    type Value = Keep;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of files such as `30`, or an age such as `90d`")
    }

    fn visit_u64<E: de::Error>(self, files: u64) -> Result<Keep, E> {
        Ok(Keep::Files(files))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Keep, E> {
        humantime::parse_duration(text).map(Keep::Age).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl JsonSchema for Keep {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Keep".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of files such as `30`, or an age such as `90d`.",
            "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string" }],
        })
    }
}

#[cfg(test)]
mod tests {
    use croner::parser::CronParser;

    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The newest moment at which a report was due.
    fn newest(cron: &str, zone: &str, after: &str, until: &str) -> Option<Timestamp> {
        let report = Report {
            name: "a".into(),
            kind: Kind::Slo,
            expression: CronParser::new().parse(cron).unwrap(),
            timezone: TimeZone::get(zone).unwrap(),
            last: None,
            format: Format::Json,
            destination: Destination::File("a".into()),
        };
        report.newest(moment(after), moment(until))
    }

    #[test]
    fn of_many_missed_moments_the_newest_is_told() {
        let found = newest("0 8 * * *", "Europe/Berlin", "2027-01-01T00:00:00Z", "2027-03-28T12:00:00Z");
        assert_eq!(found, Some(moment("2027-03-28T06:00:00Z")));
    }

    #[test]
    fn a_moment_that_was_served_is_not_missed() {
        assert_eq!(newest("0 8 * * *", "UTC", "2027-01-01T08:00:00Z", "2027-01-02T07:59:59.9Z"), None);
        let due = Some(moment("2027-01-02T08:00:00Z"));
        assert_eq!(newest("0 8 * * *", "UTC", "2027-01-01T08:00:00Z", "2027-01-02T08:00:00Z"), due);
        assert_eq!(newest("0 8 * * *", "UTC", "2027-01-02T08:00:00Z", "2027-01-02T08:00:00.5Z"), None);
    }
}
