use super::*;

/// The bucket's records, each with the one that it goes back to.
#[derive(Default)]
struct History(Vec<(Record, Option<Record>)>);

impl History {
    fn newest(&self) -> Option<&Record> {
        self.0.last().map(|(record, _)| record)
    }

    fn updated(mut self, id: &str) -> Self {
        let before = self.newest().cloned();
        self.0.push((Record::next(before.as_ref(), id, 100), before));
        self
    }

    /// Where the way back leads from what is deployed.
    fn back(&self, deployed: &str) -> Option<&str> {
        let (newest, before) = self.0.last()?;
        newest.back(before.as_ref(), deployed).map(|record| record.id.as_str())
    }

    fn gone_back(mut self) -> Self {
        let id = self.newest().unwrap().id.clone();
        let to = self.back(&id).unwrap().to_owned();
        let (_, before) = self.0.iter().rfind(|(record, _)| record.id == to).unwrap().clone();
        self.0.push((Record::next(self.newest(), &to, 100), before));
        self
    }
}

fn history(updates: &[&str]) -> History {
    updates.iter().fold(History::default(), |history, id| history.updated(id))
}

#[test]
fn going_back_leads_to_what_was_replaced() {
    let history = history(&["a", "b", "c"]);
    assert_eq!(history.back("c"), Some("b"));
    let history = history.gone_back();
    assert_eq!((history.back("b"), history.newest().unwrap().id.as_str()), (Some("a"), "b"));
    // What ran before `d` was `b`, though `c` was made later.
    let history = history.updated("d");
    assert_eq!(history.back("d"), Some("b"));
    let history = history.gone_back().gone_back();
    assert_eq!((history.back("a"), history.newest().unwrap().id.as_str()), (None, "a"));
}

#[test]
fn a_way_back_that_was_cut_short_leads_to_the_same_release() {
    let history = history(&["a", "b", "c"]);
    assert_eq!([history.back("c"), history.back("b")], [Some("b"); 2]);
    assert_eq!(history.gone_back().back("a"), Some("a"));
}

#[test]
fn a_release_that_never_worked_is_replaced_by_the_newest_that_did() {
    assert_eq!(history(&["a", "b"]).back("never verified"), Some("b"));
    assert_eq!(history(&["a"]).back("never verified"), Some("a"));
}

#[test]
fn a_clock_that_runs_behind_does_not_change_the_order() {
    let first = Record::next(None, "a", 100);
    let second = Record::next(Some(&first), "b", 3);
    assert_eq!(second, Record { at: 101, id: "b".into() });
    assert!(first.key() < second.key());
    assert_eq!(Record::parse(&second.key()), Some(second));
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
