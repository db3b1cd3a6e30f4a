//! The same answer, byte for byte, means different things to a prober that knows different things.

use std::collections::{BTreeMap, BTreeSet};

use storage::record::Reason;

use super::corpus::Row;
use super::*;

#[test]
fn one_answer_has_as_many_reasons_as_the_prober_has_knowledge() {
    let it = || http(401, &[], r#"{"error":"etcdserver: invalid auth token","code":16}"#);
    let good = || fresh(ok()).verifies();
    assert_eq!(reason(vec![held(it()).fails(Reason::SignatureInvalid), good()]), Some(Reason::SignatureInvalid));
    assert_eq!(reason(vec![held(it()).fails(Reason::KeyUnknown), good()]), Some(Reason::KeyUnknown));
    assert_eq!(reason(vec![held(it()).past_its_end(), good()]), Some(Reason::TokenExpired));
    assert_eq!(reason(vec![held(it()).verifies(), good()]), Some(Reason::TokenRejected));
    assert_eq!(reason(vec![permission(it()), good()]), Some(Reason::PermissionDenied));
    assert_eq!(reason(vec![key(it())]), Some(Reason::ApiKeyRejected));
    assert_eq!(reason(vec![login(it())]), Some(Reason::LoginRejected));
    assert_eq!(reason(vec![forged(Variant::Tampered, it())]), None);
}

#[test]
fn recorded_answers_that_are_equal_are_told_apart() {
    let mut reasons: BTreeMap<String, BTreeSet<Reason>> = BTreeMap::new();
    let mut causes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in Row::all() {
        let Answer { status, headers, body, .. } = row.answer();
        let bytes = format!("{} {status} {headers:?} {}", row.server, String::from_utf8_lossy(&body));
        causes.entry(bytes.clone()).or_default().insert(row.cause.clone());
        reasons.entry(bytes).or_default().extend(row.cases().into_iter().filter_map(|(_, run, _)| reason(run)));
    }
    let apart = causes.iter().filter(|(bytes, causes)| causes.len() > 1 && reasons[*bytes].len() > 1).count();
    // The others stand for causes that share a reason: a wrong password and an unknown user, all kinds of dead keys.
    assert!(apart >= 8, "{apart} answers stand for more than one reason");
}

#[test]
fn a_token_let_in_by_one_replica_and_refused_by_another_lacks_no_permission() {
    // A rolling rotation: the same fresh token, signed with the new secret, meets an old replica at one endpoint.
    let it = || http(401, &[], r#"{"error":"Unauthorized"}"#);
    let mixed = vec![
        permission(it()),
        fresh(ok()).verifies(),
        held(it()).fails(Reason::SignatureInvalid),
        forged(Variant::WrongKey, it()),
    ];
    assert_eq!(reason(mixed), Some(Reason::TokenRejected));
    // The same, with the token signed by an old replica.
    let old = fresh(ok()).fails(Reason::SignatureInvalid);
    assert_eq!(reason(vec![permission(it()), old]), Some(Reason::SignatureInvalid));
    // No held token is refused: the endpoint is closed to this identity.
    let closed = vec![permission(it()), fresh(ok()).verifies(), held(ok()), forged(Variant::WrongKey, it())];
    assert_eq!(reason(closed), Some(Reason::PermissionDenied));
}

#[test]
fn in_no_moment_of_a_rolling_rotation_a_permission_is_missed() {
    // Which secret each request meets, which secret the prober knows, how bad tokens are answered.
    let refusals = [
        http(401, &[], r#"{"error":"Unauthorized"}"#),
        http(401, &[("www-authenticate", r#"Bearer error="invalid_token""#)], ""),
        http(422, &[], r#"{"msg":"Signature verification failed"}"#),
        http(403, &[], r#"{"error":"Forbidden"}"#),
    ];
    let mut told = 0;
    for (case, refusal) in (0..16).flat_map(|case| refusals.iter().map(move |refusal| (case, refusal))) {
        let pod = |bit: u32| if case >> bit & 1 == 1 { "new" } else { "old" };
        let (issuer, at_jwt, at_held, at_permission) = (pod(0), pod(1), pod(2), pod(3));
        for (known, compares) in [("new", true), ("old", true), ("", true), ("new", refusal.status != 403)] {
            let meets = |signed: &str, pod: &str| if signed == pod { ok() } else { refusal.clone() };
            let judged = |one: One, signed: &str| match known {
                "" => one,
                known if known == signed => one.verifies(),
                _ => one.fails(Reason::SignatureInvalid),
            };
            let run = |first: usize| {
                let mut run = vec![
                    judged(fresh(meets(issuer, at_jwt)), issuer),
                    permission(meets(issuer, at_permission)),
                    judged(held(meets("old", at_held)), "old"),
                    login(ok()),
                    key(ok()),
                ];
                run.extend(compares.then(|| forged(Variant::WrongKey, refusal.clone())));
                run.swap(0, first);
                run
            };
            // Where every token is of the only secret the prober knows, and held ones are let in, a run shows no rotation.
            let shows = at_held == "new" || known == "new" || known == "old" && issuer == "new";
            if !shows {
                continue;
            }
            for probe in 0..3 {
                let verdict = verdict(run(probe));
                let fits = matches!(verdict.reason, None | Some(Reason::SignatureInvalid | Reason::TokenRejected));
                assert!(fits, "{case:04b}, probe {probe}, prober knows {known:?}: {:?}", verdict.detail);
                told += u32::from(verdict.reason.is_some());
            }
            assert_eq!((reason(run(3)), reason(run(4))), (None, None), "login and key do not notice");
        }
    }
    assert!(told > 100, "{told} failures were told");
}

#[test]
fn a_refused_key_is_told_from_a_missing_permission_by_an_unknown_key() {
    let forbidden = |id: &str| http(403, &[], &format!(r#"{{"message":"Forbidden","request_id":"{id}"}}"#));
    assert_eq!(reason(vec![key(forbidden("a1b2")), unknown_key(forbidden("c3d4"))]), Some(Reason::ApiKeyRejected));
    assert_eq!(reason(vec![key(forbidden("a1b2")), unknown_key(http(401, &[], ""))]), Some(Reason::PermissionDenied));
    assert_eq!(reason(vec![key(forbidden("a1b2")), permission_by_key(ok())]), Some(Reason::PermissionDenied));
    assert_eq!(reason(vec![permission_by_key(forbidden("a1b2")), key(ok())]), Some(Reason::PermissionDenied));
    let both = vec![permission_by_key(forbidden("a")), key(forbidden("b")), unknown_key(forbidden("c"))];
    assert_eq!(reason(both), Some(Reason::ApiKeyRejected));
}

#[test]
fn the_words_of_a_server_confirm_and_never_overrule_what_is_known() {
    let lies = || http(401, &[], r#"{"error":"Signature verification failed"}"#);
    assert_eq!(reason(vec![held(lies()).verifies(), fresh(ok())]), Some(Reason::TokenRejected));
    assert_eq!(reason(vec![held(lies()).past_its_end(), fresh(ok())]), Some(Reason::TokenExpired));
    let of_the_end = http(401, &[], r#"{"detail":"Signature has expired"}"#);
    assert_eq!(reason(vec![held(of_the_end), fresh(ok())]), Some(Reason::TokenRejected), "our clock says otherwise");
    let either = http(401, &[], r#"{"message":"Invalid or expired token"}"#);
    assert_eq!(reason(vec![held(either).opaque("opaque-token-1"), fresh(ok())]), Some(Reason::TokenRejected));
    let of_an_opaque = http(401, &[], r#"{"message":"The access token expired"}"#);
    assert_eq!(reason(vec![held(of_an_opaque).opaque("opaque-token-1"), fresh(ok())]), Some(Reason::TokenExpired));
}

#[test]
fn a_key_set_that_could_not_be_fetched_says_nothing_of_the_token() {
    let refused = || http(401, &[], "");
    assert_eq!(reason(vec![fresh(refused()).fails(Reason::ServerError)]), Some(Reason::TokenRejected));
    assert_eq!(reason(vec![fresh(ok()).fails(Reason::ServerError)]), Some(Reason::ServerError));
}
