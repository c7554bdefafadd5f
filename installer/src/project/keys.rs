//! The settings of a command: how they are spelled, and what a value must be.

use std::collections::BTreeMap;

use runvoy_api::timeout::Timeout;
use serde_json::Value;

/// Settings by name, as the API takes them. A variable of the command's environment is a setting of its own: `env.STAGE`.
pub type Values = BTreeMap<String, Value>;

/// The prefix of the names that the variables of a command's environment have among [`Values`].
pub const ENV: &str = "env.";

/// One setting of a command.
pub struct Key {
    /// In `.runvoy.yaml`, in requests, and as a flag.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// The environment variable that sets it.
    pub variable: Option<&'static str>,
    /// For people, in the schema.
    pub about: &'static str,
    /// Whether a deployment can do anything with it.
    pub works: bool,
}

/// What a value must be.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// Text.
    Text,
    /// `600`, `10m`, `1h30m`.
    Time,
    /// A whole number.
    Count,
    /// Yes or no.
    Switch,
    /// Text by name.
    Map,
}

const fn key(name: &'static str, kind: Kind, variable: &'static str, about: &'static str) -> Key {
    Key { name, kind, variable: Some(variable), about, works: true }
}

/// Every setting. Those that do not work yet are known, so that nobody believes that they do.
pub const KEYS: [Key; 14] = [
    key("image", Kind::Text, "RUNVOY_IMAGE", "The container image to run in"),
    key("lock", Kind::Text, "RUNVOY_LOCK", "Run alone under this name"),
    key("wait_lock", Kind::Time, "RUNVOY_WAIT_LOCK", "If the lock is held, queue for it at most this long: 10m"),
    key("timeout", Kind::Time, "RUNVOY_TIMEOUT", "Stop the command after this long: 600, 10m, 1h30m"),
    key("cpu", Kind::Count, "RUNVOY_CPU", "Units of 1/1024 vCPU"),
    key("memory", Kind::Count, "RUNVOY_MEMORY", "Memory in MiB"),
    key("spot", Kind::Switch, "RUNVOY_SPOT", "Run on spare capacity: cheaper, and may be interrupted"),
    Key { variable: None, ..key("env", Kind::Map, "", "Environment variables of the command; not for secrets") },
    Key { works: false, ..key("repo", Kind::Text, "RUNVOY_REPO", "The git repository to run in") },
    Key { works: false, ..key("ref", Kind::Text, "RUNVOY_REF", "The commit, tag or branch to run") },
    Key { works: false, ..key("branch", Kind::Text, "RUNVOY_BRANCH", "The branch to run") },
    Key { works: false, ..key("path", Kind::Text, "RUNVOY_PATH", "The folder of the repository to run in") },
    Key { works: false, ..key("upload", Kind::Switch, "RUNVOY_UPLOAD", "Run this folder's files as they are") },
    Key { works: false, variable: None, ..key("secrets", Kind::Map, "", "Secrets for the command, by variable") },
];

/// The setting of this name; `env.STAGE` is of `env`.
pub fn find(name: &str) -> Option<&'static Key> {
    let name = name.split('.').next().unwrap_or_default();
    KEYS.iter().find(|key| key.name == name)
}

impl Key {
    /// Adds this setting to `values`, if `value` is what it must be. Else: what it must be.
    pub fn add(&self, value: Value, values: &mut Values) -> Result<(), String> {
        let value = match (self.kind, value) {
            (Kind::Map, Value::Object(entries)) => {
                for (name, value) in entries {
                    let text = text(value).ok_or_else(|| format!("needs text for `{name}`: put it in quotes"))?;
                    values.insert(format!("{}.{name}", self.name), text);
                }
                return Ok(());
            }
            (Kind::Map, _) => return Err("must be a mapping of names to text".into()),
            (Kind::Time, value @ (Value::String(_) | Value::Number(_))) => {
                let time: Timeout = serde_json::from_value(value).map_err(|error| error.to_string())?;
                time.seconds().into()
            }
            (Kind::Time, _) => return Err("must be seconds or a duration such as `10m`".into()),
            (Kind::Text, value @ Value::String(_)) | (Kind::Switch, value @ Value::Bool(_)) => value,
            (Kind::Count, value) if value.as_u64().is_some_and(|count| u32::try_from(count).is_ok()) => value,
            (Kind::Text, _) => return Err("must be text: put it in quotes".into()),
            (Kind::Switch, _) => return Err("must be `true` or `false`".into()),
            (Kind::Count, _) => return Err("must be a whole number".into()),
        };
        values.insert(self.name.to_owned(), value);
        Ok(())
    }

    /// The same for a value that came as text.
    pub fn add_text(&self, text: &str, values: &mut Values) -> Result<(), String> {
        let value = match self.kind {
            Kind::Text | Kind::Time | Kind::Map => text.into(),
            // What is neither is refused with the words for it.
            Kind::Count | Kind::Switch => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        };
        self.add(value, values)
    }
}

/// Whole numbers and `true` are text to a shell. Other numbers are not taken: `1.10` would have become `1.1`.
fn text(value: Value) -> Option<Value> {
    match value {
        Value::String(_) => Some(value),
        Value::Bool(_) => Some(value.to_string().into()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn add(name: &str, value: Value) -> Result<Values, String> {
        let mut values = Values::new();
        find(name).unwrap().add(value, &mut values).map(|()| values)
    }

    #[test]
    fn values_are_what_they_must_be() {
        assert_eq!(add("timeout", json!("1h30m")).unwrap()["timeout"], 5400);
        assert_eq!(add("timeout", json!(600)).unwrap()["timeout"], 600);
        let env = add("env", json!({"A": 1, "B": true, "C": "x"})).unwrap();
        assert_eq!(serde_json::to_value(env).unwrap(), json!({"env.A": "1", "env.B": "true", "env.C": "x"}));
        for (name, value) in [
            ("image", json!(1)),
            ("lock", json!(["a"])),
            ("timeout", json!(true)),
            ("timeout", json!("soon")),
            ("cpu", json!("512")),
            ("cpu", json!(1.5)),
            ("memory", json!(-1)),
            ("spot", json!("yes")),
            ("env", json!(["A=1"])),
            ("env", json!({"A": 1.1})),
            ("env", json!({"A": null})),
        ] {
            assert!(add(name, value.clone()).is_err(), "{name}: {value}");
        }
    }

    #[test]
    fn what_works_is_what_the_api_takes() {
        for key in &KEYS {
            let value = match key.kind {
                Kind::Text => json!("x"),
                Kind::Time | Kind::Count => json!(600),
                Kind::Switch => json!(true),
                Kind::Map => json!({"A": "x"}),
            };
            let mut request = json!({"command": "x"});
            request[key.name] = value;
            let taken = serde_json::from_value::<runvoy_api::execution::ExecutionRequest>(request).is_ok();
            assert!(taken || !key.works, "{}", key.name);
        }
    }
}
