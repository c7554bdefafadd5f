//! The JSON schema of `.runvoy.yaml`, for editors.

use serde_json::{Map, Value, json};

use super::keys::{KEYS, Kind};

/// The schema, from the same table that the file is read by.
pub fn schema() -> Value {
    let mut task = settings();
    task.insert("command".into(), json!({"type": "string", "description": "What the container's shell runs"}));
    task.insert("description".into(), json!({"type": "string", "description": "What it is for"}));
    let task = json!({"type": "object", "properties": task, "required": ["command"], "additionalProperties": false});
    let command = json!({"type": "string", "description": "The command, without settings of its own"});
    let mut file = settings();
    file.insert(
        "profile".into(),
        json!({"type": "string", "description": "The deployment, as `runvoy profile list` names it"}),
    );
    let about = "Named commands: `runvoy exec @name`";
    file.insert(
        "tasks".into(),
        json!({"type": "object", "description": about, "additionalProperties": {"anyOf": [command, task]}}),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": ".runvoy.yaml",
        "description": "What a project's commands need, and its runbook of named tasks",
        "type": "object",
        "properties": file,
        "additionalProperties": false,
    })
}

fn settings() -> Map<String, Value> {
    let describe = |kind| match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Time => json!({"type": ["integer", "string"], "pattern": "^([0-9]+|([0-9]+[hms])+)$", "minimum": 1}),
        Kind::Count => json!({"type": "integer", "minimum": 0}),
        Kind::Switch => json!({"type": "boolean"}),
        Kind::Folder => json!({"type": ["boolean", "string"]}),
        Kind::Map => json!({"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}}),
    };
    let entry = |key: &super::keys::Key| {
        let mut schema = describe(key.kind);
        schema["description"] = key.about.into();
        (key.name.to_owned(), schema)
    };
    KEYS.iter().map(entry).collect()
}
