//! Several deployments live in one account and region: no name of one is another's.

use std::collections::BTreeSet;

use super::*;

/// The names that a deployment takes, each with the type that it is a name of.
fn names(stack: &str) -> BTreeSet<(String, String)> {
    let mut names = BTreeSet::new();
    for (_, answers) in samples::variants() {
        for text in [main(stack, &answers).unwrap(), bucket(stack, &answers).unwrap()] {
            let template: Yaml = serde_yaml::from_str(&text).unwrap();
            for resource in template["Resources"].as_mapping().unwrap().values() {
                collect(&resource["Properties"], resource["Type"].as_str().unwrap(), &mut names);
            }
        }
    }
    names
}

/// What makes a name is a property called `…Name`, but for those that point at something else.
fn collect(value: &Yaml, kind: &str, names: &mut BTreeSet<(String, String)>) {
    const POINTERS: [&str; 6] = ["AttributeName", "IndexName", "MetricName", "PolicyName", "ServiceName", "DomainName"];
    for (key, value) in value.as_mapping().into_iter().flatten() {
        let key = key.as_str().unwrap();
        let is_tag = key == "Tags" || key == "Dimensions" || key == "Environment" || key == "Cors";
        if key.ends_with("Name") && !POINTERS.contains(&key) {
            let text = if let Yaml::Tagged(tagged) = value {
                // A reference is to a name that is here too.
                if tagged.tag != "!Sub" {
                    continue;
                }
                tagged.value.as_str()
            } else {
                value.as_str()
            };
            names.insert((kind.to_owned(), text.unwrap().to_owned()));
        } else if !is_tag {
            collect(value, kind, names);
        }
    }
}

#[test]
fn two_deployments_share_no_name() {
    // The names that could be taken for each other's: one begins with the other, or ends like a part of it.
    let stacks = ["acme", "acme-prod", "acme-bucket", "acme-prod-api", "prod"];
    let all = stacks.map(names);
    assert!(all[0].len() > 15, "{:?}", all[0]);
    for (at, one) in all.iter().enumerate() {
        assert!(one.iter().all(|(_, name)| name.contains(stacks[at])), "{one:?}");
        for (other, name) in all.iter().zip(stacks).skip(at + 1) {
            let shared: Vec<_> = one.intersection(other).collect();
            assert!(shared.is_empty(), "{} and {name}: {shared:?}", stacks[at]);
        }
    }
}
