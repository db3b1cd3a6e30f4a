//! A real browser on the pages: somebody opens the incident, reads its cause and follows what happened.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::program::Program;
use crate::harness::wait::{Seen, until};
use crate::servers::http::{Http, text};

/// Where the page is told by the demo.
const SAID: &str = "the page is at ";
/// Judges the page, in light or dark, by the rules of WCAG 2.2 and what is good practice.
const JUDGE: &str = "const done = arguments[0]; axe.run(document, { resultTypes: ['violations'] })
    .then(found => done(found.violations.map(one => one.id + ': ' + one.nodes.map(node => node.html).slice(0, 3).join(' | '))),
          error => done([String(error)]));";

/// Goes to the end of what happened: how many items there are, whether the last is in sight, and how many are triggers.
const SCROLL: &str = "const all = document.querySelectorAll('.timeline li'); const last = all[all.length - 1];
    last.scrollIntoView({block: 'center'}); const at = last.getBoundingClientRect();
    return [all.length, at.top >= 0 && at.bottom <= innerHeight, document.querySelectorAll('.timeline .trigger').length];";
/// What the page tells of in order, how many charts it has, and how many names of elements are there twice.
const TOLD: &str = "const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
    return [[...document.querySelectorAll('.timeline li div p:first-child')].map(one => one.textContent),
            document.querySelectorAll('.drawing svg.chart').length, ids.length - new Set(ids).size];";
/// Gives the first link the focus: what it is called, and whether it is in sight then.
const FIRST_STOP: &str = "const first = document.querySelector('a'); first.focus();
    return [first.textContent, first.getBoundingClientRect().left >= 0];";

/// The browser's driver. Gone when dropped, with its browsers.
struct Driver {
    child: Child,
    url: String,
    _dir: TempDir,
}

/// A browser, steered as W3C WebDriver has it.
struct Browser {
    http: Http,
    session: String,
}

impl Driver {
    /// Starts it; none where there is none.
    async fn start() -> Result<Option<Self>> {
        let dir = TempDir::with_prefix("browser-")?;
        let log = dir.path().join("log");
        let started = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(fs::File::create(&log)?)
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn();
        let Ok(child) = started else { return Ok(None) };
        let mut driver = Self { child, url: String::new(), _dir: dir };
        driver.url = until("the port of chromedriver", async || {
            let said = fs::read_to_string(&log)?;
            let port = said.split_once("successfully on port ").and_then(|(_, rest)| rest.split_once('.'));
            Ok(match port {
                Some((port, _)) => Seen::Done(format!("http://127.0.0.1:{port}")),
                None => Seen::NotYet(said),
            })
        })
        .await?;
        Ok(Some(driver))
    }

    /// A browser in light or dark.
    async fn browser(&self, dark: bool) -> Result<Browser> {
        let mut arguments = vec!["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        arguments.extend(["--window-size=1400,1000", "--no-proxy-server"]);
        if dark {
            arguments.push("--force-dark-mode");
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        // The first start of a browser on a busy machine takes its time.
        let http = Http::patient()?;
        let opened = http.json(Method::POST, &format!("{}/session", self.url), &[], &wanted).await?.ok()?;
        let id = text(&opened, "/value/sessionId")?;
        Ok(Browser { http, session: format!("{}/session/{id}", self.url) })
    }
}

impl Browser {
    async fn ask(&self, what: &str, with: Value) -> Result<Value> {
        let answer = self.http.json(Method::POST, &format!("{}/{what}", self.session), &[], &with).await?;
        Ok(answer.ok()?["value"].take())
    }

    async fn goto(&self, url: &str) -> Result<()> {
        self.ask("url", json!({ "url": url })).await.map(drop)
    }

    /// What a script returns.
    async fn execute(&self, script: &str) -> Result<Value> {
        self.ask("execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// What a script hands to the function that is its last argument.
    async fn execute_async(&self, script: &str) -> Result<Value> {
        self.ask("execute/async", json!({ "script": script, "args": [] })).await
    }

    /// The text of the first element, when there is one.
    async fn text(&self, css: &str) -> Result<String> {
        let script = format!("const one = document.querySelector({}); return one && one.innerText;", json!(css));
        until(css, async || {
            let found = self.execute(&script).await?;
            Ok(match found.as_str() {
                Some(text) => Seen::Done(text.to_owned()),
                None => Seen::NotYet("nothing".into()),
            })
        })
        .await
    }

    /// Clicks as a mouse does.
    async fn click(&self, xpath: &str) -> Result<()> {
        let found = self.ask("element", json!({ "using": "xpath", "value": xpath })).await?;
        let id = found.as_object().and_then(|one| one.values().next()).and_then(Value::as_str).context("an element")?;
        self.ask(&format!("element/{id}/click"), json!({})).await.map(drop)
    }

    /// What the console held since it was last asked.
    async fn console(&self) -> Result<Vec<String>> {
        let told = self.ask("se/log", json!({ "type": "browser" })).await?;
        let lines = told.as_array().context("a list")?;
        Ok(lines.iter().map(|line| format!("{} {}", line["level"], line["message"])).collect())
    }

    async fn screenshot(&self) -> Result<Vec<u8>> {
        let told = self.http.get(&format!("{}/screenshot", self.session), &[]).await?.ok()?;
        Ok(STANDARD.decode(text(&told, "/value")?)?)
    }

    async fn close(&self) -> Result<()> {
        self.http.json(Method::DELETE, &self.session, &[], &json!({})).await.map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_incident_of_the_demo_is_understood_in_a_browser() -> Result<()> {
    let axe = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser/node_modules/axe-core/axe.min.js");
    let Some(driver) = Driver::start().await? else {
        ensure!(std::env::var_os("CI").is_none(), "chromedriver is not there: run tests/install.sh");
        eprintln!("SKIPPED: chromedriver is not there, so no browser looked at the pages: run tests/install.sh");
        return Ok(());
    };
    let axe = fs::read_to_string(&axe).with_context(|| format!("no {}: run tests/install.sh", axe.display()))?;
    let dir = TempDir::with_prefix("authprobe-demo-")?;
    let mut demo = Program::new(dir.path(), &["demo", "--dir", "told", "--serve"]).start()?;
    demo.says(SAID).await?;
    let said = demo.err()?;
    let url = said.split_once(SAID).and_then(|(_, rest)| rest.lines().next()).context("the address")?.to_owned();
    for _ in 0..6 {
        // The story takes longer than one wait is given.
        if demo.says("end them with Ctrl-C").await.is_ok() {
            break;
        }
    }
    demo.says("end them with Ctrl-C").await?;
    // A page does not change once it is there, so the revoked key has to be known as an incident before.
    let http = Http::new()?;
    until("an incident that is open", async || {
        let metrics = http.get(&format!("{url}metrics"), &[]).await?.body;
        let mut open = metrics.lines().filter(|line| line.starts_with("authprobe_incidents_open{"));
        Ok(Seen::when(open.any(|line| !line.ends_with(" 0") && !line.ends_with(" 0.0")), (), || "none".into()))
    })
    .await?;
    let mut found = Vec::new();
    for dark in [false, true] {
        let browser = driver.browser(dark).await?;
        let seen = look(&browser, &url, &axe, dark).await;
        browser.close().await?;
        found.extend(seen?);
    }
    assert!(found.is_empty(), "{found:#?}");
    Ok(())
}

/// Goes the way of a reader, and gives everything that is wrong with the pages on it.
async fn look(browser: &Browser, url: &str, axe: &str, dark: bool) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    browser.goto(url).await?;
    let open = browser.text(".lead.alarm a").await?;
    ensure!(open.contains("api_key"), "{open}");
    wrong.extend(judged(browser, axe).await?);
    picture(browser, "overview", dark).await?;

    // The rotation is over by now, and stands in the table of those.
    browser.click("//section[@aria-labelledby='over']//th/a[contains(., 'jwt-held')]").await?;
    let cause = browser.text(".lead .cause").await?;
    ensure!(cause.contains("Secret/demo/orchestrator-jwt-secret") && cause.contains("likely"), "{cause}");
    let scrolled = browser.execute(SCROLL).await?;
    ensure!(scrolled[0].as_u64() >= Some(5) && scrolled[1] == true && scrolled[2].as_u64() >= Some(1), "{scrolled}");
    wrong.extend(judged(browser, axe).await?);
    picture(browser, "incident", dark).await?;
    as_reported(browser, url).await?;

    // Without a mouse: the first stop leads past the ways to other pages.
    let skip = browser.execute(FIRST_STOP).await?;
    ensure!(skip == json!(["To the content", true]), "{skip}");

    for path in
        ["incidents", "changes", "slos", "results", "target?target=orchestrator", "search?q=secret", "target?target=no"]
    {
        browser.goto(&format!("{url}{path}")).await?;
        wrong.extend(judged(browser, axe).await?);
    }
    browser.goto(&format!("{url}live")).await?;
    browser.text("#results tr").await?;
    wrong.extend(judged(browser, axe).await?);
    Ok(wrong)
}

/// Waits until the page of the incident tells what its report tells, in the same order.
async fn as_reported(browser: &Browser, url: &str) -> Result<()> {
    let at = browser.execute("return location.search;").await?;
    let query = at.as_str().context("an address")?.replacen("id=", "incident=", 1);
    let http = Http::new()?;
    until("the page tells what the report tells", async || {
        let report = http.get(&format!("{url}api/v1/timeline{query}&limit=1000"), &[]).await?.ok()?;
        let items = report["items"].as_array().context("a list")?;
        let titles: Vec<&Value> = items.iter().map(|item| &item["title"]).collect();
        let told = browser.execute(TOLD).await?;
        ensure!(told[1].as_u64() >= Some(2) && told[2] == 0, "{told}");
        if told[0] == json!(titles) {
            return Ok(Seen::Done(()));
        }
        browser.execute("location.reload();").await?;
        Ok(Seen::NotYet(format!("{} and {titles:?}", told[0])))
    })
    .await
}

/// What is wrong with the page: for who cannot see or use a mouse, and by the console.
async fn judged(browser: &Browser, axe: &str) -> Result<Vec<String>> {
    let at = browser.execute("return location.href;").await?;
    browser.execute(axe).await?;
    let told = browser.execute_async(JUDGE).await?;
    let mut wrong: Vec<String> = told.as_array().context("a list")?.iter().map(|one| format!("{at}: {one}")).collect();
    let console = browser.console().await?;
    // The browser itself notes the answer 404 of the page that is not there.
    wrong.extend(console.into_iter().filter(|line| !line.contains("404")).map(|line| format!("{at}: {line}")));
    Ok(wrong)
}

/// Keeps a picture for whoever wants to look.
async fn picture(browser: &Browser, name: &str, dark: bool) -> Result<()> {
    let shade = if dark { "dark" } else { "light" };
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{name}-{shade}.png"));
    let picture = browser.screenshot().await?;
    ensure!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000, "an empty picture");
    Ok(fs::write(file, picture)?)
}
