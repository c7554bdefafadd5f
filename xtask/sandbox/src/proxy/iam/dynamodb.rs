//! DynamoDB asks for one action a table, and for one an item in transactions, which have no action of their own.

use serde_json::Value;

use super::map::{Map, text};
use crate::iam::Request;

pub(super) fn needs(map: &Map<'_>, action: &str, request: &Value) -> Option<Vec<Request>> {
    let need = |action: &str, resource: &str| {
        Request::new(format!("dynamodb:{action}"), map.arn("dynamodb", &format!("table/{resource}")))
    };
    let needs = match action {
        "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" | "DescribeTable" => {
            vec![need(action, text(&request["TableName"]))]
        }
        "Query" | "Scan" => {
            let table = text(&request["TableName"]);
            let index = request["IndexName"].as_str().map(|index| format!("{table}/index/{index}"));
            vec![need(action, index.as_deref().unwrap_or(table))]
        }
        "BatchGetItem" | "BatchWriteItem" => {
            request["RequestItems"].as_object()?.keys().map(|table| need(action, table)).collect()
        }
        "TransactGetItems" | "TransactWriteItems" => {
            let items =
                request["TransactItems"].as_array()?.iter().flat_map(|item| item.as_object().into_iter().flatten());
            let item = |(verb, item): (&String, &Value)| {
                let action = if verb == "ConditionCheck" { "ConditionCheckItem".into() } else { format!("{verb}Item") };
                need(&action, text(&item["TableName"]))
            };
            items.map(item).collect()
        }
        _ => return None,
    };
    Some(needs)
}
