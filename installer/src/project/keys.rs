//! The settings of a command: how they are spelled, and what a value must be.

use std::collections::BTreeMap;

use runvoy_api::timeout::Timeout;
use serde_json::Value;

/// Settings by name, as the API takes them. A variable of the command's environment is a setting of its own: `env.STAGE`.
pub type Values = BTreeMap<String, Value>;

/// The prefix of the names that the variables of a command's environment have among [`Values`].
pub const ENV: &str = "env.";

/// The same of its secrets.
pub const SECRETS: &str = "secrets.";

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
    /// A folder, or whether the usual one.
    Folder,
}

const fn key(name: &'static str, kind: Kind, variable: &'static str, about: &'static str) -> Key {
    Key { name, kind, variable: Some(variable), about }
}

/// Every setting.
pub const KEYS: [Key; 18] = [
    key("image", Kind::Text, "RUNVOY_IMAGE", "The container image to run in"),
    key("lock", Kind::Text, "RUNVOY_LOCK", "Run alone under this name"),
    key("wait_lock", Kind::Time, "RUNVOY_WAIT_LOCK", "If the lock is held, queue for it at most this long: 10m"),
    key("timeout", Kind::Time, "RUNVOY_TIMEOUT", "Stop the command after this long: 600, 10m, 1h30m"),
    key("cpu", Kind::Count, "RUNVOY_CPU", "Units of 1/1024 vCPU"),
    key("memory", Kind::Count, "RUNVOY_MEMORY", "Memory in MiB"),
    key("disk", Kind::Count, "RUNVOY_DISK", "Storage in GiB, from 21 to 200"),
    key("spot", Kind::Switch, "RUNVOY_SPOT", "Run on spare capacity: cheaper, and may be interrupted"),
    key("task_role", Kind::Text, "RUNVOY_TASK_ROLE", "The deployment's task role to run under"),
    Key { variable: None, ..key("env", Kind::Map, "", "Environment variables of the command; not for secrets") },
    Key { variable: None, ..key("secrets", Kind::Map, "", "Secrets for the command: their aliases, by variable") },
    key("repo", Kind::Text, "RUNVOY_REPO", "The git repository to run in; empty for none"),
    key("ref", Kind::Text, "RUNVOY_REF", "The branch, tag or full commit id of the repository"),
    key(BRANCH, Kind::Text, "RUNVOY_BRANCH", "Another word for `ref`"),
    key("path", Kind::Text, "RUNVOY_PATH", "The folder of the code to run in"),
    key("submodules", Kind::Switch, "RUNVOY_SUBMODULES", "With the repository's submodules"),
    key("lfs", Kind::Switch, "RUNVOY_LFS", "With the large files that the repository keeps in Git LFS"),
    key("upload", Kind::Folder, "RUNVOY_UPLOAD", "Run with a folder's files as they are: true, or the folder"),
];

const BRANCH: &str = "branch";

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
            (Kind::Text | Kind::Folder, value @ Value::String(_))
            | (Kind::Switch | Kind::Folder, value @ Value::Bool(_)) => value,
            (Kind::Count, value) if value.as_u64().is_some_and(|count| u32::try_from(count).is_ok()) => value,
            (Kind::Text, _) => return Err("must be text: put it in quotes".into()),
            (Kind::Switch, _) => return Err("must be `true` or `false`".into()),
            (Kind::Count, _) => return Err("must be a whole number".into()),
            (Kind::Folder, _) => return Err("must be `true`, `false` or a folder".into()),
        };
        let name = if self.name == BRANCH { "ref" } else { self.name };
        match values.insert(name.to_owned(), value) {
            Some(_) => Err(format!("is given twice: `{BRANCH}` is another word for `ref`")),
            None => Ok(()),
        }
    }

    /// The same for a value that came as text.
    pub fn add_text(&self, text: &str, values: &mut Values) -> Result<(), String> {
        let value = match self.kind {
            Kind::Text | Kind::Time | Kind::Map => text.into(),
            // What is neither is refused with the words for it.
            Kind::Count | Kind::Switch | Kind::Folder => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
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

    fn key_of(name: &str) -> &'static Key {
        KEYS.iter().find(|key| key.name == name).unwrap()
    }

    fn add(name: &str, value: Value) -> Result<Values, String> {
        let mut values = Values::new();
        key_of(name).add(value, &mut values).map(|()| values)
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
            ("upload", json!(1)),
            ("disk", json!("50")),
        ] {
            assert!(add(name, value.clone()).is_err(), "{name}: {value}");
        }
    }

    #[test]
    fn every_setting_is_what_the_api_takes() {
        for key in &KEYS {
            let value = match key.kind {
                Kind::Text => json!("x"),
                Kind::Time | Kind::Count => json!(600),
                Kind::Switch => json!(true),
                Kind::Map => json!({"A": "x"}),
                // What it becomes once it has been sent.
                Kind::Folder => json!({"sha256": "0", "size": 1}),
            };
            let mut request = json!({"command": "x"});
            request[key.name] = value;
            let taken = serde_json::from_value::<runvoy_api::execution::ExecutionRequest>(request).is_ok();
            assert!(taken, "{}", key.name);
        }
    }

    #[test]
    fn branch_is_another_word_for_ref() {
        let mut values = add("branch", json!("main")).unwrap();
        assert_eq!(values["ref"], "main");
        assert!(key_of("ref").add(json!("v1"), &mut values).unwrap_err().contains("twice"));
    }
}
