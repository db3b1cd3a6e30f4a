//! Receivers that are slow, deaf or mad cost no probe its time and no memory.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use super::receivers;
use crate::harness::demo::Demo;
use crate::harness::wait::{Seen, until};
use crate::servers::hook::{Hook, Manner};

/// Runs of each measurement.
const RUNS: usize = 30;

/// What the daemon says of its own schedule, and its memory in KiB.
struct Figures {
    median_ms: f64,
    most_ms: f64,
    skipped: u64,
    memory: u64,
}

/// Probes a while with these receivers during an incident.
async fn probe(lines: &[String]) -> Result<Figures> {
    let demo = Demo::start().await?;
    if !lines.is_empty() {
        receivers(&demo, lines)?;
    }
    let daemon = demo.run()?;
    demo.store().runs(3).await?;
    demo.fault(&json!({"fault": "login_rejects"})).await?;
    demo.store().runs(RUNS).await?;
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid()))?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("its memory")?;
    let memory = memory.trim().trim_end_matches(" kB").parse()?;
    let log = daemon.stop().await?.told(0);
    let said = log.lines().find(|line| line.contains("runs started")).with_context(|| log.clone())?.to_owned();
    let after = |text: &str| said.split_once(text).map(|(_, rest)| rest).unwrap_or_default().to_owned();
    let most = after("max ");
    let skipped = said.split_once(" slots skipped").and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok());
    let median = after("p50 ≤ ");
    Ok(Figures {
        median_ms: milliseconds(median.split(',').next().unwrap_or_default())?,
        most_ms: milliseconds(most.split(';').next().unwrap_or_default())?,
        skipped: skipped.context("the skipped slots")?,
        memory,
    })
}

fn milliseconds(text: &str) -> Result<f64> {
    let seconds =
        |unit: &str, factor: f64| text.strip_suffix(unit).and_then(|number| Some(number.parse::<f64>().ok()? * factor));
    let found = seconds("ms", 1.0).or_else(|| seconds("µs", 0.001)).or_else(|| seconds("s", 1000.0));
    found.with_context(|| format!("no time: {text}"))
}

#[tokio::test]
async fn probes_stay_on_time_whatever_receivers_do() -> Result<()> {
    let alone = probe(&[]).await?;
    let manners = [Manner::Slow, Manner::Fails, Manner::Garbage, Manner::NeverReads, Manner::Redirects];
    let mut hooks = Vec::new();
    for manner in manners {
        hooks.push(Hook::start(manner).await?);
    }
    let lines: Vec<String> = hooks.iter().map(|hook| format!("{{webhook: '{}'}}", hook.url("x"))).collect();
    let together = probe(&[lines, vec!["{command: [sleep, '1000'], timeout: 2s}".to_owned()]].concat()).await?;
    for (hook, manner) in hooks.iter().zip(manners) {
        until(&format!("somebody who tries {manner:?}"), async || {
            Ok(Seen::when(hook.connections() > 0, (), || "nobody came".into()))
        })
        .await?;
    }
    let Figures { median_ms, most_ms, skipped, memory } = together;
    println!(
        "starts late: median {median_ms:.2} ms, most {most_ms:.1} ms; without receivers {:.2} ms, {:.1} ms; memory {memory} \
         and {} KiB",
        alone.median_ms, alone.most_ms, alone.memory
    );
    assert_eq!((skipped, alone.skipped), (0, 0));
    // The machine of the test is shared: what a probe would wait for a receiver is 2 s and more.
    assert!(most_ms < alone.most_ms + 500.0, "{most_ms} ms late, {} ms without receivers", alone.most_ms);
    assert!(memory < alone.memory + 40 * 1024, "{memory} KiB, {} KiB without receivers", alone.memory);
    Ok(())
}
