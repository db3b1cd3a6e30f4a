//! `authprobe check`: its forms and its exit codes.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use crate::harness::demo::Demo;
use crate::harness::program::{Program, authprobe};

#[tokio::test]
async fn a_healthy_api_passes_in_every_form_and_nothing_is_stored() -> Result<()> {
    let demo = Demo::start().await?;
    golden("check-healthy.txt", &authprobe(demo.dir(), &["check"]).await?.with(0));
    golden("check-healthy.xml", &authprobe(demo.dir(), &["check", "--format", "junit"]).await?.with(0));
    let json: Value = serde_json::from_str(&authprobe(demo.dir(), &["check", "--format", "json"]).await?.with(0))?;
    assert_eq!(json["schema"], "authprobe.check/v1");
    assert_eq!(json["summary"], json!({"success": 13, "failure": 0, "skipped": 0, "invalid": 0}));
    for result in json["results"].as_array().into_iter().flatten() {
        assert_eq!(
            (&result["target"], &result["outcome"], &result["reason"]),
            (&json!("demo"), &json!("success"), &Value::Null)
        );
        assert!(
            result["took_us"].as_u64() > Some(0) && result["phases_us"]["processing"].as_u64() > Some(0),
            "{result}"
        );
    }
    assert!(!demo.path("authprobe.db").exists());
    Ok(())
}

#[tokio::test]
async fn a_failing_api_fails_in_every_form() -> Result<()> {
    let demo = Demo::start().await?;
    demo.fault(&json!({"fault": "key_revoked"})).await?;
    golden("check-failing.txt", &authprobe(demo.dir(), &["check"]).await?.with(1));
    golden("check-failing.xml", &authprobe(demo.dir(), &["check", "--format", "junit"]).await?.with(1));
    let json: Value = serde_json::from_str(&authprobe(demo.dir(), &["check", "--format", "json"]).await?.with(1))?;
    assert_eq!(json["summary"], json!({"success": 11, "failure": 2, "skipped": 0, "invalid": 0}));
    Ok(())
}

#[tokio::test]
async fn only_what_is_selected_is_probed() -> Result<()> {
    let demo = Demo::start().await?;
    demo.fault(&json!({"fault": "key_revoked"})).await?;
    let names = async |arguments: &[&str]| -> Result<Vec<String>> {
        let all = [&["check", "--format", "json"], arguments].concat();
        let json: Value = serde_json::from_str(&authprobe(demo.dir(), &all).await?.with(0))?;
        let results = json["results"].as_array().cloned().unwrap_or_default();
        Ok(results.iter().filter_map(|result| Some(result["probe"].as_str()?.to_owned())).collect())
    };
    assert_eq!(names(&["--probe", "login"]).await?, ["login"]);
    assert_eq!(names(&["--probe", "demo/jwt", "--probe", "can*"]).await?, ["jwt", "can-execute", "cannot-admin"]);
    assert_eq!(names(&["--target", "d*", "--probe", "not-anonymous"]).await?, ["not-anonymous"]);
    let none = authprobe(demo.dir(), &["check", "--target", "nowhere"]).await?.told(2);
    assert!(none.contains("demo/login") && none.contains("demo/not-anonymous"), "it names what there is: {none}");
    Ok(())
}

#[tokio::test]
async fn a_fault_of_the_prober_itself_is_exit_code_3_and_a_failure_beside_it_is_1() -> Result<()> {
    let demo = Demo::start().await?;
    fs::remove_file(demo.path("secrets/api_key"))?;
    let table = authprobe(demo.dir(), &["check"]).await?.with(3);
    let ill: Vec<&str> = table.lines().filter(|line| line.contains("credential_unavailable")).collect();
    // An unknown key is made in the likeness of the real one.
    assert_eq!(ill.len(), 3, "the probes that need the key, and no other: {table}");
    assert!(ill.iter().all(|line| line.contains(" invalid ") && line.contains("secrets/api_key")), "{table}");
    demo.fault(&json!({"fault": "jwt_validation_off"})).await?;
    authprobe(demo.dir(), &["check"]).await?.with(1);
    Ok(())
}

#[tokio::test]
async fn what_is_checked_is_recorded_when_asked_for() -> Result<()> {
    let demo = Demo::start().await?;
    authprobe(demo.dir(), &["check", "--record"]).await?.with(0);
    assert_eq!(demo.store().records().await?.results.len(), 13);
    authprobe(demo.dir(), &["check", "--record", "--store", "other.db"]).await?.with(0);
    assert_eq!(demo.store().records().await?.results.len(), 13);
    authprobe(demo.dir(), &["export", "--store", "other.db"]).await?.with(0);
    authprobe(demo.dir(), &["report", "incidents"]).await?.with(0);

    fs::create_dir(demo.path("a-directory"))?;
    let requests = demo.ask("/counters").await?;
    let told = authprobe(demo.dir(), &["check", "--record", "--store", "a-directory"]).await?.told(3);
    assert!(told.contains("a-directory"), "{told}");
    assert_eq!(
        demo.ask("/counters").await?,
        requests,
        "a store that cannot be written is told before anything is sent"
    );
    Ok(())
}

#[tokio::test]
async fn standard_output_is_plain_where_it_is_no_terminal() -> Result<()> {
    let demo = Demo::start().await?;
    let ended = Program::new(demo.dir(), &["check"]).env("CLICOLOR_FORCE", "1").end().await?;
    assert!(!ended.out.contains('\u{1b}') && !ended.err.contains('\u{1b}'), "{ended:?}");
    Ok(())
}

/// Compares with a golden file, without what differs from one run to the next: durations.
fn golden(name: &str, page: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r" {2,}\d+\.\d ms", "  TOOK ms");
    settings.add_filter(" {2,}(TOOK|DETAIL|HTTP)", "  $1");
    settings.add_filter(r#"time="[\d.]+""#, r#"time="TOOK""#);
    settings.bind(|| insta::assert_snapshot!(name, page));
}
