//! A target of the configuration, as far as others are told of it.

use url::Url;

use crate::config::TargetConfig;

/// A target of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watched {
    /// Its name.
    pub(crate) name: String,
    /// Where it is, without what may be secret in an address.
    pub(crate) url: String,
}

impl Watched {
    /// What is told of a target.
    pub(crate) fn of(config: &TargetConfig) -> Self {
        Self { name: config.target.name.clone(), url: told(config.target.url.clone()) }
    }
}

/// The address without user, password, query and fragment.
fn told(mut url: Url) -> String {
    // An address that can have neither of them has none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_nothing_is_told_that_may_be_secret() {
        let url = Url::parse("https://me:hunter2@api.example.com/v1?key=hunter3#4").unwrap();
        assert_eq!(told(url), "https://api.example.com/v1");
    }
}
