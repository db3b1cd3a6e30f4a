//! Reports that are written on a schedule: where they go, what stays, what was missed, what fails.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::demo::Demo;
use crate::harness::program::Running;
use crate::harness::wait::{Seen, until};
use crate::harness::web::Web;

/// The demo, with reports in its configuration.
async fn reporting(reports: &str) -> Result<Demo> {
    let demo = Demo::start().await?;
    let file = demo.path("authprobe.yaml");
    let config = fs::read_to_string(&file)?;
    fs::write(&file, format!("{config}\nreports: [{reports}]\n"))?;
    Ok(demo)
}

/// The names of the files in a directory, in order; a file that is not complete has a name with a dot in front.
fn files(demo: &Demo, directory: &str) -> Result<Vec<String>> {
    let Ok(entries) = fs::read_dir(demo.path(directory)) else { return Ok(Vec::new()) };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<Result<_>>()?;
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

/// Waits until a directory holds what is wanted.
async fn holds(demo: &Demo, directory: &str, wanted: impl Fn(&[String]) -> bool) -> Result<Vec<String>> {
    until("reports", async || {
        let names = files(demo, directory)?;
        Ok(Seen::when(wanted(&names), names.clone(), || format!("{names:?}")))
    })
    .await
}

/// Waits until the daemon says something.
async fn says(daemon: &mut Running, what: &str) -> Result<()> {
    until(what, async || {
        let log = daemon.err()?;
        ensure!(!daemon.has_ended()?, "the daemon ended: {log}");
        Ok(Seen::when(log.contains(what), (), || log))
    })
    .await
}

#[tokio::test]
async fn a_directory_gets_a_file_for_each_planned_moment_and_keeps_the_newest() -> Result<()> {
    let demo = reporting(
        "{name: beat, kind: incidents, cron: \"* * * * * *\", last: 1h, format: json, to: out/, keep: 2}, \
         {name: latest, kind: slo, cron: \"*/2 * * * * *\", to: latest.json}",
    )
    .await?;
    fs::create_dir(demo.path("out"))?;
    fs::write(demo.path("out/beat-2020-01-01T000000Z.json"), "of somebody else")?;
    // What a kill left of a report, and what others have begun.
    let left = demo.path("out/.authprobe-report-beat-Ab3dE6.unfinished");
    let foreign = demo.path("out/.authprobe-report-other-Ab3dE6.unfinished");
    for path in [&left, &foreign] {
        fs::write(path, "half a report")?;
    }
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    let first = holds(&demo, "out", |names| names.len() > 1).await?[1].clone();
    let names = holds(&demo, "out", |names| names.len() == 3 && !names.contains(&first)).await?;
    holds(&demo, ".", |names| names.iter().any(|name| name == "latest.json")).await?;
    assert!(!left.exists() && foreign.exists());
    let scrape = web.get("/metrics", &[]).await?.body;
    let value = |series: &str| -> Option<f64> {
        scrape.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    };
    let of = |report: &str, state: &str| {
        value(&format!("authprobe_scheduled_reports_total{{report=\"{report}\",state=\"{state}\"}}"))
    };
    assert!(of("beat", "written") >= Some(2.0) && of("latest", "written") >= Some(1.0), "{scrape}");
    assert_eq!((of("beat", "failed"), of("beat", "caught_up")), (Some(0.0), Some(0.0)), "{scrape}");
    let last = value("authprobe_scheduled_report_last_success_timestamp_seconds{report=\"beat\"}");
    assert!(last > Some(Timestamp::now().as_second() as f64 - 60.0), "{scrape}");
    let log = daemon.stop().await?.told(0);
    assert_eq!(names[0], "beat-2020-01-01T000000Z.json", "what others wrote stays: {log}");
    let written = files(&demo, "out")?;
    assert_eq!(written.len(), 3, "{written:?}");
    for name in &written[1..] {
        let report: Value = serde_json::from_str(&fs::read_to_string(demo.path("out").join(name))?)?;
        assert_eq!(report["kind"], "incidents");
        let until: Timestamp = report["window"]["until"].as_str().context("a window")?.parse()?;
        // The report is as of its planned moment, and its name says which.
        assert_eq!(*name, format!("beat-{}.json", until.strftime("%Y-%m-%dT%H%M%SZ")));
        let from: Timestamp = report["window"]["from"].as_str().context("a window")?.parse()?;
        assert_eq!(until.duration_since(from), SignedDuration::from_hours(1));
    }
    let latest: Value = serde_json::from_str(&fs::read_to_string(demo.path("latest.json"))?)?;
    assert_eq!(latest["kind"], "slo");
    assert!(log.contains("0 attempts failed"), "{log}");
    Ok(())
}

#[tokio::test]
async fn what_was_missed_while_nothing_ran_is_made_up_for_once() -> Result<()> {
    let demo = reporting("{name: yearly, kind: timeline, cron: \"0 0 1 1 *\", format: text, to: out/}").await?;
    let daemon = demo.run()?;
    demo.store().runs(1).await?;
    let log = daemon.stop().await?.told(0);
    assert!(!log.contains("was missed"), "a new report missed nothing: {log}");
    let record = json!({"yearly": {"slot": "2021-06-01T00:00:00Z"}});
    fs::write(demo.path("authprobe.db.reports.json"), record.to_string())?;
    let mut daemon = demo.run()?;
    let names = holds(&demo, "out", |names| !names.is_empty()).await?;
    let web = Web::of(&mut daemon).await?;
    until("the count of what was made up for", async || {
        let scrape = web.get("/metrics", &[]).await?.body;
        let counted = |state: &str| {
            scrape.contains(&format!("authprobe_scheduled_reports_total{{report=\"yearly\",state=\"{state}\"}} 1\n"))
        };
        Ok(Seen::when(counted("caught_up") && counted("written"), (), || scrape.clone()))
    })
    .await?;
    daemon.stop().await?.told(0);
    let year = Timestamp::now().strftime("%Y").to_string();
    assert_eq!(names, [format!("yearly-{year}-01-01T000000Z.txt")], "several were missed, the newest is written");
    fs::remove_file(demo.path("out").join(&names[0]))?;
    let daemon = demo.run()?;
    demo.store().runs(2).await?;
    let log = daemon.stop().await?.told(0);
    assert!(!log.contains("was missed"), "{log}");
    assert_eq!(files(&demo, "out")?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_report_that_failed_is_told_once_and_tried_again() -> Result<()> {
    let demo = reporting("{name: yearly, kind: slo, cron: \"0 0 1 1 *\", format: json, to: out/}").await?;
    let record = json!({"yearly": {"slot": "2021-06-01T00:00:00Z"}});
    fs::write(demo.path("authprobe.db.reports.json"), record.to_string())?;
    let file = demo.path("authprobe.yaml");
    // What is in the way appears after the configuration was read, as a full disk does.
    fs::write(&file, fs::read_to_string(&file)?.replace("to: out/", "to: out/of/here/"))?;
    fs::write(demo.path("out"), "in the way")?;
    let mut daemon = demo.run()?;
    says(&mut daemon, "failed and is tried again").await?;
    fs::remove_file(demo.path("out"))?;
    says(&mut daemon, "written to").await?;
    let log = daemon.stop().await?.told(0);
    assert_eq!(log.matches("failed and is tried again").count(), 1, "{log}");
    assert!(log.contains("1 written, 0 skipped, 1 attempts failed"), "{log}");
    assert_eq!(files(&demo, "out/of/here")?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_webhook_gets_the_report_and_a_slow_one_holds_no_probe_up() -> Result<()> {
    let server = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/hook?token=canary-of-the-webhook", server.local_addr()?);
    // It takes requests, and answers the first one only after three seconds.
    let answered = std::thread::spawn(move || -> Result<Vec<String>> {
        let mut requests = Vec::new();
        for pause in [3, 0] {
            let (mut stream, _) = server.accept()?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            let mut request = Vec::new();
            let mut part = [0; 4096];
            while !String::from_utf8_lossy(&request).contains("authprobe.report/v1") {
                let read = stream.read(&mut part)?;
                ensure!(read > 0, "the request ends early");
                request.extend_from_slice(&part[..read]);
            }
            std::thread::sleep(Duration::from_secs(pause));
            let status = if pause > 0 { "503 Service Unavailable" } else { "204 No Content" };
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
            requests.push(String::from_utf8_lossy(&request).into_owned());
        }
        Ok(requests)
    });
    let demo = reporting("{name: yearly, kind: slo, cron: \"0 0 1 1 *\", format: json, webhook: {file: hook}}").await?;
    fs::write(demo.path("hook"), url)?;
    let record = json!({"yearly": {"slot": "2021-06-01T00:00:00Z"}});
    fs::write(demo.path("authprobe.db.reports.json"), record.to_string())?;
    let mut daemon = demo.run()?;
    says(&mut daemon, "posted to its webhook").await?;
    let records = demo.store().records().await?;
    let log = daemon.stop().await?.told(0);
    let requests = answered.join().map_err(|_| anyhow::anyhow!("the server panicked"))??;
    let key = |request: &str| request.lines().find(|line| line.starts_with("idempotency-key:")).map(str::to_owned);
    assert!(requests[0].to_lowercase().contains("content-type: application/json"), "{}", requests[0]);
    assert_eq!(key(&requests[0].to_lowercase()), key(&requests[1].to_lowercase()), "a copy can be told");
    assert!(key(&requests[0].to_lowercase()).is_some());
    assert!(log.contains("the webhook answered 503") && !log.contains("canary-of-the-webhook"), "{log}");
    let of_login = records.of("demo/login");
    assert!(of_login.len() >= 7, "{records}");
    assert!(of_login.iter().all(|result| result.outcome.as_str() == "success"), "{records}");
    let late = of_login.windows(2).map(|pair| pair[1].time.duration_since(pair[0].time).as_millis()).max();
    assert!(late < Some(1500), "{late:?} ms between two runs");
    Ok(())
}
