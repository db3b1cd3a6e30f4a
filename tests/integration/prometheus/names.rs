//! What documents, dashboards and rules say of metrics holds for those of a running daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::harness::demo::Demo;
use crate::harness::program::authprobe;
use crate::harness::wait::{Seen, until};
use crate::harness::web::Web;

/// Labels of each metric, by its name as Prometheus stores it.
type Names = BTreeMap<String, BTreeSet<String>>;

#[tokio::test]
async fn every_metric_is_documented_and_every_name_in_a_dashboard_or_rule_is_one() -> Result<()> {
    let demo = Demo::start().await?;
    demo.configure("demo-key-set.yaml", demo.url())?;
    let config = fs::read_to_string(demo.path("authprobe.yaml"))?;
    let slos = "slos:\n  - { name: auth, probes: [\"demo/*\"], objective: 99, window: 28d, latency: 1s }\n";
    let alerts =
        format!("alerts:\n  - {{ name: beat, heartbeat: \"{}/.well-known/jwks.json\", every: 10s }}\n", demo.url());
    let reports = "reports: [{name: beat, kind: slo, cron: \"* * * * * *\", to: slo.json}]\n";
    fs::write(demo.path("authprobe.yaml"), format!("{config}{slos}{alerts}{reports}"))?;
    demo.control("/rotate", &json!({"signing": "rs256"})).await?;
    for replica in 0..3 {
        demo.control(&format!("/rollout/{replica}"), &json!({})).await?;
    }
    let mut daemon = demo.run()?;
    let web = Web::of(&mut daemon).await?;
    demo.store().runs(2).await?;
    // Of a key set that is watched, a change.
    demo.control("/rotate", &json!({})).await?;
    let scrape = until("a scrape with everything that can be told", async || {
        let scrape = web.get("/metrics", &[]).await?.body;
        let last = [
            "authprobe_feed_last_change_timestamp_seconds{",
            "authprobe_slo_burn_rate{",
            "authprobe_held_token_age",
            "authprobe_alert_last_success",
            "authprobe_scheduled_report_last_success",
        ];
        let all = last.iter().all(|name| scrape.contains(name));
        Ok(Seen::when(all, scrape.clone(), || scrape))
    })
    .await?;
    let on_demand = web.get("/probe?target=demo&module=login", &[]).await?.body;
    let names = scraped(&(scrape + &on_demand));
    let documented = documented()?;
    let of =
        |names: &Names| -> Vec<String> { names.iter().map(|(name, labels)| format!("{name} {labels:?}")).collect() };
    assert_eq!(of(&documented), of(&families(&names)), "docs/metrics.md, and what is scraped");

    let mut expressions = Vec::new();
    for file in fs::read_dir(root("deploy/grafana/dashboards"))? {
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(file?.path())?)?;
        let before = expressions.len();
        collect(&dashboard, &mut expressions);
        ensure!(expressions.len() > before + 5, "{} has no expressions", dashboard["title"]);
    }
    let rules = authprobe(demo.dir(), &["rules"]).await?.with(0);
    for rule in rules.split("expr: |-\n").skip(1) {
        let lines = rule.lines().take_while(|line| line.starts_with("          ")).map(str::trim);
        expressions.push((lines.collect::<Vec<_>>().join(" "), String::new()));
    }
    ensure!(expressions.len() > 50, "{} expressions", expressions.len());
    for (expression, legend) in &expressions {
        known(&names, expression, legend).with_context(|| expression.clone())?;
    }
    Ok(())
}

#[test]
fn a_name_or_a_label_that_is_none_is_noticed() {
    let names = scraped("authprobe_a_total{x=\"1\",y=\"}\"} 1\nprobe_b 2.0\n");
    assert!(known(&names, "sum by (x) (rate(authprobe_a_total{y=~\"probe_none{\"}[5m])) / probe_b", "{{x}}").is_ok());
    for (expression, legend) in [
        ("authprobe_b", ""),
        ("authprobe_a_total{z=\"1\"}", ""),
        ("sum by (z) (authprobe_a_total)", ""),
        ("authprobe_a_total", "{{z}}"),
        ("vector(1)", ""),
    ] {
        assert!(known(&names, expression, legend).is_err(), "{expression} {legend}");
    }
}

/// Every metric of a scrape.
fn scraped(text: &str) -> Names {
    let mut names = Names::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (series, _) = line.rsplit_once(' ').unwrap_or((line, ""));
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels =
            labels.trim_end_matches('}').split("\",").filter_map(|label| Some(label.split_once('=')?.0.into()));
        names.entry(name.to_owned()).or_default().extend(labels);
    }
    names
}

/// The same with histograms as one, as they are documented.
fn families(names: &Names) -> Names {
    let mut families = Names::new();
    for (name, labels) in names {
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            let family = name.strip_suffix(end)?;
            names.contains_key(&format!("{family}_bucket")).then_some(family)
        });
        let labels = labels.iter().filter(|label| *label != "le").cloned();
        families.entry(histogram.unwrap_or(name).to_owned()).or_default().extend(labels);
    }
    families
}

/// The metrics of the reference page: rows that begin with a name, with its labels in braces, in backquotes.
fn documented() -> Result<Names> {
    let page = fs::read_to_string(root("docs/metrics.md"))?;
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let metrics = rows.filter(|(name, _)| name.starts_with("authprobe_") || name.starts_with("probe_"));
    Ok(metrics
        .map(|(metric, _)| {
            let (name, labels) = metric.split_once('{').unwrap_or((metric, ""));
            let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty());
            (name.to_owned(), labels.map(|label| label.trim().to_owned()).collect())
        })
        .collect())
}

/// Every expression below a value, with its legend.
fn collect(value: &Value, expressions: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            if let Some(expression) = text("expr") {
                let legend = text("legendFormat").or(text("titleFormat")).unwrap_or_default();
                expressions.push((expression.to_owned(), legend.to_owned()));
            }
            if let Some(query) = text("definition") {
                let inner = query.trim_start_matches("label_values(").trim_end_matches(')');
                if let Some((metric, label)) = inner.split_once(", ") {
                    expressions.push((format!("sum by ({label}) ({metric})"), String::new()));
                }
            }
            fields.values().for_each(|inner| collect(inner, expressions));
        }
        Value::Array(items) => items.iter().for_each(|inner| collect(inner, expressions)),
        _ => {}
    }
}

/// Fails unless every metric of an expression is there with the labels that are asked for.
fn known(names: &Names, expression: &str, legend: &str) -> Result<()> {
    let tokens = tokens(expression);
    // What Prometheus itself adds to each series.
    let mut labels: BTreeSet<&str> = ["job", "instance"].into();
    let mut found = 0;
    for (index, token) in tokens.iter().enumerate() {
        if token.contains(':') {
            found += 1;
            labels.insert("slo");
        }
        if token.contains(':') || !(token.starts_with("authprobe_") || token.starts_with("probe_")) {
            continue;
        }
        found += 1;
        let of = names.get(token).with_context(|| format!("no metric is named {token}"))?;
        labels.extend(of.iter().map(String::as_str));
        if tokens.get(index + 1).map(String::as_str) == Some("{") {
            let inside = tokens[index + 2..].iter().take_while(|token| *token != "}");
            for label in inside.filter(|token| token.starts_with(char::is_alphabetic)) {
                ensure!(of.contains(label), "{token} has no label {label}");
            }
        }
    }
    ensure!(found > 0, "no metric");
    for (index, _) in tokens.iter().enumerate().filter(|(_, token)| *token == "by" || *token == "on") {
        let inside = tokens[index + 1..].iter().take_while(|token| *token != ")");
        for label in inside.filter(|token| token.starts_with(char::is_alphabetic) && *token != "le") {
            ensure!(labels.contains(label.as_str()), "no label {label}");
        }
    }
    for label in legend.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")) {
        ensure!(labels.contains(label.0.trim()), "no label {} for the legend", label.0);
    }
    Ok(())
}

/// Words and signs of an expression; what stands in quotes is left out.
fn tokens(expression: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let (mut quoted, mut escaped, mut word) = (false, false, false);
    for one in expression.chars() {
        if quoted {
            quoted = escaped || one != '"';
            escaped = !escaped && one == '\\';
            continue;
        }
        let of_word = one.is_alphanumeric() || one == '_' || one == ':';
        match tokens.last_mut() {
            Some(last) if of_word && word => last.push(one),
            _ if one == '"' => quoted = true,
            _ if one.is_whitespace() => {}
            _ => tokens.push(one.into()),
        }
        word = of_word;
    }
    tokens
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
