//! A template's resources in the order that their dependencies ask for.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_yaml::Value as Yaml;

use super::Node;
use crate::error::{Result, ResultExt as _};

/// Type and dependencies of each resource of a template, by logical id.
pub(super) struct Resources(BTreeMap<String, (String, BTreeSet<String>)>);

impl Resources {
    pub(super) fn read(template: &str) -> Result<Self> {
        let template: Yaml = serde_yaml::from_str(template).context("can't read the template")?;
        let resources = template.get("Resources").and_then(Yaml::as_mapping);
        let read = resources.into_iter().flatten().filter_map(|(logical, resource)| {
            let kind = resource.get("Type").and_then(Yaml::as_str).unwrap_or_default();
            let mut names = BTreeSet::new();
            if let Some(explicit) = resource.get("DependsOn") {
                names.extend(strings(explicit).map(str::to_owned));
            }
            references(resource.get("Properties").unwrap_or(&Yaml::Null), &mut names);
            Some((logical.as_str()?.to_owned(), (kind.to_owned(), names)))
        });
        Ok(Self(read.collect()))
    }

    /// Whether the template has this resource.
    pub(super) fn contains(&self, logical: &str) -> bool {
        self.0.contains_key(logical)
    }

    /// Every resource after those that it waits for; `usual` says how long each takes, or that it does not change.
    pub(super) fn order(&self, usual: impl Fn(&str, &str) -> Option<Duration>) -> Vec<Node> {
        let mut order = Order { resources: self, nodes: Vec::new(), places: BTreeMap::new() };
        for logical in self.0.keys() {
            order.visit(logical, &usual);
        }
        order.nodes
    }
}

struct Order<'a> {
    resources: &'a Resources,
    nodes: Vec<Node>,
    /// None while what it waits for is being looked at: whoever meets that goes round in a circle.
    places: BTreeMap<&'a str, Option<usize>>,
}

impl<'a> Order<'a> {
    fn visit(&mut self, logical: &str, usual: &impl Fn(&str, &str) -> Option<Duration>) -> Option<usize> {
        // Whatever is no resource is a parameter or one of AWS's own.
        let (logical, (kind, names)) = self.resources.0.get_key_value(logical)?;
        if let Some(place) = self.places.get(logical.as_str()) {
            return *place;
        }
        self.places.insert(logical, None);
        let waits_for = names.iter().filter_map(|name| self.visit(name, usual)).collect();
        let usual = usual(logical, kind);
        let changes = usual.is_some();
        self.nodes.push(Node { logical: logical.clone(), usual: usual.unwrap_or_default(), changes, waits_for });
        let place = Some(self.nodes.len() - 1);
        self.places.insert(logical, place);
        place
    }
}

/// Collects the names in every `Ref`, `Fn::GetAtt` and `Fn::Sub`, in their long forms and their short ones.
fn references(value: &Yaml, names: &mut BTreeSet<String>) {
    match value {
        Yaml::Tagged(tagged) => {
            let function = tagged.tag.to_string();
            call(function.trim_start_matches('!'), &tagged.value, names);
            references(&tagged.value, names);
        }
        Yaml::Mapping(mapping) => {
            for (key, value) in mapping {
                let key = key.as_str().unwrap_or_default();
                call(key.strip_prefix("Fn::").unwrap_or(key), value, names);
                references(value, names);
            }
        }
        Yaml::Sequence(values) => values.iter().for_each(|value| references(value, names)),
        _ => {}
    }
}

fn call(function: &str, argument: &Yaml, names: &mut BTreeSet<String>) {
    let Some(first) = strings(argument).next() else { return };
    match function {
        "Ref" => names.extend([first.to_owned()]),
        "GetAtt" => names.extend([resource(first)]),
        // `${!Literal}` stays as it is, but a resource has no such name anyway.
        "Sub" => names.extend(first.split("${").skip(1).filter_map(|part| Some(resource(part.split_once('}')?.0)))),
        _ => {}
    }
}

/// The resource of `Logical.Attribute`.
fn resource(name: &str) -> String {
    name.split_once('.').map_or(name, |(logical, _)| logical).to_owned()
}

/// The text, or the texts of a list.
fn strings(value: &Yaml) -> impl Iterator<Item = &str> {
    let list = value.as_sequence().map(Vec::as_slice).unwrap_or(std::slice::from_ref(value));
    list.iter().filter_map(Yaml::as_str)
}
