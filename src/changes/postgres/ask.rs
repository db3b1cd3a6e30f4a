//! Reads what is compared: API keys, and roles with their grants.

use storage::record::Known;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};
use xxhash_rust::xxh3::Xxh3Default;

use crate::changes::postgres::keys::{Key, Keys};
use crate::changes::postgres::query::{MOST, digest, each, is_own, moment, quoted, table, text};
use crate::changes::postgres::roles::Rights;
use crate::changes::postgres::{ApiKeys, Roles, UserRoles, Users, failure, tell};

/// Two texts of a row.
type Pair = (Box<str>, Box<str>);

/// Reads the API keys; of a table with more than [`MOST`] those that are the prober's `own`.
///
/// # Errors
/// Why they cannot be read, in words that hold nothing of a row.
pub(super) async fn keys(
    client: &Client,
    schema: &str,
    columns: &ApiKeys,
    own: &[String],
    seed: i64,
) -> Result<Keys, String> {
    let ApiKeys {
        table: of,
        id,
        id_is_secret: _,
        user_id,
        name,
        created_at,
        last_used_at,
        revoked_at,
        expires_at,
        key_hash,
    } = columns;
    let from = table(schema, of);
    let selected = [
        text(id),
        text(user_id),
        text(name),
        moment(created_at),
        moment(revoked_at),
        moment(expires_at),
        digest(key_hash, seed),
        moment(last_used_at),
    ];
    let question = format!("SELECT {} FROM {from}", selected.join(", "));
    let told = |error: Error| {
        let columns: [&str; 8] = [id, user_id, name, created_at, last_used_at, revoked_at, expires_at, key_hash];
        failure::of_table(&error, &from, "api_keys", &columns)
    };
    let tells_use = !last_used_at.is_empty();
    let mut keys = Keys { all: true, tells_use, ..Keys::default() };
    let mut take = |row: &Row| {
        keys.rows.extend(key(row, own)?);
        Ok(())
    };
    if !each(client, &question, None, &mut take).await.map_err(told)? {
        // What came first is no better than the rest.
        keys = Keys { tells_use, ..Keys::default() };
        let question = format!("{question} WHERE {}", is_own(id, name));
        let take = |row: &Row| {
            keys.rows.extend(key(row, own)?);
            Ok(())
        };
        each(client, &question, Some(own), take).await.map_err(told)?;
    }
    Ok(keys)
}

/// Reads roles and grants; of more than [`MOST`] grants those of the prober's `own` users.
///
/// # Errors
/// Why they cannot be read, in words that hold nothing of a row.
pub(super) async fn rights(
    client: &Client,
    schema: &str,
    (users, roles, user_roles): (&Users, &Roles, &UserRoles),
    own: &[String],
) -> Result<Rights, String> {
    let mut rights = Rights { all: true, ..Rights::default() };
    let Roles { table: of, id, name } = roles;
    let from = table(schema, of);
    let question = format!("SELECT {}, {} FROM {from}", text(id), text(name));
    let take = |row: &Row| {
        if let Some((id, name)) = pair(row)? {
            rights.roles.insert(id, name);
        }
        Ok(())
    };
    let told = |error: Error| failure::of_table(&error, &from, "roles", &[id, name]);
    if !each(client, &question, None, take).await.map_err(told)? {
        return Err(format!("table {from} has more than {MOST} rows"));
    }

    if !own.is_empty() {
        let Users { table: of, id, email } = users;
        let from = table(schema, of);
        let question =
            format!("SELECT count(*), array_agg({}) FILTER (WHERE {}) FROM {from}", text(id), is_own(id, email));
        let told = |error: Error| failure::of_table(&error, &from, "users", &[id, email]);
        let row = client.query_typed_one(&question, &[(&own, Type::TEXT_ARRAY)]).await.map_err(told)?;
        rights.users = row.try_get(0).map_err(told)?;
        let found: Option<Vec<Box<str>>> = row.try_get(1).map_err(told)?;
        rights.own = found.unwrap_or_default().into_iter().collect();
    }

    let UserRoles { table: of, user_id, role_id } = user_roles;
    let from = table(schema, of);
    let question = format!("SELECT {}, {} FROM {from}", text(role_id), text(user_id));
    let told = |error: Error| failure::of_table(&error, &from, "user_roles", &[role_id, user_id]);
    let mut take = |row: &Row| {
        rights.grants.extend(pair(row)?);
        Ok(())
    };
    if !each(client, &question, None, &mut take).await.map_err(told)? {
        rights.grants.clear();
        rights.all = false;
        let users: Vec<String> = rights.own.iter().map(|user| user.to_string()).collect();
        let question = format!("{question} WHERE {}::text = ANY($1)", quoted(user_id));
        let take = |row: &Row| {
            rights.grants.extend(pair(row)?);
            Ok(())
        };
        each(client, &question, Some(&users), take).await.map_err(told)?;
    }
    Ok(rights)
}

/// A key without an id is none, for it cannot be told from others.
fn key(row: &Row, own: &[String]) -> Result<Option<(Box<str>, Key)>, Error> {
    let Some(id) = row.try_get::<_, Option<Box<str>>>(0)? else { return Ok(None) };
    let (user, name): (Option<&str>, Option<&str>) = (row.try_get(1)?, row.try_get(2)?);
    let mut content = Xxh3Default::new();
    for text in [user, name] {
        // The length keeps two texts apart, and an empty one from none.
        content.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        content.update(text.unwrap_or_default().as_bytes());
    }
    content.update(&row.try_get::<_, Option<i64>>(6)?.unwrap_or_default().to_le_bytes());
    let key = Key {
        content: content.digest(),
        created: tell::moment(row.try_get(3)?),
        revoked: tell::moment(row.try_get(4)?),
        expires: tell::moment(row.try_get(5)?),
        used: tell::moment(row.try_get(7)?),
        own: match own {
            [] => Known::Unknown,
            own if own.iter().any(|own| **own == *id || Some(own.as_str()) == name) => Known::Yes,
            _ => Known::No,
        },
    };
    Ok(Some((id, key)))
}

/// A row of two texts; none where one of them is not there.
fn pair(row: &Row) -> Result<Option<Pair>, Error> {
    Ok(row.try_get::<_, Option<Box<str>>>(0)?.zip(row.try_get(1)?))
}
