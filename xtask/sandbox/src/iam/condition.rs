//! Conditions: `{operator: {key: values}}`, each of which must hold.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::pattern::{arn_matches, text_matches};

/// One key under one operator.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    set: Set,
    compare: Compare,
    negated: bool,
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

/// How keys with several values are looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Set {
    One,
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Compare {
    Exact,
    IgnoringCase,
    Like,
    Arn,
    Null,
}

impl Condition {
    pub fn read(operator: &str, key: &str, values: Vec<String>) -> Result<Self> {
        let (set, rest) = match operator.split_once(':') {
            Some(("ForAnyValue", rest)) => (Set::Any, rest),
            Some(("ForAllValues", rest)) => (Set::All, rest),
            Some(_) => bail!("the operator `{operator}` is not known here"),
            None => (Set::One, operator),
        };
        let (base, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |base| (base, true));
        let (compare, negated) = match base {
            "StringEquals" => (Compare::Exact, false),
            "StringNotEquals" => (Compare::Exact, true),
            "StringEqualsIgnoreCase" | "Bool" => (Compare::IgnoringCase, false),
            "StringLike" => (Compare::Like, false),
            "StringNotLike" => (Compare::Like, true),
            "ArnEquals" | "ArnLike" => (Compare::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Compare::Arn, true),
            "Null" => (Compare::Null, false),
            _ => bail!("the operator `{operator}` is not known here"),
        };
        if values.iter().any(|value| value.contains("${")) {
            bail!("variables are not known here: {values:?}");
        }
        Ok(Self { set, compare, negated, if_exists, key: key.to_ascii_lowercase(), values })
    }

    pub fn holds(&self, context: &BTreeMap<String, Vec<String>>) -> bool {
        let given = context.get(&self.key).map(Vec::as_slice).unwrap_or_default();
        if self.compare == Compare::Null {
            return self.values.iter().any(|value| value.eq_ignore_ascii_case(&given.is_empty().to_string()));
        }
        match (given, self.set) {
            // Of a key that is not there a negated operator holds, and so does one about each of no values.
            ([], Set::All) => true,
            ([], _) => self.if_exists || self.negated,
            (given, Set::All) => given.iter().all(|one| self.fits(one)),
            (given, _) => given.iter().any(|one| self.fits(one)),
        }
    }

    fn fits(&self, given: &str) -> bool {
        self.values.iter().any(|value| self.compare.equal(value, given)) != self.negated
    }
}

impl Compare {
    fn equal(self, value: &str, given: &str) -> bool {
        match self {
            Self::Exact => value == given,
            Self::IgnoringCase => value.eq_ignore_ascii_case(given),
            Self::Like => text_matches(value, given),
            Self::Arn => arn_matches(value, given),
            Self::Null => false,
        }
    }
}
