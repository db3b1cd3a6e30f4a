//! The secrets that are planted, each with a core of its own and with what needs escaping.

use super::hunt::Hunt;

/// A planted secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) name: &'static str,
    pub(crate) core: String,
    pub(crate) value: String,
}

/// What stands behind a core: everything that JSON, URLs and shells escape.
const AWKWARD: &str = "\"\\/&+ %ü";

/// The same for what goes into a header, which takes ASCII only.
const AWKWARD_ASCII: &str = "\"\\/&+ %";

/// Every planted secret, by the name of its file.
pub(crate) fn planted() -> Vec<Secret> {
    let awkward =
        ["username", "password", "extra_field", "jwt_secret", "other_username", "other_password", "query_key"];
    let ascii = [
        "login_header",
        "request_header",
        "api_key",
        "revoked_key",
        "client_id",
        "client_secret",
        "form_password",
        "basic_password",
        "second_password",
    ];
    let of = |names: &[&'static str], tail: &'static str| -> Vec<Secret> {
        let secret = |name: &&'static str| {
            // Longer than the eight characters of which the program promises to hide any stretch.
            let core = format!("Zq9{}7Kw3", name.replace('_', "X").to_uppercase());
            Secret { name, value: format!("{core}{tail}z"), core }
        };
        names.iter().map(secret).collect()
    };
    [of(&awkward, AWKWARD), of(&ascii, AWKWARD_ASCII)].concat()
}

/// A hunt for all of them.
pub(crate) fn hunt() -> Hunt {
    let mut hunt = Hunt::default();
    for secret in planted() {
        hunt.add(secret.name, &secret.core);
    }
    hunt
}
