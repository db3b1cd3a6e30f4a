//! One look at a database: what is asked, and what is told of the answer.

use std::mem;
use std::sync::Arc;

use jiff::Timestamp;
use storage::record::Change;
use tracing::warn;

use crate::changes::Context;
use crate::changes::poll::Look;
use crate::changes::postgres::connection::Door;
use crate::changes::postgres::keys::{self, Ends, Keys};
use crate::changes::postgres::query::MOST;
use crate::changes::postgres::roles::{self, Rights};
use crate::changes::postgres::tell::{Span, Teller};
use crate::changes::postgres::{ApiKeys, Roles, Settings, UserRoles, Users, ask};

/// A database that is looked at.
pub(super) struct Place {
    door: Door,
    view: View,
    schema: String,
    teller: Teller,
    /// Since when nobody looked, before the first look.
    since: Option<Timestamp>,
    /// Whether it was said that a table is too large to be seen whole.
    large: bool,
}

/// What is looked at, and what was seen there.
pub(super) enum View {
    /// API keys.
    Keys {
        columns: ApiKeys,
        own: Vec<String>,
        /// Of the digests that the database makes; unlike any that it made for anybody else.
        seed: i64,
        seen: Option<Keys>,
        ends: Ends,
    },
    /// Roles and grants.
    Roles { users: Users, roles: Roles, user_roles: UserRoles, own: Vec<String>, seen: Option<Rights> },
}

impl View {
    /// The API keys, not seen yet.
    pub(super) fn keys(settings: &Settings) -> Self {
        let mut seed = [0; 8];
        // Without randomness the digests are as good for comparing.
        let _ = aws_lc_rs::rand::fill(&mut seed);
        Self::Keys {
            columns: settings.api_keys.clone(),
            own: settings.own_api_keys.clone(),
            seed: i64::from_le_bytes(seed) / 2,
            seen: None,
            ends: Ends::default(),
        }
    }

    /// The roles, not seen yet.
    pub(super) fn roles(settings: &Settings) -> Self {
        let Settings { users, roles, user_roles, own_users, .. } = settings.clone();
        Self::Roles { users, roles, user_roles, own: own_users, seen: None }
    }
}

impl Place {
    /// A place that was not looked at yet.
    pub(super) fn new(door: Door, view: View, settings: &Settings, context: &Context) -> Self {
        let teller = Teller {
            schema: settings.schema.clone(),
            targets: settings.targets.clone(),
            keeper: Arc::clone(&context.keeper),
        };
        Self { door, view, schema: settings.schema.clone(), teller, since: context.since, large: false }
    }
}

impl Look for Place {
    async fn look(&mut self, since: Option<Timestamp>, now: Timestamp) -> Result<Vec<Change>, String> {
        let session = self.door.open().await?;
        let since = since.or(self.since);
        let span = || Span::new(since.unwrap_or(now), Timestamp::now());
        let (changes, table, whole) = match &mut self.view {
            View::Keys { columns, own, seed, seen, ends } => {
                let new = ask::keys(&session.client, &self.schema, columns, own, *seed).await?;
                let (span, secret, teller) = (span(), columns.id_is_secret, &self.teller);
                let mut changes = keys::compare(seen.as_ref(), &new, secret, span, teller);
                changes.append(&mut ends.tell(&new, secret, span, teller));
                let whole = new.all;
                *seen = Some(new);
                (changes, &columns.table, whole)
            }
            View::Roles { users, roles, user_roles, own, seen } => {
                let new = ask::rights(&session.client, &self.schema, (users, roles, user_roles), own).await?;
                let span = span();
                let changes = seen
                    .as_ref()
                    .map(|seen| roles::compare(seen, &new, !own.is_empty(), span, &self.teller))
                    .unwrap_or_default();
                let whole = new.all;
                *seen = Some(new);
                (changes, &user_roles.table, whole)
            }
        };
        if !whole && !mem::replace(&mut self.large, true) {
            warn!(feed = "postgres", "table `{table}` has more than {MOST} rows: only the prober's own are watched");
        }
        Ok(changes)
    }
}
