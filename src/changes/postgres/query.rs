//! The questions: which columns are read, how names are quoted, how many rows and bytes may come back.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

/// Most rows of a table that are compared. Of a larger one only the prober's own are.
pub(super) const MOST: usize = 200_000;

/// Longest text of a row that is read, in characters.
const LONGEST: usize = 256;

/// A name as SQL takes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table of a schema.
pub(super) fn table(schema: &str, name: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(name))
}

/// A column as a text of bounded length; nothing where there is no such column.
pub(super) fn text(column: &str) -> String {
    if column.is_empty() { "NULL::text".into() } else { format!("left({}::text, {LONGEST})", quoted(column)) }
}

/// A column as seconds since 1970; nothing where there is no such column.
pub(super) fn moment(column: &str) -> String {
    if column.is_empty() {
        "NULL::float8".into()
    } else {
        format!("extract(epoch FROM {}::timestamptz)::float8", quoted(column))
    }
}

/// A column as a number that changes with it. Made in the database with a seed, so that its content stays there.
pub(super) fn digest(column: &str, seed: i64) -> String {
    if column.is_empty() {
        "NULL::int8".into()
    } else {
        format!("hashtextextended({}::text, ({seed})::int8)", quoted(column))
    }
}

/// A condition: one of two columns is among the texts of the first parameter.
pub(super) fn is_own(one: &str, other: &str) -> String {
    let among = |column: &str| format!("{}::text = ANY($1)", quoted(column));
    if other.is_empty() { among(one) } else { format!("{} OR {}", among(one), among(other)) }
}

/// Asks, and hands each row over as it comes, up to [`MOST`]. Gives whether that was all of them.
///
/// # Errors
/// When the database refuses, or a row is not of the form that was asked for.
pub(super) async fn each(
    client: &Client,
    question: &str,
    own: Option<&[String]>,
    mut take: impl FnMut(&Row) -> Result<(), Error>,
) -> Result<bool, Error> {
    let texts = own.iter().map(|own| (own as &(dyn ToSql + Sync), Type::TEXT_ARRAY));
    let question = format!("{question} LIMIT {}", MOST + 1);
    let mut rows = pin!(client.query_typed_raw(&question, texts).await?);
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        count += 1;
        if count > MOST {
            return Ok(false);
        }
        take(&row)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_quotes() {
        assert_eq!(table("a\"; DROP TABLE x; --", "b"), "\"a\"\"; DROP TABLE x; --\".\"b\"");
        assert_eq!(text("a\"b"), "left(\"a\"\"b\"::text, 256)");
        assert_eq!(is_own("id", ""), "\"id\"::text = ANY($1)");
    }
}
