//! Whether a redirect leads to a page where one logs in.

use url::Url;

use crate::protocol::http::Answer;

/// A place where one logs in with a name and a password.
const LOGIN: [&str; 6] = ["login", "logon", "signin", "authenticate", "authentication", "passwordless"];

/// A place where single sign-on begins.
const SIGN_ON: [&str; 8] = ["sso", "auth", "oauth", "oauth2", "authorize", "saml", "saml2", "openid"];

/// Whether a redirect leads to a page where one logs in, or to where single sign-on begins.
/// `asked` is the URL of the request: its own host says nothing.
pub(crate) fn leads_to_login(answer: &Answer, asked: Option<&Url>) -> bool {
    words(answer, asked).is_some_and(|words| is_any(&words, &LOGIN) || is_any(&words, &SIGN_ON))
}

/// Whether a redirect leads (back) to the login form.
pub(crate) fn leads_back(answer: &Answer, asked: Option<&Url>) -> bool {
    words(answer, asked).is_some_and(|words| is_any(&words, &LOGIN))
}

fn is_any(words: &[String], list: &[&str]) -> bool {
    let pair = words.windows(2).any(|pair| matches!([pair[0].as_str(), pair[1].as_str()], ["sign" | "log", "in"]));
    pair || words.iter().any(|word| list.contains(&word.as_str()))
}

/// The words of the place that a redirect leads to: of its path and fragment, and of a host other than the asked one.
fn words(answer: &Answer, asked: Option<&Url>) -> Option<Vec<String>> {
    if !(300..400).contains(&answer.status) {
        return None;
    }
    let location = answer.header("location")?;
    // A base of its own lets a relative place be read where nobody knows what was asked.
    let base = asked.cloned().or_else(|| Url::parse("http://asked.invalid").ok())?;
    let place = base.join(location).ok()?;
    let mut text = format!("{}/{}", place.path(), place.fragment().unwrap_or_default());
    if place.host_str() != base.host_str() {
        text = format!("{}/{text}", place.host_str().unwrap_or_default());
    }
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    Some(words.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::LOCATION;

    use super::*;

    fn leads(location: &str) -> bool {
        let headers = HeaderMap::from_iter([(LOCATION, location.parse().expect("a header"))]);
        let answer = Answer { status: 302, headers, body: Vec::new(), truncated: false };
        leads_to_login(&answer, Url::parse("https://auth.example.com/api/things").ok().as_ref())
    }

    #[test]
    fn login_pages_of_well_known_servers_are_recognised() {
        for location in [
            "/login?error",
            "/Account/Login?ReturnUrl=%2Fapi",
            "/users/sign_in",
            "https://login.example.org/",
            "https://team.cloudflareaccess.com/cdn-cgi/access/login/app.example.com?kid=1",
            "https://idp.example.org/realms/main/protocol/openid-connect/auth?client_id=a",
            "https://dev-1.okta.com/oauth2/v1/authorize?client_id=a",
            "/#/login",
            "/oauth2/start?rd=/api",
        ] {
            assert!(leads(location), "{location}");
        }
    }

    #[test]
    fn other_redirects_are_not() {
        for location in [
            "/api/things/",
            "https://auth.example.com/api/v2/things",
            "/author/5",
            "/blog/authorisation-in-depth",
            "/?next=/login",
            "https://cdn.example.org/things",
        ] {
            assert!(!leads(location), "{location}");
        }
    }
}
