//! Answers of six real servers, recorded on loopback with their true causes: the reason for every row, from what
//! a prober knows in that situation.
//!
//! The texts of `library_error_texts` are left out here: they are of a library without HTTP, so no status came
//! with them and no probe can meet them.

use serde::Deserialize;
use storage::record::{Expect, ProbeKind, Reason, Variant};

use super::*;

#[derive(Deserialize)]
pub(super) struct Recorded {
    pub(super) responses: Vec<Row>,
}

#[derive(Deserialize)]
pub(super) struct Row {
    pub(super) server: String,
    step: String,
    pub(super) cause: String,
    fault: String,
    /// Absent where no answer came.
    status: Option<u16>,
    content_type: Option<String>,
    www_authenticate: Option<String>,
    retry_after: Option<String>,
    body: Option<String>,
}

impl Row {
    pub(super) fn all() -> Vec<Row> {
        let recorded: Recorded = serde_json::from_str(include_str!("corpus.json")).expect("the corpus");
        recorded.responses
    }

    pub(super) fn answer(&self) -> Answer {
        let named = [
            ("content-type", &self.content_type),
            ("www-authenticate", &self.www_authenticate),
            ("retry-after", &self.retry_after),
        ];
        let headers: Vec<_> = named.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        http(self.status.unwrap_or_default(), &headers, self.body.as_deref().unwrap_or_default())
    }

    fn says_signature(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.contains("Signature verification failed"))
    }

    /// Every probe that can meet this row: who it is, its run (itself first), and the reason it must give.
    pub(super) fn cases(&self) -> Vec<(&'static str, Vec<One>, Option<Reason>)> {
        let it = || self.answer();
        let fresh_is_good = || fresh(ok());
        let deny = |kind, variant| One::new(kind, Expect::Deny, variant, it());
        match (self.step.as_str(), self.cause.as_str()) {
            ("login", "ok" | "refresh_opaque_survives_secret_rotation") => vec![("login", vec![login(it())], None)],
            ("api_key", "ok" | "ok_api_key_unaffected_by_jwt_rotation") => vec![("key", vec![key(it())], None)],
            ("health", "ok") => vec![("anonymous", vec![anonymous(Expect::Allow, it())], None)],
            (_, "ok") => vec![("fresh", vec![fresh(it()).verifies()], None)],
            // Basic authentication is a login of its own at every request.
            (_, "bad_password" | "unknown_user" | "user_disabled_login" | "missing_permission_at_login") => vec![
                ("login", vec![login(it())], Some(Reason::LoginRejected)),
                ("once good", vec![login(it()).good_before()], Some(Reason::LoginRejected)),
                ("wrong password on purpose", vec![deny(ProbeKind::Login, Variant::Unknown)], None),
            ],
            (_, "old_password_after_rotation") => {
                vec![("once good", vec![login(it()).good_before()], Some(Reason::LoginRejected))]
            }
            // The credential was not looked at; one of the servers breaks over it.
            (_, "malformed_login") if self.status == Some(500) => {
                vec![("login", vec![login(it())], Some(Reason::ServerError))]
            }
            (_, "malformed_login") => vec![
                ("login", vec![login(it())], Some(Reason::UnexpectedStatus)),
                ("once good", vec![login(it()).good_before()], Some(Reason::UnexpectedStatus)),
            ],
            (_, "no_credentials") => vec![
                ("anonymous that must be refused", vec![deny(ProbeKind::Permission, Variant::Anonymous)], None),
                ("anonymous", vec![anonymous(Expect::Allow, it())], Some(Reason::PermissionDenied)),
                // What a server answers when a proxy took the header away.
                ("fresh", vec![fresh(it()).verifies()], Some(Reason::TokenRejected)),
            ],
            (_, "health_requires_auth") => {
                vec![("anonymous", vec![anonymous(Expect::Allow, it())], Some(Reason::PermissionDenied))]
            }
            (_, "jwt_tampered_signature" | "jwt_tampered_payload") => vec![
                ("tampered", vec![forged(Variant::Tampered, it())], None),
                ("wrong key", vec![forged(Variant::WrongKey, it())], None),
                ("as if good", vec![fresh(it()).fails(Reason::SignatureInvalid)], Some(Reason::SignatureInvalid)),
            ],
            (_, "jwt_garbage") => vec![
                ("tampered", vec![forged(Variant::Tampered, it())], None),
                ("as if good", vec![fresh(it()).fails(Reason::TokenMalformed)], Some(Reason::TokenMalformed)),
            ],
            (_, "jwt_expired") => vec![
                ("expired", vec![forged(Variant::Expired, it())], None),
                ("held", vec![held(it()).past_its_end(), fresh_is_good()], Some(Reason::TokenExpired)),
                ("held and verified", vec![held(it()).fails(Reason::TokenExpired)], Some(Reason::TokenExpired)),
            ],
            (_, "jwt_old_secret" | "refresh_old_secret") => vec![
                (
                    "held, secret known",
                    vec![held(it()).fails(Reason::SignatureInvalid), fresh_is_good().verifies()],
                    Some(Reason::SignatureInvalid),
                ),
                // Without the secret only contrast and words are left, and most servers have no words for it.
                (
                    "held, secret unknown",
                    vec![held(it()), fresh_is_good()],
                    Some(if self.says_signature() { Reason::SignatureInvalid } else { Reason::TokenRejected }),
                ),
                (
                    "held, answered as a wrong key is and unlike an expired token",
                    vec![
                        held(it()),
                        fresh_is_good(),
                        forged(Variant::WrongKey, it()),
                        forged(Variant::Expired, http(401, &[], "other words")),
                    ],
                    Some(Reason::SignatureInvalid),
                ),
                ("old one that must be refused", vec![forged(Variant::WrongKey, it())], None),
            ],
            (_, "old_secret_not_yet_effective") => vec![
                ("held", vec![held(it()).fails(Reason::SignatureInvalid), fresh_is_good()], None),
                ("must be refused", vec![forged(Variant::WrongKey, it())], Some(Reason::UnexpectedlyAllowed)),
            ],
            // The token is right in form and signature, and the server wants another one or another way.
            (_, "wrong_scheme" | "malformed_header" | "jwt_wrong_type" | "jwt_unknown_user") => vec![
                ("fresh, secret known", vec![fresh(it()).verifies()], Some(Reason::TokenRejected)),
                ("fresh, secret unknown", vec![fresh(it())], Some(Reason::TokenRejected)),
            ],
            (_, "jwt_wrong_audience") => vec![
                ("audience configured", vec![fresh(it()).fails(Reason::ClaimsInvalid)], Some(Reason::ClaimsInvalid)),
                ("audience not configured", vec![fresh(it()).verifies()], Some(Reason::TokenRejected)),
            ],
            (_, "jwt_authz_revision_stale") => vec![
                ("secret known", vec![held(it()).verifies(), fresh_is_good().verifies()], Some(Reason::TokenRejected)),
                ("secret unknown", vec![held(it()), fresh_is_good()], Some(Reason::TokenRejected)),
            ],
            // False acceptance is seen by the deny probe alone.
            (_, "user_disabled_jwt") if self.status == Some(200) => vec![
                ("held", vec![held(it()).verifies()], None),
                (
                    "must be refused",
                    vec![deny(ProbeKind::Permission, Variant::Unprivileged)],
                    Some(Reason::UnexpectedlyAllowed),
                ),
            ],
            (_, "user_disabled_jwt") => vec![
                ("secret known", vec![held(it()).verifies(), login(http(401, &[], ""))], Some(Reason::TokenRejected)),
                ("secret unknown", vec![held(it())], Some(Reason::TokenRejected)),
                ("must be refused", vec![deny(ProbeKind::Permission, Variant::Unprivileged)], None),
            ],
            (_, "missing_permission" | "permission_removed") => vec![
                (
                    "permission, the token is let in elsewhere",
                    vec![permission(it()), fresh_is_good().verifies()],
                    Some(Reason::PermissionDenied),
                ),
                (
                    "permission, forged tokens get the same answer",
                    vec![permission(it()), fresh_is_good(), forged(Variant::Tampered, it())],
                    Some(Reason::PermissionDenied),
                ),
                ("must be refused", vec![deny(ProbeKind::Permission, Variant::Fresh)], None),
            ],
            (_, "api_key_unknown" | "api_key_revoked" | "api_key_expired" | "api_key_missing") => vec![
                ("key", vec![key(it())], Some(Reason::ApiKeyRejected)),
                ("key beside an unknown one", vec![key(it()), unknown_key(it())], Some(Reason::ApiKeyRejected)),
                ("unknown", vec![unknown_key(it())], None),
                ("revoked", vec![deny(ProbeKind::ApiKey, Variant::Revoked)], None),
            ],
            ("api_key", _) => vec![],
            (_, "rate_limited") => vec![
                ("login", vec![login(it())], Some(Reason::RateLimited)),
                (
                    "wrong password on purpose",
                    vec![deny(ProbeKind::Login, Variant::Unknown)],
                    Some(Reason::RateLimited),
                ),
            ],
            (_, "database_down" | "secret_file_half_written") => vec![
                ("login", vec![login(it())], Some(Reason::ServerError)),
                ("fresh", vec![fresh(it()).verifies()], Some(Reason::ServerError)),
                ("unreachable is never protected", vec![forged(Variant::Tampered, it())], Some(Reason::ServerError)),
            ],
            (_, "server_down") => vec![
                ("anonymous", vec![anonymous(Expect::Allow, it()).broken(Reason::Connect)], Some(Reason::Connect)),
                (
                    "must be refused",
                    vec![forged(Variant::Tampered, it()).broken(Reason::Connect)],
                    Some(Reason::Connect),
                ),
            ],
            _ => vec![],
        }
    }
}

#[test]
fn every_recorded_answer_gets_the_reason_of_its_true_cause() {
    let rows = Row::all();
    assert_eq!(rows.len(), 122);
    for row in rows {
        let cases = row.cases();
        assert!(!cases.is_empty(), "no probe for {} {} {}", row.server, row.step, row.cause);
        for (who, run, expected) in cases {
            let found = verdict(run);
            let Row { server, cause, fault, .. } = &row;
            assert_eq!(found.reason, expected, "{server}: {cause} ({fault}), probe: {who}, detail: {:?}", found.detail);
        }
    }
}
