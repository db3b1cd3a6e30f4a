//! Users, roles, API keys and what was granted at a login: the demo API's database, in memory.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::demo::tokens::random_hex;

/// The role that may execute a workflow.
pub(crate) const RUNNER: &str = "workflow-runner";
/// The role that may see users and create API keys.
pub(crate) const ADMIN: &str = "admin";

/// Most opaque tokens and cookies remembered; beyond it the one that ends first is forgotten.
const GRANTS: usize = 10_000;

/// What a client needs to use the API, random for each start.
#[derive(Clone, Serialize)]
pub(crate) struct Credentials {
    /// A user with the role `workflow-runner`.
    pub(crate) username: String,
    /// Its password.
    pub(crate) password: String,
    /// A user with the role `admin`.
    pub(crate) admin_username: String,
    /// Its password.
    pub(crate) admin_password: String,
    /// A user without any role.
    pub(crate) reader_username: String,
    /// Its password.
    pub(crate) reader_password: String,
    /// A user of its own for wrong passwords, so that a lockout hurts nobody.
    pub(crate) decoy_username: String,
    /// Its password.
    pub(crate) decoy_password: String,
    /// A key of the first user.
    pub(crate) api_key: String,
    /// A key of the user without roles.
    pub(crate) reader_api_key: String,
    /// A key that was revoked before the start.
    pub(crate) revoked_api_key: String,
    /// An OAuth client with the role `workflow-runner`.
    pub(crate) client_id: String,
    /// Its secret.
    pub(crate) client_secret: String,
}

/// Who is asking, once that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// User or client.
    pub(crate) name: String,
    /// Roles held at this moment.
    pub(crate) roles: Vec<String>,
}

/// How a login went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// The password was right.
    Accepted(Caller),
    /// It was wrong, or there is no such user.
    Rejected,
    /// Too many wrong passwords came before.
    Locked,
}

struct User {
    password: String,
    roles: Vec<String>,
    failures: u32,
}

struct ApiKey {
    owner: String,
    revoked: bool,
}

struct Grant {
    name: String,
    until: i64,
}

/// The tables.
pub(crate) struct Directory {
    users: BTreeMap<String, User>,
    keys: BTreeMap<String, ApiKey>,
    grants: BTreeMap<String, Grant>,
}

impl Directory {
    /// The tables at the start, and the credentials that fit them.
    pub(crate) fn generate() -> anyhow::Result<(Self, Credentials)> {
        let credentials = Credentials {
            username: "prober".to_owned(),
            password: random_hex::<12>()?,
            admin_username: "root".to_owned(),
            admin_password: random_hex::<12>()?,
            reader_username: "reader".to_owned(),
            reader_password: random_hex::<12>()?,
            decoy_username: "decoy".to_owned(),
            decoy_password: random_hex::<12>()?,
            api_key: api_key()?,
            reader_api_key: api_key()?,
            revoked_api_key: api_key()?,
            client_id: "service".to_owned(),
            client_secret: random_hex::<16>()?,
        };
        let mut directory = Self { users: BTreeMap::new(), keys: BTreeMap::new(), grants: BTreeMap::new() };
        directory.add_user(&credentials.username, &credentials.password, &[RUNNER]);
        directory.add_user(&credentials.admin_username, &credentials.admin_password, &[ADMIN, RUNNER]);
        directory.add_user(&credentials.reader_username, &credentials.reader_password, &[]);
        directory.add_user(&credentials.decoy_username, &credentials.decoy_password, &[]);
        directory.add_user(&credentials.client_id, &credentials.client_secret, &[RUNNER]);
        directory.add_key(&credentials.api_key, &credentials.username);
        directory.add_key(&credentials.reader_api_key, &credentials.reader_username);
        directory.add_key(&credentials.revoked_api_key, &credentials.username);
        directory.set_revoked(&credentials.revoked_api_key, true);
        Ok((directory, credentials))
    }

    /// Checks a password; with `lock_after`, that many wrong ones in a row lock the user.
    pub(crate) fn login(&mut self, name: &str, password: &str, lock_after: Option<u32>) -> Login {
        let Some(user) = self.users.get_mut(name) else { return Login::Rejected };
        if lock_after.is_some_and(|limit| user.failures >= limit) {
            return Login::Locked;
        }
        if user.password != password {
            user.failures = user.failures.saturating_add(1);
            return Login::Rejected;
        }
        user.failures = 0;
        Login::Accepted(Caller { name: name.to_owned(), roles: user.roles.clone() })
    }

    /// Forgets the wrong passwords, and with them every lock.
    pub(crate) fn unlock(&mut self) {
        self.users.values_mut().for_each(|user| user.failures = 0);
    }

    /// A user as a caller.
    pub(crate) fn caller(&self, name: &str) -> Option<Caller> {
        self.users.get(name).map(|user| Caller { name: name.to_owned(), roles: user.roles.clone() })
    }

    /// Every user with its roles.
    pub(crate) fn users(&self) -> Vec<Caller> {
        self.users.keys().filter_map(|name| self.caller(name)).collect()
    }

    /// Gives a role. False, and nothing is changed, for an unknown user or role, as a careless database would.
    pub(crate) fn grant(&mut self, name: &str, role: &str) -> bool {
        let Some(user) = self.users.get_mut(name) else { return false };
        if ![RUNNER, ADMIN].contains(&role) || user.roles.iter().any(|held| held == role) {
            return false;
        }
        user.roles.push(role.to_owned());
        true
    }

    /// Takes a role away. False when it was not held.
    pub(crate) fn take(&mut self, name: &str, role: &str) -> bool {
        let Some(user) = self.users.get_mut(name) else { return false };
        let held = user.roles.len();
        user.roles.retain(|other| other != role);
        user.roles.len() < held
    }

    /// The owner of a key that is known and not revoked.
    pub(crate) fn key_owner(&self, key: &str) -> Option<Caller> {
        self.keys.get(key).filter(|key| !key.revoked).and_then(|key| self.caller(&key.owner))
    }

    /// A new key for a user; none for an unknown user.
    pub(crate) fn create_key(&mut self, owner: &str) -> anyhow::Result<Option<String>> {
        if !self.users.contains_key(owner) {
            return Ok(None);
        }
        let key = api_key()?;
        self.add_key(&key, owner);
        Ok(Some(key))
    }

    /// Revokes a key, or takes that back. False for an unknown key.
    pub(crate) fn set_revoked(&mut self, key: &str, revoked: bool) -> bool {
        self.keys.get_mut(key).map(|key| key.revoked = revoked).is_some()
    }

    /// Remembers an opaque token or a cookie until a moment (Unix seconds).
    pub(crate) fn remember(&mut self, token: &str, name: &str, until: i64, now: i64) {
        if self.grants.len() >= GRANTS {
            self.grants.retain(|_, grant| now < grant.until);
        }
        if self.grants.len() >= GRANTS {
            let first = self.grants.iter().min_by_key(|(_, grant)| grant.until).map(|(token, _)| token.clone());
            first.map(|token| self.grants.remove(&token));
        }
        self.grants.insert(token.to_owned(), Grant { name: name.to_owned(), until });
    }

    /// Who an opaque token or cookie stands for, while it lasts.
    pub(crate) fn remembered(&self, token: &str, now: i64) -> Option<Caller> {
        self.grants.get(token).filter(|grant| now < grant.until).and_then(|grant| self.caller(&grant.name))
    }

    fn add_user(&mut self, name: &str, password: &str, roles: &[&str]) {
        let roles = roles.iter().map(|&role| role.to_owned()).collect();
        self.users.insert(name.to_owned(), User { password: password.to_owned(), roles, failures: 0 });
    }

    fn add_key(&mut self, key: &str, owner: &str) {
        self.keys.insert(key.to_owned(), ApiKey { owner: owner.to_owned(), revoked: false });
    }
}

fn api_key() -> anyhow::Result<String> {
    Ok(format!("demo_{}", random_hex::<16>()?))
}

#[cfg(test)]
mod tests {
    use super::{Directory, GRANTS};

    #[test]
    fn grants_are_bounded_and_the_one_that_ends_first_is_forgotten() {
        let (mut directory, credentials) = Directory::generate().unwrap();
        let until = |number: usize| 1_000_000 + i64::try_from(number).unwrap();
        for number in 0..=GRANTS {
            directory.remember(&number.to_string(), &credentials.username, until(number), 0);
        }
        let kept: Vec<bool> = ["0", "1", "10000"].map(|token| directory.remembered(token, 0).is_some()).to_vec();
        assert_eq!(kept, [false, true, true]);
    }
}
