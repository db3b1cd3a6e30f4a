//! Whether authprobe itself works: whether it probes, stores and judges, and whether its sources of changes see.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::alerts::alert::{Alert, Kind, Severity};
use crate::alerts::seen::Seen;
use crate::changes::blind::Blind;
use crate::judge::Latest;
use crate::recorder::health::{Health, Trouble};
use reports::wording;

/// Sees the parts of the daemon.
#[derive(Clone)]
pub(crate) struct Own {
    /// How the recorder does.
    pub(crate) recorder: Arc<Health>,
    /// What the store says.
    pub(crate) judged: Latest,
    /// Which sources of changes see nothing.
    pub(crate) blind: Arc<Blind>,
    /// When the daemon started.
    pub(crate) started: Timestamp,
    /// Shortest interval of the targets; none where every target has a calendar.
    pub(crate) every: Option<SignedDuration>,
    /// Name of this prober.
    pub(crate) agent: String,
}

/// Without a result for so many intervals and [`SLACK`], probing stands still.
const INTERVALS: i32 = 3;
/// What runs, queues and groups may add to an interval.
const SLACK: SignedDuration = SignedDuration::from_secs(60);
/// The store cannot be written for so long before it is told: a lock of another program passes.
const STORE: SignedDuration = SignedDuration::from_secs(30);
/// A judgement that is older stands still; of a large store one takes a while.
const JUDGED: SignedDuration = SignedDuration::from_mins(5);
/// A source that sees nothing for so long is told: most that lose their server find it again before.
const BLIND: SignedDuration = SignedDuration::from_mins(2);

impl Own {
    /// Adds what fires of authprobe itself.
    pub(crate) fn look(&self, seen: &mut Seen, now: Timestamp) {
        seen.firing.extend(self.trouble(now));
        self.sources(seen, now);
    }

    /// What keeps it from probing, storing or judging.
    pub(crate) fn trouble(&self, now: Timestamp) -> Vec<Alert> {
        let state = self.recorder.now();
        let mut all = Vec::new();
        let alert = |what: &str, since: Timestamp, summary: String, remedy: &str| {
            Alert::new(format!("prober/{what}"), "AuthprobeProberStalled", Kind::Prober, Severity::Page, since)
                .label("part", what)
                .label("agent", &self.agent)
                .says(&summary, remedy)
        };
        let last = self.recorder.result_at().unwrap_or(self.started);
        if let Some(every) = self.every
            && now.duration_since(last) > every.saturating_mul(INTERVALS).saturating_add(SLACK)
        {
            let summary = format!("prober {} stands still: no result since {}", self.agent, wording::moment(last));
            all.push(alert("probing", last, summary, "Nothing is known of any target since then. Look at the log of authprobe and at the load of its machine."));
        }
        match state.trouble {
            Some(Trouble::Failing { since, why }) if now.duration_since(since) > STORE => {
                let summary = format!("prober {} cannot write its store since {}", self.agent, wording::moment(since));
                all.push(alert(
                    "store",
                    since,
                    summary,
                    &format!("Results wait in memory and will be lost when it is full. {why}."),
                ));
            }
            Some(Trouble::Broken) => {
                let summary = format!("prober {} records nothing any more", self.agent);
                all.push(alert("store", last, summary, "The store broke inside authprobe; start it again."));
            }
            Some(Trouble::Failing { .. }) | None => (),
        }
        let judged = self.judged.borrow().as_ref().map_or(self.started, |judgement| judgement.at);
        if now.duration_since(judged) > JUDGED {
            let summary = format!("prober {} does not judge since {}", self.agent, wording::moment(judged));
            all.push(alert(
                "judging",
                judged,
                summary,
                "Incidents and objectives are not seen since then. The log says why the store cannot be judged.",
            ));
        }
        all
    }

    fn sources(&self, seen: &mut Seen, now: Timestamp) {
        if now.duration_since(self.started) <= BLIND {
            // Nobody had the time to look yet.
            seen.unclear.insert("feed/".into());
        }
        let mut sources: BTreeMap<&'static str, (Timestamp, Vec<String>)> = BTreeMap::new();
        for (source, what, since) in self.blind.now() {
            if now.duration_since(since) > BLIND {
                let (earliest, all) = sources.entry(source).or_insert((since, Vec::new()));
                *earliest = since.min(*earliest);
                all.push(what);
            }
        }
        for (source, (since, what)) in sources {
            let summary = format!("source of changes {source} sees nothing since {}", wording::moment(since));
            let description =
                format!("Changes that happen meanwhile cannot be named as a cause. Blind to: {}.", wording::list(what));
            let alert = Alert::new(format!("feed/{source}"), "AuthprobeFeedBlind", Kind::Feed, Severity::Ticket, since)
                .label("feed", source)
                .label("agent", &self.agent)
                .says(&summary, &description);
            seen.firing.push(Alert { page: "/changes".into(), ..alert });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// A prober that started at 0, whose targets are due every ten seconds.
    fn own() -> Own {
        let (_, judged) = watch::channel(None);
        let every = Some(SignedDuration::from_secs(10));
        Own { recorder: Arc::default(), judged, blind: Arc::default(), started: at(0), every, agent: "local".into() }
    }

    fn ids(alerts: Vec<Alert>) -> Vec<String> {
        alerts.into_iter().map(|alert| alert.id).collect()
    }

    #[test]
    fn a_prober_without_results_or_judgements_stands_still_after_a_while() {
        let own = own();
        assert_eq!(ids(own.trouble(at(90))), Vec::<String>::new());
        assert_eq!(ids(own.trouble(at(91))), ["prober/probing"]);
        own.recorder.result(at(300));
        assert_eq!(ids(own.trouble(at(300))), Vec::<String>::new());
        assert_eq!(ids(own.trouble(at(301))), ["prober/judging"]);
        let calendars = Own { every: None, ..own };
        assert_eq!(ids(calendars.trouble(at(290))), Vec::<String>::new());
    }

    #[test]
    fn a_store_that_cannot_be_written_is_told_once_it_is_no_passing_lock() {
        let own = own();
        own.recorder.result(at(0));
        let trouble = Trouble::Failing { since: at(10), why: "locked".into() };
        own.recorder.note(|state| state.trouble = Some(trouble));
        assert_eq!(ids(own.trouble(at(40))), Vec::<String>::new());
        assert_eq!(ids(own.trouble(at(41))), ["prober/store"]);
        own.recorder.note(|state| state.trouble = Some(Trouble::Broken));
        assert_eq!(ids(own.trouble(at(11))), ["prober/store"]);
    }

    #[test]
    fn a_source_that_sees_nothing_is_told_with_what_it_does_not_see() {
        let own = own();
        let look = |second| {
            let mut seen = Seen::default();
            own.sources(&mut seen, at(second));
            seen
        };
        assert!(look(120).is_unclear("feed/jwks"), "nobody had the time to look");
        own.blind.begins("jwks", "http://idp", at(100));
        own.blind.begins("jwks", "http://other", at(150));
        assert!(look(220).firing.is_empty());
        let seen = look(300);
        assert!(!seen.is_unclear("feed/jwks"));
        let [alert] = seen.firing.as_slice() else { panic!("one alert: {:?}", seen.firing) };
        assert_eq!((alert.id.as_str(), alert.starts_at), ("feed/jwks", at(100)));
        assert!(alert.description.contains("http://idp and http://other"), "{}", alert.description);
        own.blind.ends("jwks", "http://idp");
        own.blind.ends("jwks", "http://other");
        assert!(look(400).firing.is_empty());
    }
}
