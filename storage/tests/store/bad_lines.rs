//! Lines that are refused, what is said of them, and what goes on beside them.

use std::io::{self, BufReader, Read};

use storage::interchange::{BATCH, LINE_LIMIT, Summary, parse, read};
use storage::record::{DETAIL_LIMIT, Record};

const RESULT: &str = r#"{"type":"result","time":"2026-11-01T00:00:00.250Z","target":"orchestrator","probe":"jwt","kind":"jwt","expect":"allow","variant":"fresh","agent":"local","outcome":"failure","reason":"signature_invalid","status":401,"took_us":8120,"phases_us":{"resolve":110,"connect":300,"tls":2100,"processing":5400,"transfer":210},"every_s":30,"detail":"JWT signature invalid"}"#;
const CHANGE: &str = r#"{"type":"change","id":"c-18","time":"2026-11-01T00:05:00Z","until":"2026-11-01T00:06:10Z","kind":"rollout","object":"Deployment/llm-orchestrator/orchestrator","targets":["orchestrator"],"progress":[["2026-11-01T00:05:20Z",0.33],["2026-11-01T00:06:10Z",1.0]],"revision":"42","summary":"image v0.2.0","source":"kubernetes"}"#;
const GAP: &str = r#"{"type":"gap","feed":"kubernetes","from":"2026-11-01T01:00:00Z","until":"2026-11-01T01:04:00Z","why":"watch lost"}"#;

#[test]
fn the_lines_of_the_format_are_read_whole() {
    for line in [RESULT, CHANGE, GAP] {
        let (record, unknown) = parse(line).unwrap();
        assert_eq!(unknown, 0);
        let mut written = Vec::new();
        storage::interchange::write(&record, &mut written).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&written).unwrap();
        let expected = line.replace("00.250Z", "00.25Z");
        assert_eq!(value, serde_json::from_str::<serde_json::Value>(&expected).unwrap());
    }
}

#[test]
fn a_refused_line_is_told_by_field_and_never_repeated() {
    let with = |from: &str, to: &str| {
        let line = RESULT.replace(from, to);
        assert_ne!(line, RESULT);
        line
    };
    for (line, says) in [
        ("canary".into(), "not a JSON object"),
        (r#"["canary"]"#.into(), "not a JSON object"),
        (r#"{"type":"canary"}"#.into(), "`type` is not one of `result`, `change`, `gap`"),
        (r#"{"canary":"#.into(), "not JSON: EOF while parsing a value at column 10"),
        (r#"{"kind":"jwt"}"#.into(), "missing field `type`"),
        (format!("{RESULT} canary"), "not JSON: trailing characters at column"),
        (with(r#""time":"2026-11-01T00:00:00.250Z","#, ""), "missing field `time`"),
        (with("2026-11-01T00:00:00.250Z", "canary, expected canary"), "`time` has a value that cannot be read"),
        (with("signature_invalid", "canary, expected canary"), "`reason` is not one of `login_rejected`, `account_l"),
        (with("8120", r#""canary at line 1 column 2, expected canary""#), "`took_us` is not u64"),
        (with("8120", "-1"), "`took_us` is not u64"),
        (with("401", "70000"), "`status` is not u16"),
        (with("8120", "9223372036854775808"), "`took_us` is too large"),
        (with(":30,", ":0,"), "`every_s` is not a duration of at least 0.001 seconds"),
        (with(":30,", ":1e400,"), "not JSON: number out of range"),
        (with(r#""orchestrator""#, r#""""#), "`target` is empty"),
        (with(r#":"jwt","kind""#, r#":"","kind""#), "`probe` is empty"),
        (with(r#""status":401"#, r#""took_us":1"#), "duplicate field `took_us`"),
        (with("5400", r#""canary""#), "`phases_us.processing` is not u64"),
        (with(r#"{"resolve":110,"#, r#""canary", "x":{"#), "`phases_us` is not an object"),
        (r#"{"type":"change","kind":"note"}"#.into(), "a change needs `time`, or `time_lo` and `time_hi`"),
        (
            r#"{"type":"change","time_lo":"2026-11-01T00:00:01Z","time_hi":"2026-11-01T00:00:00Z"}"#.into(),
            "`time_lo` is after `time_hi`",
        ),
        (CHANGE.replace("00:05:00", "00:07:00"), "`time` is after `until`"),
        (CHANGE.replace("0.33", "33"), "`progress` has a share that is not from 0 to 1"),
        (GAP.replace("01:04", "01:00"), "`from` is not before `until`"),
        (GAP.replace("kubernetes", ""), "`feed` is empty"),
        (format!(r#"{{"type":"change","keys":{}{}}}"#, "[".repeat(500), "]".repeat(500)), "`keys[0]` is not a string"),
        (format!(r#"{{"type":"gap","x":{}{}}}"#, "[".repeat(500), "]".repeat(500)), "missing field `feed`"),
    ] {
        let message = parse(&line).map(|_| ()).unwrap_err();
        assert!(message.contains(says), "{line}: `{message}` does not say `{says}`");
        assert!(!message.contains("canary"), "{message}");
    }
}

#[test]
fn bad_lines_are_skipped_and_told_with_their_numbers() {
    let long = "x".repeat(LINE_LIMIT + 1);
    let input = [
        format!("\u{feff}{RESULT}\r\n").into_bytes(),
        b"\n  \t\r\n".to_vec(),
        b"{\"type\":\"gap\",\"why\":\"\xff\"}\n".to_vec(),
        format!("{long}\n{CHANGE}\n").into_bytes(),
        format!("\u{feff}{GAP}\n").into_bytes(),
        GAP.as_bytes().to_vec(),
    ]
    .concat();
    let (records, summary) = all(&input[..]);
    assert_eq!(records, [RESULT, CHANGE, GAP].map(|line| parse(line).unwrap().0));
    assert_eq!((summary.records, summary.refused, summary.unknown_fields), (3, 3, 0));
    let told: Vec<String> = summary.told.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["line 4: not UTF-8 from byte 22 on", "line 5: longer than 1048576 bytes", "line 7: not a JSON object"]
    );
}

#[test]
fn a_line_of_exactly_the_limit_is_read() {
    let spaces = " ".repeat(LINE_LIMIT - GAP.len());
    let (records, summary) = all(format!("{GAP}{spaces}\n{GAP}{spaces} \n").as_bytes());
    assert_eq!((records.len(), summary.refused), (1, 1));
}

#[test]
fn unknown_fields_are_left_out_and_counted() {
    let line =
        RESULT.replace(r#""took_us""#, r#""x":{"y":1},"z":null,"took_us""#).replace(r#""tls":"#, r#""v":0,"tls":"#);
    assert_eq!(parse(&line), Ok((parse(RESULT).unwrap().0, 3)));
}

#[test]
fn a_long_detail_is_cut_and_not_refused() {
    let line = RESULT.replace("JWT signature invalid", &"é".repeat(DETAIL_LIMIT + 1));
    let Ok((Record::Result(result), _)) = parse(&line) else { panic!("it is a result") };
    assert_eq!(result.detail, Some("é".repeat(DETAIL_LIMIT)));
}

#[test]
fn only_the_first_refused_lines_are_told_one_by_one() {
    let (_, summary) = all("x\n".repeat(50).as_bytes());
    assert_eq!((summary.refused, summary.told.len(), summary.told[19].line), (50, 20, 20));
}

#[test]
fn batches_are_bounded_in_number_and_in_bytes() {
    let mut sizes = Vec::new();
    let heavy = format!("{CHANGE}{}\n", " ".repeat(1 << 19)).repeat(12);
    let input = format!("{}{heavy}", format!("{GAP}\n").repeat(BATCH * 2 + 1));
    read::<io::Error>(input.as_bytes(), |batch| {
        sizes.push(batch.len());
        Ok(())
    })
    .unwrap();
    assert_eq!(sizes, [BATCH, BATCH, 9, 4]);
}

#[test]
fn an_input_that_breaks_off_is_an_error_and_keeps_what_was_read() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the pipe burst"))
        }
    }
    let lines = format!("{GAP}\n").repeat(BATCH + 1);
    let mut taken = 0;
    let error = read::<io::Error>(BufReader::new(lines.as_bytes().chain(Broken)), |batch| {
        taken += batch.len();
        Ok(())
    });
    assert_eq!(error.unwrap_err().to_string(), "the pipe burst");
    assert_eq!(taken, BATCH);
}

fn all(input: &[u8]) -> (Vec<Record>, Summary) {
    let mut records = Vec::new();
    // A small buffer cuts lines and characters anywhere.
    let input = BufReader::with_capacity(7, input);
    let summary = read::<io::Error>(input, |batch| {
        records.extend(batch);
        Ok(())
    });
    (records, summary.unwrap())
}
