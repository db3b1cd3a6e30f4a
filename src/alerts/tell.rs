//! What a receiver is to be told now, from what fires and what it was told before.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::alerts::alert::Alert;
use crate::alerts::message::{Last, Message, Status};
use crate::alerts::quiet::Quiet;
use crate::alerts::seen::Seen;
use crate::alerts::settings::Receiver;

/// Explanations may change with every judgement; a receiver is told after so long, and at once of what is worse.
const UPDATES: SignedDuration = SignedDuration::from_mins(1);
/// What was over for so long when it is first seen is a matter of reports.
const MISSED: SignedDuration = SignedDuration::from_hours(24);

/// The messages for one receiver. `last` is what it was told of each alert.
pub(crate) fn news(
    receiver: &Receiver,
    name: &str,
    seen: &Seen,
    quiet: &Quiet,
    last: &BTreeMap<String, Last>,
    public_url: &str,
    now: Timestamp,
) -> Vec<Message> {
    let mut news = Vec::new();
    let wanted: BTreeMap<&str, _> = seen
        .firing
        .iter()
        .filter(|alert| receiver.wants(alert.kinds(), alert.severity))
        .map(|alert| (alert.id.as_str(), alert))
        .collect();
    for (id, alert) in &wanted {
        let told = last.get(*id);
        let due = match told.filter(|told| told.message.status == Status::Firing) {
            None => true,
            Some(told) if told.message.is_less_than(alert) => true,
            Some(told) => told.message.differs(alert) && now.duration_since(told.at) >= UPDATES,
        };
        if due && !quiet.holds(alert) {
            news.push(Message::firing(alert, name, told, public_url));
        }
    }
    for (id, told) in last {
        if told.message.status == Status::Firing && !wanted.contains_key(id.as_str()) && !seen.is_unclear(id) {
            let ended = seen.ended.get(id).copied().unwrap_or(now);
            news.push(Message::resolved(told, name, ended));
        }
    }
    news
}

/// The messages for a receiver of what began and was over before `started`, of the last day, and was never told. What was
/// under maintenance when it began or ended stays untold: somebody was at work there.
pub(crate) fn missed(
    ear: (&Receiver, &str),
    past: &[(Alert, Timestamp)],
    last: &BTreeMap<String, Last>,
    quiet: impl Fn(&Alert, Timestamp) -> bool,
    public_url: &str,
    (started, now): (Timestamp, Timestamp),
) -> Vec<Message> {
    let (receiver, name) = ear;
    let oldest = now.checked_sub(MISSED).unwrap_or(Timestamp::MIN);
    let wanted = |(alert, ended): &&(Alert, Timestamp)| {
        (oldest..started).contains(ended)
            && !last.contains_key(&alert.id)
            && receiver.wants(alert.kinds(), alert.severity)
            && !quiet(alert, alert.starts_at)
            && !quiet(alert, *ended)
    };
    past.iter().filter(wanted).map(|(alert, ended)| Message::missed(alert, name, *ended, public_url)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::alert::{Cause, Kind, Severity};
    use crate::alerts::message::Event;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn alert(severity: Severity, targets: &[&str]) -> Alert {
        let mut alert = Alert::new("incident/1".into(), "AuthprobeIncident", Kind::Incident, severity, at(0));
        alert.targets = targets.iter().map(|target| (*target).to_owned()).collect();
        alert.label("target", targets.first().unwrap_or(&""))
    }

    /// A receiver and what it was told.
    struct Ear(Receiver, BTreeMap<String, Last>);

    impl Ear {
        fn hears(&mut self, firing: &[Alert], seen: Seen, second: i64) -> Vec<(Event, Severity)> {
            self.hears_in(firing, seen, &Quiet::default(), second)
        }

        fn hears_in(&mut self, firing: &[Alert], seen: Seen, quiet: &Quiet, second: i64) -> Vec<(Event, Severity)> {
            let seen = Seen { firing: firing.to_vec(), ..seen };
            let news = news(&self.0, "r", &seen, quiet, &self.1, "http://p", at(second));
            let heard = news.iter().map(|message| (message.event, message.severity)).collect();
            self.1.extend(news.into_iter().map(|message| (message.alert.clone(), Last { message, at: at(second) })));
            heard
        }
    }

    fn ear() -> Ear {
        Ear(Receiver::default(), BTreeMap::new())
    }

    #[test]
    fn an_alert_is_told_once_when_it_begins_and_once_when_it_ends() {
        let mut ear = ear();
        let alert = [alert(Severity::Major, &["a"])];
        assert_eq!(ear.hears(&alert, Seen::default(), 0), [(Event::Opened, Severity::Major)]);
        assert_eq!(ear.hears(&alert, Seen::default(), 100), []);
        let ended = BTreeMap::from([("incident/1".to_owned(), at(150))]);
        assert_eq!(ear.hears(&[], Seen { ended, ..Seen::default() }, 200), [(Event::Closed, Severity::Major)]);
        assert_eq!(ear.1["incident/1"].message.ends_at, Some(at(150)));
        assert_eq!(ear.hears(&[], Seen::default(), 300), []);
        assert_eq!(ear.hears(&alert, Seen::default(), 400), [(Event::Opened, Severity::Major)]);
        assert_eq!(ear.1["incident/1"].message.revision, 3);
    }

    #[test]
    fn what_is_worse_is_told_at_once_and_other_news_after_a_while() {
        let mut ear = ear();
        ear.hears(&[alert(Severity::Minor, &["a"])], Seen::default(), 0);
        let worse = alert(Severity::Critical, &["a"]);
        assert_eq!(ear.hears(std::slice::from_ref(&worse), Seen::default(), 1), [(Event::Updated, Severity::Critical)]);
        let told = &ear.1["incident/1"].message;
        assert_eq!(told.before.as_ref().unwrap()["severity"], "minor");
        assert_eq!(told.labels["severity"], "critical");
        let cause = Cause { says: "x".into(), probability: 0.9, label: "likely".into(), changes: vec!["c".into()] };
        let explained = Alert { cause: Some(cause), ..worse };
        assert_eq!(ear.hears(std::slice::from_ref(&explained), Seen::default(), 30), []);
        assert_eq!(ear.hears(&[explained], Seen::default(), 61), [(Event::Updated, Severity::Critical)]);
        assert_eq!(ear.1["incident/1"].message.before, None);
    }

    #[test]
    fn the_target_that_was_named_first_stays_in_the_labels() {
        let mut ear = ear();
        ear.hears(&[alert(Severity::Major, &["b"])], Seen::default(), 0);
        ear.hears(&[alert(Severity::Major, &["a", "b"])], Seen::default(), 100);
        let told = &ear.1["incident/1"].message;
        assert_eq!((told.revision, told.labels["target"].as_str(), &told.before), (2, "b", &None));
    }

    #[test]
    fn what_nobody_can_tell_is_neither_told_nor_taken_back() {
        let mut ear = ear();
        ear.hears(&[alert(Severity::Major, &["a"])], Seen::default(), 0);
        let unclear = || Seen { unclear: ["incident/".to_owned()].into(), ..Seen::default() };
        assert_eq!(ear.hears(&[], unclear(), 100), []);
        assert_eq!(ear.hears(&[], Seen::default(), 200), [(Event::Closed, Severity::Major)]);
    }

    #[test]
    fn maintenance_holds_news_back_and_what_still_fires_afterwards_is_told() {
        let mut ear = ear();
        let change = storage::record::Change {
            time: Some(at(0)),
            kind: storage::record::ChangeKind::Maintenance,
            ..storage::record::Change::default()
        };
        let quiet = Quiet::at(at(10), &[], &[change]);
        let alert = [alert(Severity::Major, &["a"])];
        assert_eq!(ear.hears_in(&alert, Seen::default(), &quiet, 10), []);
        assert_eq!(ear.hears(&alert, Seen::default(), 20), [(Event::Opened, Severity::Major)]);
        assert_eq!(ear.hears_in(&[], Seen::default(), &quiet, 30), [(Event::Closed, Severity::Major)]);
    }

    #[test]
    fn a_receiver_gets_what_it_asked_for() {
        let asked = |send: Option<Vec<Kind>>, severities: Option<Vec<Severity>>| Receiver {
            send,
            severities,
            ..Receiver::default()
        };
        let mut ear = Ear(asked(Some(vec![Kind::Burn]), None), BTreeMap::new());
        assert_eq!(ear.hears(&[alert(Severity::Major, &["a"])], Seen::default(), 0), []);
        let mut ear = Ear(asked(None, Some(vec![Severity::Critical])), BTreeMap::new());
        assert_eq!(ear.hears(&[alert(Severity::Major, &["a"])], Seen::default(), 0), []);
        assert_eq!(
            ear.hears(&[alert(Severity::Critical, &["a"])], Seen::default(), 1),
            [(Event::Opened, Severity::Critical)]
        );
        assert_eq!(
            ear.hears(&[alert(Severity::Major, &["a"])], Seen::default(), 2),
            [(Event::Closed, Severity::Critical)]
        );
    }

    #[test]
    fn the_same_news_has_the_same_key_and_other_news_another() {
        let first = Message::firing(&alert(Severity::Major, &["a"]), "r", None, "");
        let again = Message::firing(&alert(Severity::Major, &["a"]), "r", None, "");
        assert_eq!(first.key, again.key);
        let last = Last { message: first.clone(), at: at(0) };
        assert_ne!(first.key, Message::resolved(&last, "r", at(1)).key);
        assert_ne!(first.key, Message::firing(&alert(Severity::Major, &["a"]), "s", None, "").key);
    }

    #[test]
    fn what_began_and_was_over_while_nobody_looked_is_told_once_and_not_when_it_is_old_or_was_planned() {
        let (day, started) = (24 * 3600, 100_000);
        let told = |receiver: &Receiver, ended: i64, last: &BTreeMap<String, Last>, quiet_at: Option<i64>| {
            let past = [(alert(Severity::Major, &["a"]), at(ended))];
            let quiet = |_: &Alert, moment: Timestamp| Some(moment) == quiet_at.map(at);
            missed((receiver, "r"), &past, last, quiet, "http://p", (at(started), at(started + 10)))
        };
        let (all, none) = (Receiver::default(), BTreeMap::new());
        let [message] = told(&all, 90_000, &none, None).try_into().unwrap();
        assert_eq!(
            (message.event, message.status, message.ends_at),
            (Event::Closed, Status::Resolved, Some(at(90_000)))
        );
        assert!(message.summary.starts_with("over: ") && message.description.contains("did not run"));
        let last = BTreeMap::from([(message.alert.clone(), Last { message, at: at(started) })]);
        assert_eq!(told(&all, 90_000, &last, None), [], "it was told");
        assert_eq!(told(&all, started + 10 - day - 1, &none, None), [], "it is old");
        assert_eq!(told(&all, started, &none, None), [], "it was over while somebody looked");
        assert_eq!(told(&all, 90_000, &none, Some(0)), [], "it began under maintenance");
        assert_eq!(told(&all, 90_000, &none, Some(90_000)), [], "it ended under maintenance");
        let burns = Receiver { send: Some(vec![Kind::Burn]), ..Receiver::default() };
        assert_eq!(told(&burns, 90_000, &none, None), []);
    }
}
