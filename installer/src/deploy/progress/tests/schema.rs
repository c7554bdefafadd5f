//! What the schema of the events says, by as much of JSON Schema as it uses: another keyword is an error here.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    super::{
        Event, Outcome, RunResult, StepState,
        event::{Running, UnderWay},
    },
    run::time,
};

/// The schema of the events.
pub(super) fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../../docs/init-events.schema.json")).unwrap()
}

/// Why the value does not match; nothing if it does.
pub(super) fn problem(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let object = schema.as_object().unwrap();
    object.iter().find_map(|(keyword, wanted)| broken(root, object, keyword, wanted, value))
}

fn broken(root: &Value, schema: &Map<String, Value>, keyword: &str, wanted: &Value, value: &Value) -> Option<String> {
    let number = |holds: fn(f64, f64) -> bool| value.as_f64().is_none_or(|it| holds(it, wanted.as_f64().unwrap()));
    let holds = match keyword {
        "$schema" | "$defs" | "title" | "description" => true,
        "$ref" => {
            let pointer = wanted.as_str().unwrap().trim_start_matches('#');
            return problem(root, root.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}")), value);
        }
        "oneOf" => {
            let problems: Vec<_> = wanted.as_array().unwrap().iter().map(|one| problem(root, one, value)).collect();
            let matching = problems.iter().filter(|problem| problem.is_none()).count();
            return (matching != 1).then(|| format!("{matching} of oneOf match {value}: {problems:?}"));
        }
        "type" => match wanted.as_str().unwrap() {
            "string" => value.is_string(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("type {other}"),
        },
        "const" => value == wanted,
        "enum" => wanted.as_array().unwrap().contains(value),
        // What is a name, a type or a time is up to real validators.
        "pattern" => value.as_str().is_some_and(|text| !text.is_empty()),
        "minimum" => number(|it, limit| it >= limit),
        "maximum" => number(|it, limit| it <= limit),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
        "items" => return value.as_array()?.iter().find_map(|item| problem(root, wanted, item)),
        "required" => wanted
            .as_array()
            .unwrap()
            .iter()
            .all(|name| value.get(name.as_str().unwrap()).is_some_and(|it| !it.is_null())),
        "properties" => {
            let properties = wanted.as_object().unwrap();
            return properties.iter().find_map(|(name, wanted)| problem(root, wanted, value.get(name)?));
        }
        // Of names that are the admin's own: what their values are.
        "additionalProperties" if wanted.is_object() => {
            let known = |name: &&String| schema.get("properties").is_some_and(|all| all.get(name.as_str()).is_some());
            let others = value.as_object()?.iter().filter(|(name, _)| !known(name));
            return others.map(|(_, value)| value).find_map(|value| problem(root, wanted, value));
        }
        "additionalProperties" => {
            value.as_object().is_none_or(|it| it.keys().all(|name| schema["properties"].get(name).is_some()))
        }
        other => panic!("keyword {other}"),
    };
    (!holds).then(|| format!("`{keyword}: {wanted}` does not hold for {value}"))
}

/// One of each, with everything that it can say.
fn samples() -> Vec<Event> {
    let result = RunResult {
        endpoint: Some("https://x.lambda-url.eu-west-1.on.aws/".into()),
        profile: Some("runvoy".into()),
        config: Some("/home/admin/.config/runvoy/config.yaml".into()),
        admin_email: Some("admin@example.com".into()),
        admin_key: Some("sk_live_example".into()),
        export: Some("./runvoy-export".into()),
        leftovers: Some(json!({ "leftovers": [{ "what": "w", "name": "n", "command": "c" }], "unseen": ["u"] })),
        error: Some("can't".into()),
        hint: Some("try".into()),
        resume: Some("runvoy init".into()),
        ..RunResult::new(Outcome::Done, 0, Duration::from_millis(1500))
    };
    let running =
        Running { logical_id: "Url".into(), what: "create it".into(), seconds: 1.0, usual_seconds: Some(1.0) };
    let under_way = UnderWay {
        step: "main-stack",
        what: "set up".into(),
        detail: Some("waiting".into()),
        seconds: 30.0,
        eta_seconds: Some(4.5),
        done: Some(1),
        of: Some(2),
        resources: vec![running],
    };
    let step = |state| Event::Step {
        id: "build",
        what: "build".into(),
        state,
        note: Some("x".into()),
        seconds: 0.0,
        eta_seconds: Some(1.0),
    };
    let resource = |state| Event::Resource {
        step: "main-stack",
        logical_id: "Url".into(),
        resource_type: "AWS::Lambda::Url".into(),
        what: "address".into(),
        verb: "keep",
        state,
        reason: Some("why".into()),
        seconds: 0.25,
        usual_seconds: Some(1.0),
    };
    use StepState as S;
    [S::Start, S::Detail, S::Done, S::Skipped, S::Failed]
        .map(step)
        .into_iter()
        .chain(["in-progress", "done", "failed", "given-up", "kept"].map(resource))
        .chain([
            Event::Note { text: "n".into() },
            Event::Warning { text: "w".into() },
            Event::Heartbeat { under_way: vec![under_way] },
            Event::Preflight { checks: json!([{ "name": "identity", "outcome": "pass", "text": "t", "hint": "h" }]) },
            Event::Plan { plan: json!({ "code_only": false, "resources": [] }) },
            Event::Failure { failure: failure() },
            Event::Result(result),
        ])
        .collect()
}

fn failure() -> Value {
    let [stack, status, what, reason, means, next] = ["runvoy", "NOT_CHANGED", "a table", "r", "m", "n"];
    json!({ "stack": stack, "status": status, "what": what, "reason": reason, "means": means, "next": next })
}

/// The type of each variant: one that is added has to be added here, to the samples and to the schema.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::Step { .. } => "step",
        Event::Resource { .. } => "resource",
        Event::Note { .. } => "note",
        Event::Warning { .. } => "warning",
        Event::Heartbeat { .. } => "heartbeat",
        Event::Preflight { .. } => "preflight",
        Event::Plan { .. } => "plan",
        Event::Failure { .. } => "failure",
        Event::Result(_) => "result",
    }
}

#[test]
fn the_schema_describes_every_event_in_full() {
    let root = schema();
    let mut seen = BTreeSet::new();
    for event in samples() {
        let line: Value = serde_json::from_str(&event.line(time(0)).unwrap()).unwrap();
        assert_eq!(problem(&root, &root, &line), None);
        assert_eq!(line["type"], kind(&event));
        let described = root["$defs"][kind(&event)]["properties"].as_object().unwrap();
        assert!(described.keys().all(|name| line.get(name).is_some()), "{described:?} is more than there is in {line}");
        seen.insert(format!("#/$defs/{}", kind(&event)));
    }
    let described = root["oneOf"].as_array().unwrap().iter().map(|one| one["$ref"].as_str().unwrap().to_owned());
    assert_eq!(described.collect::<BTreeSet<_>>(), seen);
}

#[test]
fn the_schema_is_strict() {
    let root = schema();
    let note = json!({ "at": "2027-01-15T08:00:00Z", "type": "note", "text": "x" });
    assert_eq!(problem(&root, &root, &note), None);
    for (name, value) in [("type", json!("nothing")), ("text", json!(1)), ("more", json!(1)), ("text", Value::Null)] {
        let mut wrong = note.clone();
        wrong[name] = value;
        assert!(problem(&root, &root, &wrong).is_some(), "{wrong}");
    }
    fn objects(value: &Value) -> Vec<&Value> {
        let inner =
            value.as_object().into_iter().flat_map(|it| it.values()).chain(value.as_array().into_iter().flatten());
        inner
            .flat_map(objects)
            .chain(value.get("properties").filter(|it| it.get("type").is_none()).map(|_| value))
            .collect()
    }
    for object in objects(&root) {
        assert_eq!(object["additionalProperties"], false, "{object}");
    }
}
