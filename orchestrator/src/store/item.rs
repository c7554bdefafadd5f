//! Reading and building DynamoDB items.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use runvoy_api::infra::KeyRow;

pub type Item = HashMap<String, AttributeValue>;

pub fn s(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub fn n(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub fn bool(value: bool) -> AttributeValue {
    AttributeValue::Bool(value)
}

pub fn texts(values: &BTreeMap<String, String>) -> AttributeValue {
    AttributeValue::M(values.iter().map(|(name, value)| (name.clone(), s(value))).collect())
}

pub fn list(values: &[String]) -> AttributeValue {
    AttributeValue::L(values.iter().map(s).collect())
}

/// Starts an item: every row carries the version of its layout.
pub fn new() -> Item {
    HashMap::from([(KeyRow::SCHEMA.to_owned(), n(KeyRow::SCHEMA_VERSION))])
}

/// Typed looks at an item; what is absent or of another type is `None`.
pub trait Read {
    fn text(&self, name: &str) -> Option<&str>;
    fn flag(&self, name: &str) -> bool;
    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T>;
    fn texts(&self, name: &str) -> BTreeMap<String, String>;
    fn list(&self, name: &str) -> Vec<String>;
    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }
}

impl Read for Item {
    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_s().ok().map(String::as_str)
    }

    fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(|value| value.as_bool().ok()).copied().unwrap_or(false)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.as_n().ok()?.parse().ok()
    }

    fn texts(&self, name: &str) -> BTreeMap<String, String> {
        let map = self.get(name).and_then(|value| value.as_m().ok());
        let text = |(name, value): (&String, &AttributeValue)| Some((name.clone(), value.as_s().ok()?.clone()));
        map.into_iter().flatten().filter_map(text).collect()
    }
    fn list(&self, name: &str) -> Vec<String> {
        let list = self.get(name).and_then(|value| value.as_l().ok());
        list.into_iter().flatten().filter_map(|value| value.as_s().ok().cloned()).collect()
    }
}
