//! API keys and roles in a real database, seen through the program.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use storage::record::{Change, ChangeKind, Known, Operation};
use tokio::net::TcpListener;

use crate::canary::hunt::Hunt;
use crate::harness::probed::Probed;
use crate::harness::program::{Program, Running, authprobe};
use crate::harness::store::Records;
use crate::harness::wait::{Seen, until};
use crate::servers::postgres::{PROBER_PASSWORD, Postgres};

/// Own user 1 with role 1, own key 1; somebody else has user 2 and key 2.
const PEOPLE: &str = "
    INSERT INTO users VALUES (1, 'probe@example.com', 'h1'), (2, 'Zq7Person@example.com', 'Zq7PasswordHash');
    INSERT INTO roles VALUES (1, 'reader'), (2, 'admin');
    INSERT INTO user_roles VALUES (1, 1), (2, 2);
    INSERT INTO api_keys VALUES (1, 1, 'probe', 'Zq7KeyHashOne'), (2, 2, 'Zq7NameOfAKey', 'Zq7KeyHashTwo');";

/// What is the prober's own.
const OWN: &str = "own_api_keys: [probe], own_users: [probe@example.com]";

/// A directory with a configuration that watches a database.
fn watching(url: &str, more: &str) -> Result<Probed> {
    let probed =
        Probed::new("changes.yaml", "http://127.0.0.1:1", &[("api_key", "an-api-key-of-a-test"), ("url", url)])?;
    let file = probed.path("authprobe.yaml");
    let config = fs::read_to_string(&file)?;
    fs::write(&file, format!("{config}changes:\n  postgres: {{url: {{file: secrets/url}}, every: 1s, {more}}}\n"))?;
    Ok(probed)
}

/// Starts the daemon and waits until it has seen both views of a database.
async fn begun(probed: &Probed, server: &Postgres) -> Result<Running> {
    let before = [server.looks("api_keys").await?, server.looks("user_roles").await?];
    let daemon = Program::new(probed.dir(), &["--log", "trace", "run"]).start()?;
    until("both views to be seen", async || {
        let now = [server.looks("api_keys").await?, server.looks("user_roles").await?];
        Ok(Seen::when(now[0] > before[0] && now[1] > before[1], (), || daemon.err().unwrap_or_default()))
    })
    .await?;
    Ok(daemon)
}

/// The changes as `changes list --json` gives them.
async fn listed(dir: &Path) -> Result<Vec<Change>> {
    let out = authprobe(dir, &["changes", "list", "--json"]).await?.with(0);
    Ok(Records::parse(&out)?.changes)
}

fn of<'a>(changes: &'a [Change], object: &str) -> Vec<&'a Change> {
    changes.iter().filter(|change| change.object == object).collect()
}

#[tokio::test]
async fn what_happens_to_keys_and_roles_is_told_with_its_moment_and_whom_it_touches() -> Result<()> {
    let server = Postgres::start().await?;
    server.sql(PEOPLE).await?;
    let url = format!("{}?sslmode=verify-full", server.url());
    let probed = watching(
        &url,
        &format!("{OWN}, ca: ca.pem, targets: [api], api_keys: {{key_hash: key_hash, expires_at: expires_at}}"),
    )?;
    fs::write(probed.path("ca.pem"), server.certificate()?)?;
    let daemon = begun(&probed, &server).await?;
    let before = Timestamp::now();
    server
        .sql(
            "BEGIN;
             UPDATE api_keys SET revoked_at = now(), last_used_at = '2026-01-02 03:04:05+00' WHERE id = 1;
             UPDATE api_keys SET key_hash = 'another' WHERE id = 2;
             INSERT INTO api_keys VALUES (3, 2, 'third', 'h', '2020-01-01', NULL, NULL, '2099-01-01');
             INSERT INTO api_keys VALUES (4, 1, 'fourth', 'h', now(), NULL, NULL, now() + interval '20 days');
             DELETE FROM user_roles WHERE user_id = 1;
             INSERT INTO user_roles VALUES (1, 99), (2, 1);
             UPDATE roles SET name = 'root' WHERE id = 2;
             COMMIT",
        )
        .await?;
    let seen = probed.store().until("every change", |records| records.changes.len() >= 9).await?;
    let after = Timestamp::now();
    let changes = listed(probed.dir()).await?;
    ensure!(changes.len() == seen.changes.len());
    let told = |object: &str, kind, operation, touches| -> Result<&Change> {
        let all = of(&changes, object);
        let found = all.iter().find(|change| change.kind == kind && change.operation == operation);
        let found = *found.with_context(|| format!("{object}: {kind} in {changes:#?}"))?;
        ensure!(found.touches_probe == touches && found.source == "postgres" && found.targets == ["api"], "{found:#?}");
        let (lo, hi) = (found.lo().context("a moment")?, found.hi().context("a moment")?);
        ensure!(kind == ChangeKind::Expiry || (lo <= after && hi >= before), "{found:#?}");
        Ok(found)
    };
    let (yes, no) = (Some(Known::Yes), Some(Known::No));
    let (made, altered, gone) = (Some(Operation::Created), Some(Operation::Updated), Some(Operation::Deleted));
    let revoked = told("ApiKey/public/1", ChangeKind::ApiKey, altered, yes)?;
    ensure!(revoked.time.is_some_and(|time| before <= time && time <= after), "its moment: {revoked:#?}");
    assert_eq!(revoked.summary, "the prober's own API key revoked, last used 2026-01-02T03:04:05Z");
    ensure!(told("ApiKey/public/2", ChangeKind::ApiKey, altered, no)?.time.is_none());
    ensure!(told("ApiKey/public/3", ChangeKind::ApiKey, made, no)?.time.is_none(), "a moment long ago is none");
    ensure!(told("ApiKey/public/4", ChangeKind::ApiKey, made, no)?.time.is_some());
    let end = told("ApiKey/public/4", ChangeKind::Expiry, None, no)?;
    ensure!(end.time.is_some_and(|end| end > after), "{end:#?}");
    ensure!(of(&changes, "ApiKey/public/3").len() == 1, "an end in 2099 is not told of a key that is not the prober's");
    told("Role/reader/User/1", ChangeKind::Rbac, gone, yes)?;
    told("Role/reader/User/2", ChangeKind::Rbac, made, no)?;
    told("Role/root", ChangeKind::Rbac, altered, no)?;
    ensure!(told("Role/99/User/1", ChangeKind::Note, made, yes)?.summary.contains("does not exist"));

    // An end that is put off is told again in its place.
    server.sql("UPDATE api_keys SET expires_at = now() + interval '40 days' WHERE id = 4").await?;
    let id = end.id.clone();
    probed
        .store()
        .until("the end to be taken back", |records| {
            records.changes.iter().any(|change| change.id == id && change.kind == ChangeKind::Note)
        })
        .await?;
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn a_database_that_stops_is_a_gap_and_what_happened_is_told_when_it_is_back() -> Result<()> {
    let mut server = Postgres::start().await?;
    server.sql(PEOPLE).await?;
    let probed = watching(&format!("{}?sslmode=disable", server.url()), OWN)?;
    let mut daemon = begun(&probed, &server).await?;
    server.stop();
    // The reason depends on whether a look was under way.
    daemon.says("API keys of public.api_keys` cannot be seen: ").await?;
    let down = Timestamp::now();
    server.restart().await?;
    server.sql("DELETE FROM api_keys WHERE id = 1").await?;
    daemon.says("API keys of public.api_keys` is seen again").await?;
    let records = probed
        .store()
        .until("the gap and the change", |records| {
            let gap = records.gaps.iter().any(|gap| gap.feed == "postgres" && gap.from <= down && down <= gap.until);
            gap && !of(&records.changes, "ApiKey/public/1").is_empty()
        })
        .await?;
    let deleted = of(&records.changes, "ApiKey/public/1")[0];
    assert_eq!((deleted.operation, deleted.touches_probe), (Some(Operation::Deleted), Some(Known::Yes)));
    ensure!(
        deleted.time_lo.is_some_and(|lo| lo <= down) && deleted.time_hi.is_some_and(|hi| hi >= down),
        "{deleted:#?}"
    );
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_read_is_told_once_and_how_to_put_it_right() -> Result<()> {
    let server = Postgres::start().await?;
    server.sql(PEOPLE).await?;
    let url = format!("{}?sslmode=disable", server.url());
    let wrong = url.replace(PROBER_PASSWORD, "Wr0ngDatabasePassw0rd");
    let cases = [
        (wrong.as_str(), "watch: [api_keys]", "the database refuses this user or password (SQLSTATE 28P01)"),
        (&url, "watch: [api_keys], api_keys: {table: keys}", "(SQLSTATE 42P01); set `changes.postgres.api_keys.table`"),
        (&url, "watch: [api_keys], api_keys: {expires_at: ends}", "(SQLSTATE 42703); it is `ends`: set the columns"),
        (&url, "watch: [roles], user_roles: {table: api_keys, role_id: scopes}", "(SQLSTATE 42501); grant SELECT"),
        (&url, "watch: [api_keys], api_keys: {created_at: user_id}", "a column that should be a moment is none"),
        (&server.url(), "watch: [api_keys]", "TLS: invalid peer certificate"),
        ("postgres://u:Wr0ngDatabasePassw0rd@127.0.0.1:x/d", "watch: [api_keys]", "this is no URL of a database"),
    ];
    try_join_all(cases.map(async |(url, more, expected)| {
        let probed = watching(url, more)?;
        let mut daemon = Program::new(probed.dir(), &["--log", "trace", "run"]).start()?;
        daemon.says(expected).await?;
        // Two more looks go by before the probes have run so often.
        probed.store().runs(5).await?;
        let log = daemon.stop().await?.told(0);
        ensure!(log.matches(expected).count() == 1, "told once: {log}");
        ensure!(!log.contains("Wr0ngDatabasePassw0rd") && !log.contains(PROBER_PASSWORD), "{log}");
        let gaps = probed.store().records().await?.gaps;
        ensure!(gaps.iter().any(|gap| gap.feed == "postgres" && gap.why.contains(expected)), "{gaps:?}");
        Ok(())
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn one_view_goes_on_while_the_other_cannot_be_seen() -> Result<()> {
    let server = Postgres::start().await?;
    server.sql(PEOPLE).await?;
    server.sql("REVOKE SELECT (id, email) ON users FROM authprobe").await?;
    let probed = watching(&format!("{}?sslmode=disable", server.url()), OWN)?;
    let mut daemon = Program::new(probed.dir(), &["run"]).start()?;
    daemon.says("table \"public\".\"users\": this user may not read it").await?;
    until("the keys to be seen", async || {
        let looks = server.looks("api_keys").await?;
        Ok(Seen::when(looks > 0, (), || looks.to_string()))
    })
    .await?;
    server.sql("UPDATE api_keys SET revoked_at = now() WHERE id = 1").await?;
    let told = |records: &Records| !of(&records.changes, "ApiKey/public/1").is_empty();
    probed.store().until("the revocation", told).await?;
    daemon.stop().await?.told(0);
    Ok(())
}

#[tokio::test]
async fn a_database_that_never_answers_holds_nothing_up() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("postgres://authprobe:{PROBER_PASSWORD}@{}/postgres", listener.local_addr()?);
    let probed = watching(&url, OWN)?;
    let daemon = probed.run()?;
    let _held = [listener.accept().await?, listener.accept().await?];
    probed.store().runs(3).await?;
    let asked = std::time::Instant::now();
    daemon.stop().await?.told(0);
    ensure!(asked.elapsed() < std::time::Duration::from_secs(4), "it took {:?} to end", asked.elapsed());
    Ok(())
}

#[tokio::test]
async fn nothing_that_stands_in_a_row_leaves_the_program() -> Result<()> {
    let server = Postgres::start().await?;
    server.sql(PEOPLE).await?;
    let more = format!("{OWN}, api_keys: {{key_hash: key_hash}}, user_roles: {{user_id: who}}");
    server
        .sql(
            "ALTER TABLE user_roles DROP COLUMN user_id, ADD who text;
             GRANT SELECT (who) ON user_roles TO authprobe;
             UPDATE user_roles SET who = 'Zq7Person@example.com'",
        )
        .await?;
    let probed = watching(&format!("{}?sslmode=disable", server.url()), &more)?;
    let daemon = begun(&probed, &server).await?;
    server
        .sql(
            "UPDATE api_keys SET key_hash = 'Zq7KeyHashNew', name = 'Zq7NameOfAKeyToo' WHERE id = 2;
             DELETE FROM user_roles WHERE role_id = 2;
             INSERT INTO user_roles (role_id, who) VALUES (7, 'Zq7SomebodyElse@example.com')",
        )
        .await?;
    let all = |records: &Records| records.changes.len() >= 3;
    let records = probed.store().until("three changes", all).await?;
    ensure!(
        records.changes.iter().any(|change| change.object.starts_with("Role/admin/User/#")),
        "{:#?}",
        records.changes
    );
    // A failure may not repeat what the server says of it either.
    server
        .sql("ALTER TABLE api_keys ALTER revoked_at TYPE text; UPDATE api_keys SET revoked_at = 'Zq7NoMomentAtAll'")
        .await?;
    let mut daemon = daemon;
    daemon.says("API keys of public.api_keys` cannot be seen").await?;
    let ended = daemon.stop().await?;
    let list = authprobe(probed.dir(), &["changes", "list"]).await?;
    fs::write(probed.path("printed"), [ended.out, ended.err, list.out, list.err].concat())?;
    let mut hunt = Hunt::default();
    for core in [
        "Zq7KeyHashOne",
        "Zq7KeyHashTwo",
        "Zq7KeyHashNew",
        "Zq7NameOfAKey",
        "Zq7PasswordHash",
        "Zq7Person@example",
        "Zq7SomebodyElse",
        "Zq7NoMomentAtAll",
        "probe@example.com",
        PROBER_PASSWORD,
    ] {
        hunt.add(core, core);
    }
    // The configuration names the prober's own user.
    fs::rename(probed.path("authprobe.yaml"), probed.path("secrets/authprobe.yaml"))?;
    let (files, found) = hunt.search(probed.dir(), "secrets")?;
    ensure!(files >= 3 && found.is_empty(), "{files} files: {found:#?}");
    Ok(())
}

#[tokio::test]
async fn a_hundred_thousand_keys_take_little_memory_and_of_more_the_prober_s_own_is_watched() -> Result<()> {
    let server = Postgres::start().await?;
    server.sql(PEOPLE).await?;
    let probed = watching(&format!("{}?sslmode=disable", server.url()), OWN)?;
    let mut daemon = begun(&probed, &server).await?;
    let status = format!("/proc/{}/status", daemon.pid());
    let memory = || -> Result<u64> {
        let status = fs::read_to_string(&status)?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("VmHWM")?;
        Ok(line.split_whitespace().nth(1).context("a number")?.parse::<u64>()? / 1024)
    };
    let before = memory()?;
    server
        .sql("INSERT INTO api_keys SELECT n, 2, 'key ' || n, md5(n::text), '2020-01-01' FROM generate_series(1000, 100999) n")
        .await?;
    let summed = |records: &Records, count: usize| {
        records.changes.iter().filter(|change| change.object == "ApiKey/public").count() >= count
    };
    probed.store().until("the new keys", |records| summed(records, 1)).await?;
    server.sql("UPDATE api_keys SET revoked_at = now()").await?;
    let records = probed.store().until("the revocations", |records| summed(records, 2)).await?;
    let took = memory()? - before;
    println!("100,000 keys: {before} MiB before, {took} MiB more at the peak");
    ensure!(took < 64, "{took} MiB");
    ensure!(records.changes.len() == 203, "{} changes", records.changes.len());
    let own = of(&records.changes, "ApiKey/public/1");
    ensure!(own.len() == 1 && own[0].touches_probe == Some(Known::Yes), "{own:#?}");
    let said = of(&records.changes, "ApiKey/public").iter().map(|change| change.summary.clone()).collect::<Vec<_>>();
    ensure!(said.iter().any(|said| said == "99901 more changes of this kind at once, 100001 in all"), "{said:?}");

    // A table that outgrows what is compared: the prober's own row is seen still, and the others are not gone.
    server.sql("INSERT INTO api_keys SELECT n, 2, 'key ' || n, '' FROM generate_series(101000, 201000) n").await?;
    daemon.says("table `api_keys` has more than 200000 rows").await?;
    server.sql("UPDATE api_keys SET revoked_at = NULL WHERE id = 1").await?;
    let own = |records: &Records| of(&records.changes, "ApiKey/public/1").len() == 2;
    let records = probed.store().until("the prober's own key", own).await?;
    ensure!(records.changes.len() == 204, "{} changes", records.changes.len());
    daemon.stop().await?.told(0);
    Ok(())
}
