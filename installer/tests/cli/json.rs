//! `--json`: every field that is printed is in `docs/json.md`.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{
    Machine,
    replies::{ID, server},
};

fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            found.insert(name.clone());
            names(value, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

#[test]
fn every_field_is_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json.md");
    let documented = fs::read_to_string(path).unwrap();
    let server = server();
    let machine = Machine::using(&server)
        .file(".runvoy.yaml", "tasks: {t: {command: x, description: d}}\n")
        .config("profiles:\n  p: {api_endpoint: 'https://p', region: eu-west-1}\n");
    for (line, code) in [
        ("status ID", 0),
        ("stop ID", 0),
        ("list", 0),
        ("logs ID", 0),
        ("exec x", 3),
        ("exec --detach x", 0),
        ("rerun ID", 3),
        ("locks list", 0),
        ("locks release l --reason r", 0),
        ("audit --since 2025-10-01", 0),
        ("costs --by lock", 0),
        ("whoami", 0),
        ("health", 0),
        ("version", 0),
        ("admin list-users", 0),
        ("admin add-user a@example.com", 0),
        ("admin set-role a@example.com admin", 0),
        ("admin set-policy a@example.com --none", 0),
        ("admin rotate-key a@example.com", 0),
        ("admin config", 0),
        ("profile list", 0),
        ("config explain", 0),
        ("config tasks", 0),
    ] {
        let words: Vec<_> = line.replace("ID", ID).split(' ').map(str::to_owned).collect();
        // Before the first word that may be the command's.
        let at = if line.starts_with("exec") { 1 } else { words.len() };
        let args: Vec<_> = words[..at]
            .iter()
            .map(String::as_str)
            .chain(["--json"])
            .chain(words[at..].iter().map(String::as_str))
            .collect();
        let ran = machine.run(&args).code(code);
        let mut found = BTreeSet::new();
        let values = serde_json::Deserializer::from_str(&ran.stdout).into_iter::<Value>();
        values.for_each(|value| names(&value.unwrap(), &mut found));
        assert!(!found.is_empty(), "{line}");
        for name in found {
            let written = [format!("`{name}`"), format!("\"{name}\"")].iter().any(|name| documented.contains(name));
            assert!(written, "`{name}` of `runvoy {line} --json` is not in docs/json.md");
        }
        assert!(
            documented.contains(&format!(
                "`runvoy {}",
                [" ID", " x", " a@", " l ", " --"].iter().fold(line, |line, end| line.split(end).next().unwrap())
            )),
            "{line}"
        );
    }
}
