//! Logins: one attempt, a stop before the account is locked, and wrong passwords with care.

use super::*;

fn with_password(password: &str) -> Wallet {
    fixtures::wallet(&[("PASSWORD", password), ("KEY", KEY), ("SECRET", OLD)])
}

#[tokio::test]
async fn a_login_that_is_rejected_stops_and_tries_again_when_its_credential_changes() {
    let api = Api::new().await;
    let mut probes = everything();
    probes["login"]["stop_after"] = 3.into();
    let target = api.target(probes);
    let mut session = Session::default();
    let wrong = with_password("the-wrong-password");
    for attempt in 1..=5 {
        let results = run_with(&target, &wrong, &mut session).await;
        let expected = if attempt <= 3 { "failure login_rejected" } else { "skipped no_token" };
        assert_eq!(ended(&results, "login"), expected, "attempt {attempt}");
        assert_eq!(ended(&results, "jwt"), "skipped no_token", "a failed login is nobody else's failure");
        assert_eq!(ended(&results, "can-read"), "skipped no_token");
        assert_eq!(ended(&results, "api_key"), "success");
        assert_eq!(ended(&results, "strangers-cannot"), "success");
    }
    assert_eq!(api.server.count("POST /login"), 3);
    let results = run_with(&target, &wrong, &mut session).await;
    let detail = of(&results, "login").detail.clone().expect("a detail");
    assert!(detail.contains("stopped after 3 straight rejections"), "{detail}");
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!(ended(&results, "login"), "success");
    assert_eq!(api.server.count("POST /login"), 4);
}

#[tokio::test]
async fn a_broken_login_is_tried_once_a_run_and_never_stops() {
    let api = Api::new().await;
    let target = api.target(everything());
    let mut session = Session::default();
    api.change(|world| world.login = Some(answer("500 Internal Server Error", &[], "")));
    for run in 1..=8 {
        let results = run_with(&target, &wallet(), &mut session).await;
        assert_eq!(ended(&results, "login"), "failure server_error");
        assert_eq!(api.server.count("POST /login"), run);
    }
}

#[tokio::test]
async fn a_login_without_a_token_is_said_to_lack_it() {
    let api = Api::new().await;
    api.change(|world| world.login = Some(answer("200 OK", &[], r#"{"error":"it expired"}"#)));
    let results = run_with(&api.target(everything()), &wallet(), &mut Session::default()).await;
    assert_eq!(ended(&results, "login"), "failure token_missing");
    let said = of(&results, "login").detail.clone();
    assert_eq!(said.as_deref(), Some("nothing at `/access_token` of the body (it expired)"));
    assert_eq!(of(&results, "jwt").detail.as_deref(), Some("login: token_missing"));
}

fn guessing(user: &str) -> Value {
    let mut probes = everything();
    probes["login"]["deny"] = json!(["unknown"]);
    probes["login"]["deny_username"] = user.into();
    probes
}

#[tokio::test]
async fn wrong_passwords_have_their_own_user_and_their_own_beat() {
    let api = Api::new().await;
    let target = api.target(guessing("decoy"));
    let mut session = Session::default();
    for run in 1..=3 {
        let results = run_with(&target, &wallet(), &mut session).await;
        let guesses: Vec<_> = results.iter().filter(|result| result.probe == "login-unknown").collect();
        assert_eq!(guesses.len(), usize::from(run == 1), "a quarter of an hour has not passed");
        assert!(guesses.iter().all(|guess| guess.outcome == Outcome::Success && guess.every_s == Some(900.0)));
    }
    let received = api.server.received();
    let decoys: Vec<_> = received.iter().filter(|request| request.body.contains("decoy")).collect();
    assert_eq!(decoys.len(), 1);
    assert!(!decoys[0].body.contains(PASSWORD));
    assert_eq!(api.server.count("POST /login"), 4);
}

#[tokio::test]
async fn wrong_passwords_are_never_for_a_user_of_another_probe() {
    for user in ["probe", "PROBE", "clerk"] {
        let api = Api::new().await;
        let mut probes = guessing(user);
        let clerk = json!({"username": "clerk", "password": {"env": "PASSWORD"}});
        let cannot = json!({"name": "clerk-cannot", "request": "GET /admin", "expect": "deny", "as": clerk});
        probes["permission"].as_array_mut().expect("a list").push(cannot);
        let results = run_with(&api.target(probes), &wallet(), &mut Session::default()).await;
        assert_eq!(ended(&results, "login-unknown"), "invalid credential_unavailable");
        assert_eq!(ended(&results, "login-unprivileged"), "success");
        assert_eq!(
            (ended(&results, "clerk-cannot"), of(&results, "clerk-cannot").variant),
            ("success".into(), Variant::Unprivileged)
        );
        assert_eq!(api.server.count("POST /login"), 2, "no guess went out");
    }
}

#[tokio::test]
async fn a_lock_after_a_wrong_password_lets_the_probe_rest() {
    let api = Api::new().await;
    api.change(|world| world.login = Some(answer("423 Locked", &[], "")));
    let mut session = Session::default();
    let results = run_with(&api.target(guessing("decoy")), &wallet(), &mut session).await;
    assert_eq!(ended(&results, "login-unknown"), "success", "locked is refused");
    let due = |minutes: u64| session.is_due("login-unknown", Instant::now() + Duration::from_secs(minutes * 60));
    assert!(!due(59) && due(61));
}

#[tokio::test]
async fn a_throttle_of_wrong_passwords_does_not_stop_the_others() {
    let api = Api::new().await;
    let mut session = Session::default();
    let target = api.target(guessing("decoy"));
    api.change(|world| world.throttles_guesses = true);
    let results = run_with(&target, &wallet(), &mut session).await;
    assert_eq!(ended(&results, "login-unknown"), "failure rate_limited");
    assert_eq!(session.waiting(Instant::now()), None);
    assert!(!session.is_due("login-unknown", Instant::now() + Duration::from_secs(3500)));
}

#[tokio::test]
async fn a_user_who_cannot_log_in_fails_alone() {
    let api = Api::new().await;
    let mut probes = everything();
    let clerk = json!({"username": "clerk", "password": {"env": "OTHER"}});
    let can = json!({"name": "clerk-can", "request": "GET /things", "expect": "allow", "as": clerk});
    probes["permission"].as_array_mut().expect("a list").push(can);
    let mut wallet = wallet();
    let other = Credential::new("not-the-password".into()).expect("long enough");
    wallet.insert(Source::Env("OTHER".into()), Ok(Held { current: other, previous: None }));
    let results = run_with(&api.target(probes), &wallet, &mut Session::default()).await;
    assert_eq!(ended(&results, "login-unprivileged"), "failure login_rejected");
    assert_eq!(ended(&results, "clerk-can"), "skipped no_token");
    assert_eq!(of(&results, "clerk-can").detail.as_deref(), Some("login-unprivileged: login_rejected"));
    for probe in ["login", "jwt", "can-read"] {
        assert_eq!(ended(&results, probe), "success");
    }
}
