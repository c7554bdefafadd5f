//! Each property of the templates has a test that would notice if it were wrong.

use std::{collections::BTreeSet, fs, path::Path};

use super::*;

/// `TYPE PROPERTY TEST`, a line each.
const VERIFIED: &str = include_str!("properties.txt");

/// Functions in files of this name below a directory.
fn tests(directory: &Path, into: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_property_is_verified_by_a_test_that_exists() {
    let mut rendered = BTreeSet::new();
    for (_, template) in templates() {
        for resource in template["Resources"].as_mapping().unwrap().values() {
            let kind = resource["Type"].as_str().unwrap();
            let properties =
                resource["Properties"].as_mapping().into_iter().flatten().map(|(name, _)| name.as_str().unwrap());
            let policies =
                ["DeletionPolicy", "UpdateReplacePolicy"].into_iter().filter(|name| resource.get(*name).is_some());
            rendered.extend(properties.chain(policies).map(|name| format!("{kind} {name}")));
        }
    }
    let lines = VERIFIED.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap());
    let listed: BTreeSet<_> = lines.clone().map(|(property, _)| property.to_owned()).collect();
    let new: Vec<_> = rendered.difference(&listed).collect();
    assert!(new.is_empty(), "nothing verifies {new:?}: write a test, and name it in properties.txt");
    let gone: Vec<_> = listed.difference(&rendered).collect();
    assert!(gone.is_empty(), "no template has {gone:?} any more");
    let mut code = String::new();
    let installer = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["src/templates", "tests"].iter().for_each(|directory| tests(&installer.join(directory), &mut code));
    let missing: Vec<_> = lines.filter(|(_, test)| !code.contains(&format!("fn {test}()"))).collect();
    assert!(missing.is_empty(), "there are no such tests: {missing:?}");
}
