//! The outbox keeps order, keeps what was told, and stays bounded.

use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const LIMITS: Limits = Limits { most: 3, oldest: Duration::from_secs(100), over: Duration::from_secs(50) };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn post(receiver: &str, alert: &str, revision: u32, firing: bool, second: i64) -> Post {
    let key = format!("{alert}-{revision}");
    let body = format!("{alert} {revision}");
    Post { receiver: receiver.into(), alert: alert.into(), key, revision, firing, at: at(second), body }
}

fn outbox() -> (TempDir, Outbox) {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&Outbox::beside(&dir.path().join("authprobe.db"))).unwrap();
    (dir, outbox)
}

fn bodies(outbox: &Outbox, receiver: &str) -> Vec<String> {
    outbox.heads(receiver, 100).unwrap().into_iter().map(|waiting| waiting.body).collect()
}

#[test]
fn a_message_waits_behind_the_earlier_one_of_its_alert_and_beside_those_of_others() {
    let (_dir, mut outbox) = outbox();
    outbox.post(&[post("r", "a", 1, true, 0), post("r", "a", 2, false, 1), post("r", "b", 1, true, 2)]).unwrap();
    assert_eq!(bodies(&outbox, "r"), ["a 1", "b 1"]);
    let first = outbox.heads("r", 1).unwrap()[0].id;
    outbox.failed("r", first).unwrap();
    assert_eq!(outbox.heads("r", 1).unwrap()[0].tries, 1);
    outbox.sent("r", first).unwrap();
    assert_eq!(bodies(&outbox, "r"), ["a 2", "b 1"]);
    assert_eq!(outbox.counted("r").unwrap(), Counted { sent: 1, failed: 1, dropped: 0, waiting: 2 });
}

#[test]
fn a_key_is_taken_once_for_each_receiver() {
    let (_dir, mut outbox) = outbox();
    outbox.post(&[post("r", "a", 1, true, 0), post("q", "a", 1, true, 0)]).unwrap();
    outbox.post(&[post("r", "a", 1, true, 9)]).unwrap();
    assert_eq!((bodies(&outbox, "r").len(), bodies(&outbox, "q").len()), (1, 1));
    assert_eq!(outbox.told(Some("r")).unwrap()[0].at, at(0));
}

#[test]
fn what_was_told_is_known_after_the_file_was_closed_and_only_its_owner_reads_it() {
    let (dir, mut outbox) = outbox();
    outbox.post(&[post("r", "a", 1, true, 0), post("r", "a", 2, false, 5)]).unwrap();
    drop(outbox);
    let path = Outbox::beside(&dir.path().join("authprobe.db"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let outbox = Outbox::read(&path).unwrap();
    let told = outbox.told(None).unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].revision, told[0].firing, told[0].waits, told[0].at), (2, false, true, at(5)));
}

#[test]
fn what_is_too_much_or_too_old_goes_oldest_first_and_is_counted() {
    let (_dir, mut outbox) = outbox();
    let posts: Vec<Post> = (1..=5).map(|number| post("r", &format!("a{number}"), 1, true, i64::from(number))).collect();
    outbox.post(&posts).unwrap();
    assert_eq!(outbox.trim(&["r"], LIMITS, at(10)).unwrap(), 2);
    assert_eq!(bodies(&outbox, "r"), ["a3 1", "a4 1", "a5 1"]);
    assert_eq!(outbox.trim(&["r"], LIMITS, at(104)).unwrap(), 1);
    assert_eq!(outbox.counted("r").unwrap(), Counted { sent: 0, failed: 0, dropped: 3, waiting: 2 });
}

#[test]
fn a_receiver_that_is_gone_takes_its_messages_with_it_and_what_is_over_is_forgotten() {
    let (_dir, mut outbox) = outbox();
    outbox.post(&[post("gone", "a", 1, true, 0), post("r", "a", 1, true, 0), post("r", "b", 1, false, 0)]).unwrap();
    assert_eq!(outbox.trim(&["r"], LIMITS, at(60)).unwrap(), 1);
    let told = outbox.told(None).unwrap();
    assert_eq!(told.iter().map(|told| (told.receiver.as_str(), told.alert.as_str())).collect::<Vec<_>>(), [("r", "a")]);
}

#[test]
fn another_file_is_no_outbox() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.alerts");
    std::fs::write(&path, "no SQLite file, but long enough to be looked at as if it were one").unwrap();
    assert!(matches!(Outbox::open(&path), Err(Error::NotADatabase { .. })));
    Connection::open(dir.path().join("y")).unwrap().execute_batch("CREATE TABLE t(a)").unwrap();
    assert!(matches!(Outbox::open(&dir.path().join("y")), Err(Error::Foreign { .. })));
    assert!(Outbox::read(&dir.path().join("absent")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// However deliveries fail and succeed, each alert's messages arrive in the order in which they were made, each once.
    #[test]
    fn the_order_of_an_alert_survives_any_failures(steps in prop::collection::vec((0usize..3, any::<bool>()), 1..24)) {
        let (_dir, mut outbox) = outbox();
        let mut made = [0u32; 3];
        let mut got: [Vec<String>; 3] = Default::default();
        for (alert, works) in &steps {
            made[*alert] += 1;
            outbox.post(&[post("r", &alert.to_string(), made[*alert], true, 0)]).unwrap();
            for head in outbox.heads("r", 2).unwrap() {
                if *works {
                    outbox.sent("r", head.id).unwrap();
                    got[head.alert.parse::<usize>().unwrap()].push(head.body);
                } else {
                    outbox.failed("r", head.id).unwrap();
                }
            }
        }
        while let Some(head) = outbox.heads("r", 1).unwrap().pop() {
            outbox.sent("r", head.id).unwrap();
            got[head.alert.parse::<usize>().unwrap()].push(head.body);
        }
        for (alert, got) in got.iter().enumerate() {
            let expected: Vec<String> = (1..=made[alert]).map(|revision| format!("{alert} {revision}")).collect();
            prop_assert_eq!(got, &expected);
        }
    }
}

#[test]
fn somebody_is_a_receiver_from_the_second_time_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o");
    assert!(!Outbox::open(&path).unwrap().knows("new").unwrap());
    let mut again = Outbox::open(&path).unwrap();
    assert!(again.knows("new").unwrap() && !again.knows("other").unwrap());
    assert_eq!(again.counted("new").unwrap(), Counted::default());
}
