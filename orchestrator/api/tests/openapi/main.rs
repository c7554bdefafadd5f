//! The OpenAPI document, made from the contract's own types: `docs/openapi.json`.
//!
//! Each body is a complete sample. Its schema is what the sample shows and what the type itself answers when it is asked:
//! a field that can be left out is optional, a field that nobody knows is refused or not. So the document can't say
//! anything else than the code. `UPDATE_OPENAPI=1 cargo test -p runvoy-api --test openapi` writes it anew.

mod routes;

use std::{env, fs, path::Path};

use runvoy_api::{costs::By, git_credential::Kind, status::Status, user::Role};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// A sample, and whether its type takes a variation of it.
pub struct Body {
    /// The type's.
    pub name: &'static str,
    sample: Value,
    takes: fn(Value) -> bool,
}

/// A body of this type.
pub fn body<T: Serialize + DeserializeOwned>(sample: Value) -> Body {
    let takes = |value| serde_json::from_value::<T>(value).is_ok();
    let name = std::any::type_name::<T>().rsplit("::").next().unwrap();
    assert!(takes(sample.clone()), "not a sample of {}: {sample}", std::any::type_name::<T>());
    let known = serde_json::to_value(serde_json::from_value::<T>(sample.clone()).unwrap()).unwrap();
    assert_eq!(known, sample, "the sample of {} is not complete or not in its own words", std::any::type_name::<T>());
    Body { name, sample, takes }
}

impl Body {
    /// Where the document has its schema.
    pub fn reference(&self) -> Value {
        json!({ "$ref": format!("#/components/schemas/{}", self.name) })
    }

    /// Its schema.
    pub fn schema(&self) -> Value {
        self.schema_at("")
    }

    fn schema_at(&self, path: &str) -> Value {
        let value = self.sample.pointer(path).unwrap();
        match value {
            Value::Object(_) if FREE.iter().any(|free| path.ends_with(free)) => json!({ "type": "object" }),
            Value::Object(fields) if ["/env", "/secrets", "/headers"].iter().any(|map| path.ends_with(map)) => {
                assert!(fields.values().all(Value::is_string));
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            }
            Value::Object(fields) => self.object(path, fields),
            Value::Array(_) => json!({ "type": "array", "items": self.schema_at(&format!("{path}/0")) }),
            Value::String(sample) => string(path, sample),
            Value::Bool(_) => json!({ "type": "boolean" }),
            Value::Number(number) if number.is_f64() => json!({ "type": "number" }),
            // Durations are seconds, or text such as `10m`.
            Value::Number(_) if (self.takes)(self.with(path, json!("10m"))) => {
                json!({ "oneOf": [{ "type": "integer" }, { "type": "string" }] })
            }
            Value::Number(_) => json!({ "type": "integer" }),
            Value::Null => panic!("a sample has no gaps: {path}"),
        }
    }

    fn object(&self, path: &str, fields: &Map<String, Value>) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for name in fields.keys() {
            let field = format!("{path}/{name}");
            let mut schema = self.schema_at(&field);
            let left_out = (self.takes)(self.without(path, name));
            if !left_out {
                required.push(name.clone());
            } else if (self.takes)(self.with(&field, Value::Null)) && schema["type"].is_string() {
                schema["type"] = json!([schema["type"], "null"]);
            }
            properties.insert(name.clone(), schema);
        }
        let mut unknown = self.sample.clone();
        unknown.pointer_mut(path).unwrap()["no such field"] = json!(true);
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if !(self.takes)(unknown) {
            schema["additionalProperties"] = json!(false);
        }
        schema
    }

    fn with(&self, path: &str, value: Value) -> Value {
        let mut changed = self.sample.clone();
        *changed.pointer_mut(path).unwrap() = value;
        changed
    }

    fn without(&self, path: &str, name: &str) -> Value {
        let mut changed = self.sample.clone();
        changed.pointer_mut(path).unwrap().as_object_mut().unwrap().remove(name);
        changed
    }
}

/// Objects of any form.
const FREE: [&str; 1] = ["/details"];

/// Health has a status of its own.
fn string(path: &str, sample: &str) -> Value {
    let known: Vec<String> = match path.rsplit('/').next() {
        Some("status") if sample != "ok" => Status::ALL.map(|status| status.to_string()).into(),
        Some("role") => Role::ALL.map(|role| role.to_string()).into(),
        Some("kind") => [Kind::Token, Kind::SshKey].map(|kind| kind.as_str().to_owned()).into(),
        Some("by") => [By::User, By::Lock, By::Month].map(|by| by.to_string()).into(),
        _ => return json!({ "type": "string" }),
    };
    json!({ "type": "string", "enum": known })
}

#[test]
fn the_document_is_the_contract() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let made = format!("{}\n", serde_json::to_string_pretty(&routes::document()).unwrap());
    if env::var_os("UPDATE_OPENAPI").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &made).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/openapi.json is out of date: `UPDATE_OPENAPI=1 cargo test -p runvoy-api --test openapi`"
    );
}
