//! Calls in words. Only what is the same in every run of a seed: no ids that the SDK makes up, no order of a hash map.

use runvoy_api::infra::{AUDIT, EXECUTIONS, LOCKS};
use serde_json::Value;

use crate::{
    cloud::{Call, Reply},
    dynamo::text,
    world::short,
};

/// A call's name and what it is about.
pub fn name(call: &Call) -> String {
    let body = &call.body;
    let about = match call.action.as_str() {
        "TransactWriteItems" => {
            body["TransactItems"].as_array().into_iter().flatten().map(item).collect::<Vec<_>>().join(", ")
        }
        "RunTask" => body["clientToken"].as_str().unwrap_or_default().to_owned(),
        "StopTask" => format!(
            "{} ({})",
            short(body["task"].as_str().unwrap_or_default()),
            body["reason"].as_str().unwrap_or_default()
        ),
        "DescribeTasks" => body["tasks"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(short)
            .collect::<Vec<_>>()
            .join(", "),
        "GetItem" | "UpdateItem" => write(body),
        "Query" => {
            let values = &body["ExpressionAttributeValues"];
            let of = [":status", ":user", ":partition"].iter().find_map(|name| text(values, name));
            of.unwrap_or_default().to_owned()
        }
        _ => String::new(),
    };
    format!("{} {about}", call.action).trim_end().to_owned()
}

/// A call and its outcome.
pub fn call(call: &Call, reply: &Reply) -> String {
    match reply.kind() {
        None => name(call),
        Some("TransactionCanceledException") => {
            let reasons = reply.body["CancellationReasons"].as_array().into_iter().flatten();
            let codes: Vec<_> = reasons.map(|reason| reason["Code"].as_str().unwrap_or_default()).collect();
            format!("{} -> [{}]", name(call), codes.join(", "))
        }
        Some(kind) => format!("{} -> {kind}", name(call)),
    }
}

fn item(item: &Value) -> String {
    let kind = ["Put", "Update", "Delete"].into_iter().find(|kind| item[*kind].is_object()).unwrap_or_default();
    format!("{} {}", kind.to_lowercase(), write(&item[kind]))
}

fn write(write: &Value) -> String {
    let key = if write["Key"].is_object() { &write["Key"] } else { &write["Item"] };
    let named = [EXECUTIONS.partition, LOCKS.partition, "entry"].into_iter().find_map(|name| text(key, name));
    let table = write["TableName"].as_str().unwrap_or_default();
    let status = text(&write["ExpressionAttributeValues"], ":end").map(|end| format!(" {end}")).unwrap_or_default();
    match table.ends_with(AUDIT.suffix) {
        true => format!("audit {}", text(key, "action").unwrap_or_default()),
        false => format!("{}{status}", named.unwrap_or(table)),
    }
}
