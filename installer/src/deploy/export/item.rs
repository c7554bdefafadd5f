//! Rows as JSON with DynamoDB's own types, so that they come back bit for bit: `{"status": {"S": "completed"}}`.

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// A row.
pub type Row = HashMap<String, AttributeValue>;

/// The row as JSON. The same row is always the same text: names and sets are in order.
pub fn to_json(row: &Row) -> Result<Value> {
    let mut names: Vec<_> = row.keys().collect();
    names.sort();
    names
        .into_iter()
        .map(|name| Ok((name.clone(), value_to_json(&row[name])?)))
        .collect::<Result<Map<_, _>>>()
        .map(Value::Object)
}

fn value_to_json(value: &AttributeValue) -> Result<Value> {
    let sorted = |values: &[String]| {
        let mut values = values.to_vec();
        values.sort();
        values
    };
    let text = |blob: &Blob| STANDARD.encode(blob.as_ref());
    Ok(match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::Null(value) => json!({ "NULL": value }),
        AttributeValue::B(blob) => json!({ "B": text(blob) }),
        AttributeValue::Ss(values) => json!({ "SS": sorted(values) }),
        AttributeValue::Ns(values) => json!({ "NS": sorted(values) }),
        AttributeValue::Bs(blobs) => json!({ "BS": sorted(&blobs.iter().map(text).collect::<Vec<_>>()) }),
        AttributeValue::L(values) => json!({ "L": values.iter().map(value_to_json).collect::<Result<Vec<_>>>()? }),
        AttributeValue::M(row) => json!({ "M": to_json(row)? }),
        other => {
            return Err(Error::new(format!(
                "DynamoDB has sent a kind of value that this release does not know: {other:?}"
            )));
        }
    })
}

/// The row that [`to_json`] has written.
pub fn from_json(value: &Value) -> Result<Row> {
    let row = value.as_object().ok_or_else(|| Error::new("a row is no JSON object"))?;
    row.iter().map(|(name, value)| Ok((name.clone(), value_from_json(value)?))).collect()
}

fn value_from_json(value: &Value) -> Result<AttributeValue> {
    let wrong = || Error::new(format!("`{value}` is no value with its DynamoDB type"));
    let pair = value.as_object().filter(|pair| pair.len() == 1).and_then(|pair| pair.iter().next());
    let (kind, inner) = pair.ok_or_else(wrong)?;
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(wrong);
    let blob = |value: &Value| STANDARD.decode(text(value)?).map(Blob::new).map_err(|_| wrong());
    let list = || inner.as_array().ok_or_else(wrong);
    Ok(match kind.as_str() {
        "S" => AttributeValue::S(text(inner)?),
        "N" => AttributeValue::N(text(inner)?),
        "BOOL" => AttributeValue::Bool(inner.as_bool().ok_or_else(wrong)?),
        "NULL" => AttributeValue::Null(inner.as_bool().ok_or_else(wrong)?),
        "B" => AttributeValue::B(blob(inner)?),
        "SS" => AttributeValue::Ss(list()?.iter().map(text).collect::<Result<_>>()?),
        "NS" => AttributeValue::Ns(list()?.iter().map(text).collect::<Result<_>>()?),
        "BS" => AttributeValue::Bs(list()?.iter().map(blob).collect::<Result<_>>()?),
        "L" => AttributeValue::L(list()?.iter().map(value_from_json).collect::<Result<_>>()?),
        "M" => AttributeValue::M(from_json(inner)?),
        _ => return Err(wrong()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back_as_it_was() {
        let row = json!({
            "b": { "B": "AAEC/w==" }, "bool": { "BOOL": false }, "bs": { "BS": ["AA==", "AQ=="] },
            "l": { "L": [{ "S": "" }, { "NULL": true }, { "L": [] }] },
            "m": { "M": { "deep": { "M": { "n": { "N": "-1.50E-130" } } } } },
            "n": { "N": "12345678901234567890123456789012345678" }, "ns": { "NS": ["1", "2.0"] },
            "s": { "S": "ä\n\u{0}\u{1f600}\"" }, "ss": { "SS": ["a", "b"] },
        });
        assert_eq!(to_json(&from_json(&row).unwrap()).unwrap(), row);
    }

    #[test]
    fn sets_have_one_spelling() {
        let set = |values: [&str; 2]| {
            let values = values.map(str::to_owned).into();
            to_json(&Row::from([("s".into(), AttributeValue::Ss(values))])).unwrap().to_string()
        };
        assert_eq!(set(["b", "a"]), set(["a", "b"]));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for wrong in [
            json!([]),
            json!({ "a": "x" }),
            json!({ "a": { "S": 1 } }),
            json!({ "a": { "X": "1" } }),
            json!({ "a": { "S": "1", "N": "1" } }),
            json!({ "a": { "B": "?" } }),
        ] {
            assert!(from_json(&wrong).is_err(), "{wrong}");
        }
    }
}
