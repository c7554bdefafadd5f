use super::*;

/// The records after these releases were deployed and verified, one after the other.
fn recorded(releases: &[&str]) -> Vec<Record> {
    let mut records = Vec::new();
    for (now, id) in (100..).zip(releases) {
        records.extend(Record::next(&records, id, now));
    }
    records
}

fn previous<'a>(records: &'a [Record], deployed: &str) -> Option<&'a str> {
    Record::previous(records, deployed).map(|record| record.id.as_str())
}

#[test]
fn going_back_leads_to_what_was_replaced() {
    let records = recorded(&["a", "b"]);
    assert_eq!(previous(&records, "b"), Some("a"));
    // Back at the first one, there is nothing before it; and the way forward adds no record.
    assert_eq!(previous(&records, "a"), None);
    assert_eq!(Record::next(&records, "b", 200), None);
    assert_eq!(previous(&recorded(&["a", "b", "c", "a"]), "a"), Some("c"));
    assert_eq!(previous(&recorded(&["a", "a", "b", "b"]), "b"), Some("a"));
    assert_eq!(previous(&[], "a"), None);
}

#[test]
fn a_release_that_never_worked_is_replaced_by_the_newest_that_did() {
    assert_eq!(previous(&recorded(&["a", "b"]), "never verified"), Some("b"));
}

#[test]
fn a_clock_that_runs_behind_does_not_change_the_order() {
    let mut records = recorded(&["a"]);
    records.extend(Record::next(&records, "b", 3));
    assert_eq!(records[1], Record { at: 101, id: "b".into() });
    let keys: Vec<_> = records.iter().map(Record::key).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    assert_eq!(keys.iter().filter_map(|key| Record::parse(key)).collect::<Vec<_>>(), records);
    assert_eq!(Record::parse("releases/notes.txt"), None);
}

#[test]
fn a_release_is_known_by_template_and_parameters() {
    let of = |template: &str, key: &str| Release::new(template, &[(parameter::ARTIFACT_KEY, key.to_owned())]).id;
    assert_eq!(of("café", "k"), of("caf?", "k"), "as CloudFormation gives it back");
    assert_ne!(of("a", "k"), of("b", "k"));
    assert_ne!(of("a", "k"), of("a", "l"));
}

#[test]
fn the_code_is_known_by_its_key() {
    let key = format!("artifacts/{}.zip", "0a".repeat(32));
    assert_eq!(artifact_hash(&key), Some([10; 32]));
    for bad in ["artifacts/0a.zip", "artifacts/zz.zip", "0a", "artifacts/é.zip", "artifacts/0aé.zip"] {
        assert_eq!(artifact_hash(bad), None, "{bad}");
    }
}
