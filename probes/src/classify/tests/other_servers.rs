//! Answers of servers that were not recorded, made from their public documentation and from the standards.

use storage::record::{Expect, Reason, Variant};

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");
const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

fn json(status: u16, body: &str) -> Answer {
    http(status, &[JSON], body)
}

fn page(status: u16, text: &str) -> Answer {
    http(status, &[HTML], &format!("<!DOCTYPE html><html><head><title>{text}</title></head><body>{text}</body></html>"))
}

fn bearer(status: u16, challenge: &str) -> Answer {
    http(status, &[("www-authenticate", challenge)], "")
}

fn to(location: &str) -> Answer {
    http(302, &[("location", location)], "")
}

#[track_caller]
fn check(server: &str, run: Vec<One>, expected: Reason) {
    let found = verdict(run);
    assert_eq!(found.reason, Some(expected), "{server}: {:?}", found.detail);
}

#[track_caller]
fn succeeds(server: &str, run: Vec<One>) {
    let found = verdict(run);
    assert_eq!(found.reason, None, "{server}: {:?}", found.detail);
}

#[test]
fn logins_of_identity_providers() {
    use Reason::{AccountLocked, LoginRejected, RateLimited, TokenMissing, UnexpectedStatus};
    let oauth = |status, error, text| json(status, &format!(r#"{{"error":"{error}","error_description":"{text}"}}"#));
    for (server, answer, expected) in [
        ("Keycloak, password", oauth(401, "invalid_grant", "Invalid user credentials"), LoginRejected),
        ("Keycloak, disabled", oauth(400, "invalid_grant", "Account disabled"), LoginRejected),
        (
            "Keycloak, client",
            oauth(401, "unauthorized_client", "Invalid client or Invalid client credentials"),
            LoginRejected,
        ),
        ("Keycloak, form", oauth(400, "invalid_request", "Missing form parameter: grant_type"), UnexpectedStatus),
        ("Auth0, password", oauth(403, "invalid_grant", "Wrong email or password."), LoginRejected),
        ("Auth0, blocked by an administrator", oauth(403, "unauthorized", "user is blocked"), LoginRejected),
        (
            "Auth0, attempts",
            oauth(429, "too_many_attempts", "Your account has been blocked after multiple consecutive login attempts."),
            RateLimited,
        ),
        (
            "Entra ID, secret",
            oauth(401, "invalid_client", "AADSTS7000215: Invalid client secret provided."),
            LoginRejected,
        ),
        (
            "Entra ID, secret, older",
            oauth(400, "invalid_client", "AADSTS7000222: The provided client secret keys are expired."),
            LoginRejected,
        ),
        (
            "Entra ID, locked",
            oauth(400, "invalid_grant", "AADSTS50053: The account is locked, you've tried to sign in too many times."),
            AccountLocked,
        ),
        (
            "Entra ID, form",
            oauth(400, "invalid_request", "AADSTS90014: The required field 'scope' is missing."),
            UnexpectedStatus,
        ),
        ("RFC 6749, grant", oauth(400, "unsupported_grant_type", "use another"), UnexpectedStatus),
        ("RFC 6749, scope", oauth(400, "invalid_scope", "The requested scope exceeds the granted one"), LoginRejected),
        (
            "Okta, password",
            json(401, r#"{"errorCode":"E0000004","errorSummary":"Authentication failed"}"#),
            LoginRejected,
        ),
        (
            "Cognito, password",
            json(400, r#"{"__type":"NotAuthorizedException","message":"Incorrect username or password."}"#),
            LoginRejected,
        ),
        (
            "Cognito, locked",
            json(400, r#"{"__type":"NotAuthorizedException","message":"Password attempts exceeded"}"#),
            AccountLocked,
        ),
        (
            "Cognito, throttled",
            json(400, r#"{"__type":"TooManyRequestsException","message":"Rate exceeded"}"#),
            RateLimited,
        ),
        ("RFC 4918, 423", json(423, r#"{"message":"try later"}"#), AccountLocked),
        (
            "ASP.NET Identity, locked out",
            json(401, r#"{"title":"Unauthorized","status":401,"detail":"LockedOut. User account locked out."}"#),
            AccountLocked,
        ),
        (
            "Laravel, validation",
            json(
                422,
                r#"{"message":"The email field is required.","errors":{"email":["The email field is required."]}}"#,
            ),
            UnexpectedStatus,
        ),
        ("Laravel, password", json(422, r#"{"message":"These credentials do not match our records."}"#), LoginRejected),
        ("Django, form", page(403, "CSRF verification failed. Request aborted."), UnexpectedStatus),
        ("Spring form login", to("/login?error"), LoginRejected),
        (
            "Gateway that lost the login",
            json(404, r#"{"message":"no Route matched with those values"}"#),
            UnexpectedStatus,
        ),
    ] {
        check(server, vec![login(answer)], expected);
    }
    let locked_out = json(200, r#"{"status":"LOCKED_OUT","_embedded":{}}"#);
    check("Okta, locked out", vec![login(locked_out).without_token()], TokenMissing);
    check(
        "form login that takes 302",
        vec![login(to("https://api.example.com/login?error")).takes(302)],
        LoginRejected,
    );
    succeeds("form login that takes 302", vec![login(to("/dashboard")).takes(302)]);
}

#[test]
fn a_lock_that_our_own_wrong_passwords_brought_about_is_no_outage() {
    let broken = || http(500, &[], "too many failed logins, account locked");
    check("glewlwyd, locked", vec![login(broken()).after_wrong_passwords(5)], Reason::AccountLocked);
    check("glewlwyd, no guesses", vec![login(broken())], Reason::ServerError);
    let busy = http(503, &[("retry-after", "30")], "");
    check("throttle", vec![login(busy).after_wrong_passwords(1)], Reason::RateLimited);
}

#[test]
fn tokens_at_resource_servers() {
    use Reason::{KeyUnknown, PermissionDenied, SignatureInvalid, TokenExpired, TokenRejected};
    let good = || fresh(ok());
    let spring_end = r#"Bearer error="invalid_token", error_description="Jwt expired at 2026-01-01T00:00:00Z", error_uri="https://tools.ietf.org/html/rfc6750#section-3.1""#;
    check("Spring, past its end", vec![held(bearer(401, spring_end)).past_its_end(), good()], TokenExpired);
    check(
        "Spring, scope",
        vec![fresh(bearer(403, r#"Bearer error="insufficient_scope", scope="a""#))],
        PermissionDenied,
    );
    // Without a resource server, Spring answers a bad token as it answers a missing role.
    let spring = || {
        json(403, r#"{"timestamp":"2026-01-01T00:00:00.000+00:00","status":403,"error":"Forbidden","path":"/things"}"#)
    };
    check("Spring, 403 for a signature", vec![held(spring()).fails(SignatureInvalid), good()], SignatureInvalid);
    check(
        "Spring, 403 as for a forged token",
        vec![fresh(spring()).verifies(), forged(Variant::WrongKey, spring())],
        TokenRejected,
    );
    check(
        "Spring, 403 for a role",
        vec![permission(spring()), good(), forged(Variant::WrongKey, spring())],
        PermissionDenied,
    );
    let no_key = r#"Bearer error="invalid_token", error_description="The signature key was not found""#;
    check("ASP.NET, new key", vec![held(bearer(401, no_key)).kid("old"), good().kid("new")], KeyUnknown);
    check(
        "ASP.NET, policy",
        vec![fresh(http(403, &[], "")), forged(Variant::Tampered, bearer(401, "Bearer"))],
        PermissionDenied,
    );
    check("ASP.NET, cookie gone", vec![fresh(to("/Account/Login?ReturnUrl=%2Fthings"))], TokenRejected);
    check("API Gateway, authorizer", vec![fresh(json(401, r#"{"message":"Unauthorized"}"#)).verifies()], TokenRejected);
    let explicit = json(403, r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#);
    check("API Gateway, policy", vec![permission(explicit), good()], PermissionDenied);
    check("Kong, signature", vec![held(json(401, r#"{"message":"Invalid signature"}"#)), good()], SignatureInvalid);
    let envoy = |status, text| http(status, &[("content-type", "text/plain")], text);
    check(
        "Envoy, signature",
        vec![held(envoy(401, "Jwt verification fails")).fails(SignatureInvalid), good()],
        SignatureInvalid,
    );
    let no_kid = envoy(401, "Jwks doesn't have key to match kid or alg from Jwt");
    check("Envoy, key", vec![held(no_kid).kid("old").fails(KeyUnknown), good()], KeyUnknown);
    let rbac = || envoy(403, "RBAC: access denied");
    check(
        "Istio, role",
        vec![fresh(rbac()), forged(Variant::AlgNone, envoy(401, "Jwt header is an invalid JSON"))],
        PermissionDenied,
    );
    let nginx = || page(401, "401 Authorization Required");
    check("nginx auth_request", vec![held(nginx()).verifies(), login(ok()), good()], TokenRejected);
    check(
        "nginx auth_request, role",
        vec![permission(page(403, "403 Forbidden")), login(ok()), good()],
        PermissionDenied,
    );
    // Vault says "permission denied" of a token that it does not know.
    let vault = || json(403, r#"{"errors":["permission denied"]}"#);
    check(
        "Vault, token gone",
        vec![held(vault()).opaque("hvs.held-token"), good().opaque("hvs.fresh-token")],
        TokenRejected,
    );
    check("Vault, policy", vec![permission(vault()), good()], PermissionDenied);
    check(
        "Vault, token gone at a policy",
        vec![permission(vault()), fresh(vault()), forged(Variant::Tampered, vault())],
        TokenRejected,
    );
    let kubernetes = json(
        403,
        r#"{"kind":"Status","reason":"Forbidden","message":"pods is forbidden: User \"probe\" cannot list resource","code":403}"#,
    );
    check("Kubernetes", vec![permission(kubernetes), good()], PermissionDenied);
    check(
        "498",
        vec![fresh(json(498, r#"{"error":{"code":498,"message":"Invalid token."}}"#)).opaque("opaque-1")],
        TokenRejected,
    );
    check(
        "GitHub, integration",
        vec![permission(json(403, r#"{"message":"Resource not accessible by integration"}"#)), good()],
        PermissionDenied,
    );
}

#[test]
fn a_404_hides_a_missing_permission_where_others_get_it_too() {
    let hidden = || json(404, r#"{"message":"Not Found","documentation_url":"https://docs.github.com/rest"}"#);
    let outsider = || anonymous(Expect::Deny, hidden());
    check("GitHub, hidden", vec![permission(hidden()), fresh(ok()), outsider()], Reason::PermissionDenied);
    check("gone", vec![permission(hidden()), fresh(ok())], Reason::UnexpectedStatus);
    check("nobody is known", vec![permission(hidden()), outsider()], Reason::UnexpectedStatus);
    check(
        "others are let in",
        vec![permission(hidden()), fresh(ok()), anonymous(Expect::Deny, ok())],
        Reason::UnexpectedStatus,
    );
    succeeds("GitHub, an outsider", vec![outsider()]);
}

#[test]
fn keys_at_gateways() {
    use Reason::{ApiKeyRejected, PermissionDenied, RateLimited};
    let amazon = |text: &str| {
        http(403, &[JSON, ("x-amzn-errortype", "ForbiddenException")], &format!(r#"{{"message":"{text}"}}"#))
    };
    check("API Gateway", vec![key(amazon("Forbidden")), unknown_key(amazon("Forbidden"))], ApiKeyRejected);
    check("API Gateway, usage plan", vec![key(json(429, r#"{"message":"Limit Exceeded"}"#))], RateLimited);
    let kong = || http(401, &[JSON, ("www-authenticate", "Key")], r#"{"message":"Unauthorized"}"#);
    check("Kong", vec![key(kong())], ApiKeyRejected);
    let group = json(403, r#"{"message":"You cannot consume this service"}"#);
    check("Kong, group", vec![key(group), unknown_key(kong())], PermissionDenied);
    check("GitHub", vec![key(json(401, r#"{"message":"Bad credentials"}"#))], ApiKeyRejected);
    let spent =
        http(403, &[JSON, ("x-ratelimit-remaining", "0")], r#"{"message":"API rate limit exceeded for user ID 1."}"#);
    check("GitHub, throttled", vec![key(spent)], RateLimited);
    let second =
        http(403, &[JSON, ("retry-after", "60")], r#"{"message":"You have exceeded a secondary rate limit."}"#);
    check("GitHub, throttled twice", vec![fresh(second).verifies()], RateLimited);
    check(
        "Okta",
        vec![key(json(401, r#"{"errorCode":"E0000011","errorSummary":"Invalid token provided"}"#))],
        ApiKeyRejected,
    );
    check(
        "Stripe",
        vec![key(json(
            401,
            r#"{"error":{"message":"Invalid API Key provided: sk_test_****","type":"invalid_request_error"}}"#,
        ))],
        ApiKeyRejected,
    );
    check(
        "Google",
        vec![key(json(400, r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}"#))],
        ApiKeyRejected,
    );
    let elastic = |kind: &str| {
        json(
            403,
            &format!(
                r#"{{"error":{{"type":"security_exception","reason":"action is unauthorized for API key {kind}, this action is granted by the index privileges"}}}}"#
            ),
        )
    };
    check(
        "Elasticsearch, privileges",
        vec![key(elastic("id")), unknown_key(http(401, &[("www-authenticate", "ApiKey")], ""))],
        PermissionDenied,
    );
    check("a key with a role for one endpoint", vec![permission_by_key(json(403, "{}"))], PermissionDenied);
    check("a key that is gone", vec![permission_by_key(json(401, "{}"))], ApiKeyRejected);
}

#[test]
fn redirects_to_a_login_page_refuse() {
    let access = || to("https://team.cloudflareaccess.com/cdn-cgi/access/login/api.example.com?kid=1&redirect_url=%2F");
    succeeds("Cloudflare Access", vec![anonymous(Expect::Deny, access())]);
    check("Cloudflare Access, key", vec![key(access())], Reason::ApiKeyRejected);
    succeeds("oauth2-proxy", vec![anonymous(Expect::Deny, to("/oauth2/start?rd=%2Fthings"))]);
    let elsewhere = || to("https://api.example.com/author/5");
    check(
        "a redirect to elsewhere protects nothing",
        vec![anonymous(Expect::Deny, elsewhere())],
        Reason::UnexpectedStatus,
    );
    check("a redirect to elsewhere", vec![fresh(elsewhere())], Reason::UnexpectedStatus);
}

#[test]
fn a_firewall_says_nothing_of_credentials() {
    let cloudflare = || page(403, "Sorry, you have been blocked");
    check("Cloudflare, login", vec![login(cloudflare())], Reason::UnexpectedStatus);
    check("Cloudflare, key", vec![key(cloudflare())], Reason::UnexpectedStatus);
    check("Cloudflare, token", vec![fresh(cloudflare()).verifies(), login(ok())], Reason::UnexpectedStatus);
    // Without telling words, the same page for whoever asks tells it.
    let silent = |id: &str| page(403, &format!("Access to this site is restricted, reference {id}"));
    check("a silent one", vec![login(silent("18.a1")), key(silent("18.b2"))], Reason::UnexpectedStatus);
    check("only the login", vec![login(silent("18.a1")), key(ok())], Reason::LoginRejected);
    check("alone", vec![login(silent("18.a1"))], Reason::LoginRejected);
    succeeds("what must be refused is refused", vec![forged(Variant::Tampered, cloudflare())]);
}

#[test]
fn what_is_broken_protects_nothing() {
    use Reason::{RateLimited, ServerError, Timeout, UnexpectedStatus, UnexpectedlyAllowed};
    for (answer, expected) in [
        (http(200, &[], ""), UnexpectedlyAllowed),
        (http(204, &[], ""), UnexpectedlyAllowed),
        (http(500, &[], ""), ServerError),
        (http(503, &[], ""), ServerError),
        (http(429, &[], ""), RateLimited),
        (http(408, &[], ""), Timeout),
        (http(425, &[], ""), UnexpectedStatus),
        (http(302, &[("location", "/welcome")], ""), UnexpectedStatus),
        (http(304, &[], ""), UnexpectedStatus),
    ] {
        check("must be refused", vec![forged(Variant::AlgNone, answer)], expected);
    }
    for status in [400, 401, 403, 404, 405, 410, 422, 451] {
        succeeds("any other 4xx refuses", vec![forged(Variant::AlgNone, http(status, &[], ""))]);
    }
}

#[test]
fn a_proxy_that_wants_credentials_is_no_rejected_token() {
    check("407", vec![fresh(http(407, &[], "")).verifies()], Reason::UnexpectedStatus);
}
