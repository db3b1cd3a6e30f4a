//! API keys and roles in the database of a target, read only and without their secrets.

mod ask;
mod connection;
mod failure;
mod keys;
mod look;
mod query;
mod roles;
mod tell;

use std::path::{Path, PathBuf};
use std::time::Duration;

use probes::credential::Source;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_util::task::TaskTracker;

use crate::changes::Context;
use crate::changes::feed::Feed;
use crate::changes::poll::poll;
use crate::changes::postgres::connection::Door;
use crate::changes::postgres::look::{Place, View};

/// The `source` of these changes.
const SOURCE: &str = "postgres";

/// Interval between two looks where none is given.
const EVERY: Duration = Duration::from_secs(60);

/// A look that takes longer is given up: the database hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// A database that is watched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Postgres")]
pub(crate) struct Settings {
    /// Where it is, with user and password: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub(crate) url: Source,
    /// Interval between two looks.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>", example = &"60s")]
    pub(crate) every: Option<Duration>,
    /// Authorities (PEM) that are trusted in place of the system's where the connection uses TLS.
    pub(crate) ca: Option<PathBuf>,
    /// Schema of the tables.
    #[serde(default = "public")]
    pub(crate) schema: String,
    /// What is watched.
    #[serde(default = "watch")]
    pub(crate) watch: Vec<Watch>,
    /// Where API keys are.
    #[serde(default)]
    pub(crate) api_keys: ApiKeys,
    /// Where users are; read only if `own_users` names some.
    #[serde(default)]
    pub(crate) users: Users,
    /// Where roles are.
    #[serde(default)]
    pub(crate) roles: Roles,
    /// Where the roles of users are.
    #[serde(default)]
    pub(crate) user_roles: UserRoles,
    /// The prober's own API keys, by name or id.
    #[serde(default)]
    pub(crate) own_api_keys: Vec<String>,
    /// The prober's own users, by email address or id.
    #[serde(default)]
    pub(crate) own_users: Vec<String>,
    /// The targets that use this database; all of them where absent.
    #[serde(default)]
    pub(crate) targets: Vec<String>,
}

/// What is watched in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Watch {
    /// The API keys.
    ApiKeys,
    /// The roles, and who has them.
    Roles,
}

/// Where API keys are. A column that is an empty text is not there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApiKeys {
    /// Table.
    pub(crate) table: String,
    /// Column that tells one key from the others.
    pub(crate) id: String,
    /// Whether the id is the key itself: then a keyed fingerprint stands for it.
    pub(crate) id_is_secret: bool,
    /// Column with the owner.
    pub(crate) user_id: String,
    /// Column with the name.
    pub(crate) name: String,
    /// Column with the moment at which it was made.
    pub(crate) created_at: String,
    /// When it was last used.
    pub(crate) last_used_at: String,
    /// Column with the moment at which it was revoked; empty in a row: it is not.
    pub(crate) revoked_at: String,
    /// Column with the moment at which it ends.
    pub(crate) expires_at: String,
    /// Column with the hash of the key; a number made of it in the database tells when it is replaced.
    pub(crate) key_hash: String,
}

/// Where users are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Users {
    /// Table.
    pub(crate) table: String,
    /// Column that `user_roles` refers to.
    pub(crate) id: String,
    /// Column with the email address or another name; an empty text: there is none.
    pub(crate) email: String,
}

/// Where roles are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Roles {
    /// Table.
    pub(crate) table: String,
    /// Column that `user_roles` refers to.
    pub(crate) id: String,
    /// Column with the name.
    pub(crate) name: String,
}

/// Where the roles of users are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UserRoles {
    /// Table.
    pub(crate) table: String,
    /// Column with the user.
    pub(crate) user_id: String,
    /// Column with the role.
    pub(crate) role_id: String,
}

impl Settings {
    /// Relative paths begin at `base`.
    pub(crate) fn begin_at(&mut self, base: &Path) {
        if let Source::File(path) = &mut self.url {
            *path = base.join(&*path);
        }
        self.ca = self.ca.take().map(|ca| base.join(ca));
    }

    /// Names of tables and columns, each with the key that sets it, and whether it may be left empty.
    pub(crate) fn identifiers(&self) -> [(&'static str, &'static str, &str, bool); 19] {
        let Self { schema, api_keys, users, roles, user_roles, .. } = self;
        [
            ("schema", "", schema, false),
            ("api_keys", "table", &api_keys.table, false),
            ("api_keys", "id", &api_keys.id, false),
            ("api_keys", "user_id", &api_keys.user_id, true),
            ("api_keys", "name", &api_keys.name, true),
            ("api_keys", "created_at", &api_keys.created_at, true),
            ("api_keys", "last_used_at", &api_keys.last_used_at, true),
            ("api_keys", "revoked_at", &api_keys.revoked_at, true),
            ("api_keys", "expires_at", &api_keys.expires_at, true),
            ("api_keys", "key_hash", &api_keys.key_hash, true),
            ("users", "table", &users.table, false),
            ("users", "id", &users.id, false),
            ("users", "email", &users.email, true),
            ("roles", "table", &roles.table, false),
            ("roles", "id", &roles.id, false),
            ("roles", "name", &roles.name, false),
            ("user_roles", "table", &user_roles.table, false),
            ("user_roles", "user_id", &user_roles.user_id, false),
            ("user_roles", "role_id", &user_roles.role_id, false),
        ]
    }
}

impl Default for ApiKeys {
    fn default() -> Self {
        Self {
            table: "api_keys".into(),
            id: "id".into(),
            id_is_secret: false,
            user_id: "user_id".into(),
            name: "name".into(),
            created_at: "created_at".into(),
            last_used_at: "last_used_at".into(),
            revoked_at: "revoked_at".into(),
            expires_at: String::new(),
            key_hash: String::new(),
        }
    }
}

impl Default for Users {
    fn default() -> Self {
        Self { table: "users".into(), id: "id".into(), email: "email".into() }
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self { table: "roles".into(), id: "id".into(), name: "name".into() }
    }
}

impl Default for UserRoles {
    fn default() -> Self {
        Self { table: "user_roles".into(), user_id: "user_id".into(), role_id: "role_id".into() }
    }
}

/// Starts to watch a database: keys and roles apart, so that one is seen though the other cannot be.
pub(super) fn start(settings: &Settings, context: &Context, tasks: &TaskTracker) {
    let every = settings.every.unwrap_or(EVERY);
    for watch in [Watch::ApiKeys, Watch::Roles].into_iter().filter(|watch| settings.watch.contains(watch)) {
        let (view, what) = match watch {
            Watch::ApiKeys => {
                (View::keys(settings), format!("API keys of {}.{}", settings.schema, settings.api_keys.table))
            }
            Watch::Roles => {
                (View::roles(settings), format!("roles of {}.{}", settings.schema, settings.user_roles.table))
            }
        };
        let door = Door::new(settings.url.clone(), settings.ca.clone());
        let place = Place::new(door, view, settings, context);
        let feed = Feed::new(SOURCE, what, context);
        tasks.spawn(poll(place, feed, every, LIMIT, context.stop.clone()));
    }
}

fn public() -> String {
    "public".into()
}

fn watch() -> Vec<Watch> {
    vec![Watch::ApiKeys, Watch::Roles]
}
