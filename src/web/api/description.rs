//! The description of the API, made from what answers it.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::web::api::answers;
use crate::web::api::operation::Operation;
use crate::web::api::records::OneChange;
use crate::web::problem::Problem;

/// The description as JSON.
pub(super) fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));
    &TEXT
}

fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = named::<Problem>(&mut generator);
    let mut paths = Map::new();
    for operation in answers::all() {
        let described = described(&operation, &problem, &mut generator);
        paths.insert(operation.path.to_owned(), json!({ "get": described }));
    }
    let change = named::<OneChange>(&mut generator);
    if let Some(Value::Object(path)) = paths.get_mut("/api/v1/changes") {
        path.insert("post".to_owned(), taking(&change));
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "authprobe",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What authprobe has seen and what it makes of it. On another address than loopback every \
                            request needs the token, unless a reverse proxy decides who may read.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } }
        }
    })
}

fn described(operation: &Operation, problem: &Value, generator: &mut SchemaGenerator) -> Value {
    let asked = (operation.asked)(generator).to_value();
    let properties = asked.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let parameters: Vec<Value> = properties
        .into_iter()
        .map(|(name, mut schema)| {
            let described = schema.get("description").cloned().unwrap_or_default();
            if let Some(schema) = schema.as_object_mut() {
                schema.remove("description");
                schema.remove("default");
                schema.remove("format");
                // A field that is absent is absent: there is no null in an address.
                if let Some(Value::Array(types)) = schema.get("type") {
                    let own = types.iter().find(|kind| *kind != "null").cloned().unwrap_or_default();
                    schema.insert("type".to_owned(), own);
                }
            }
            json!({ "name": name, "in": "query", "description": described, "schema": schema })
        })
        .collect();
    let answers = (operation.answers)(generator).to_value();
    let name = operation.path.rsplit('/').next().unwrap_or_default();
    let mut responses = problems(problem, &["400", "401", "404", "408", "421", "429", "503"]);
    responses.insert("200".to_owned(), json!({ "description": "A page of what was asked for", "content": { "application/json": { "schema": answers } } }));
    json!({
        "operationId": name,
        "summary": operation.summary,
        "parameters": parameters,
        "security": [{}, { "token": [] }],
        "responses": responses
    })
}

fn problems(problem: &Value, statuses: &[&str]) -> Map<String, Value> {
    let one = |status: &&str| {
        let told = json!({
            "description": "What is wrong, and what to do",
            "content": { "application/problem+json": { "schema": problem } }
        });
        ((*status).to_owned(), told)
    };
    statuses.iter().map(one).collect()
}

/// `POST /api/v1/changes`, whose answers are older than RFC 9457 here.
fn taking(change: &Value) -> Value {
    let told = json!({ "type": "object", "required": ["error"], "properties": { "error": { "type": "string" } } });
    let taken = json!({
        "type": "object",
        "required": ["accepted", "refused"],
        "properties": {
            "accepted": { "type": "integer", "minimum": 0 },
            "refused": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["line", "why"],
                    "properties": { "line": { "type": "integer", "minimum": 1 }, "why": { "type": "string" } }
                }
            }
        }
    });
    let of = |description: &str, schema: &Value| json!({ "description": description, "content": { "application/json": { "schema": schema } } });
    let mut responses = Map::new();
    responses.insert("202".to_owned(), of("Every change was taken", &taken));
    responses.insert("400".to_owned(), of("Some were refused, or there is none", &json!({ "anyOf": [taken, told] })));
    for status in ["401", "403", "413", "415", "429", "503"] {
        responses.insert(status.to_owned(), of("Nothing was taken", &told));
    }
    json!({
        "operationId": "post_changes",
        "summary": "Takes a change, or one a line",
        "security": [{ "token": [] }],
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": change } }
        },
        "responses": responses
    })
}

/// A reference to a schema of its own name.
fn named<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_the_one_that_is_published() {
        insta::with_settings!({ snapshot_path => "../../../tests/golden", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("openapi.json", text());
        });
    }
}
