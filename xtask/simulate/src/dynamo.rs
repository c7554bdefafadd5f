//! DynamoDB: dynoxide, given the requests that the SDK sends, and asked by the checker for rows.

use anyhow::Result;
use dynoxide::{Database, errors::DynoxideError};
use runvoy_api::infra::{Index, TABLES, Table};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::cloud::Reply;

/// The deployment's name.
pub const STACK: &str = "runvoy";

/// The tables, empty.
pub struct Dynamo {
    database: Database,
}

impl Dynamo {
    /// Creates the tables as the template does.
    pub fn new() -> Result<Self> {
        let database = Database::memory()?;
        for table in &TABLES {
            database.create_table(serde_json::from_value(definition(table))?)?;
        }
        Ok(Self { database })
    }

    /// Answers one call.
    pub fn call(&self, action: &str, body: Value) -> Reply {
        let database = &self.database;
        match action {
            "GetItem" => answer(body, |request| database.get_item(request)),
            "PutItem" => answer(body, |request| database.put_item(request)),
            "UpdateItem" => answer(body, |request| database.update_item(request)),
            "DeleteItem" => answer(body, |request| database.delete_item(request)),
            "BatchGetItem" => answer(body, |request| database.batch_get_item(request)),
            "Query" => answer(body, |request| database.query(request)),
            "Scan" => answer(body, |request| database.scan(request)),
            "TransactWriteItems" => answer(body, |request| database.transact_write_items(request)),
            other => Reply::error(400, "UnknownOperationException", &format!("the simulation has no DynamoDB {other}")),
        }
    }

    /// One row, by its full key.
    pub fn row(&self, table: &str, key: &Value) -> Option<Value> {
        let request = json!({"TableName": table, "Key": key, "ConsistentRead": true});
        Some(self.call("GetItem", request).body["Item"].take()).filter(Value::is_object)
    }

    /// All rows of a table.
    pub fn rows(&self, table: &Table) -> Vec<Value> {
        let mut reply = self.call("Scan", json!({"TableName": table.name(STACK), "ConsistentRead": true}));
        match reply.body["Items"].take() {
            Value::Array(rows) => rows,
            _ => Vec::new(),
        }
    }

    /// Writes a row.
    pub fn put(&self, table: &Table, row: &Value) -> Result<()> {
        let reply = self.call("PutItem", json!({"TableName": table.name(STACK), "Item": row}));
        anyhow::ensure!(reply.status == 200, "a row could not be written: {}", reply.body);
        Ok(())
    }
}

fn answer<Q: DeserializeOwned, A: Serialize>(body: Value, call: impl FnOnce(Q) -> dynoxide::Result<A>) -> Reply {
    let result = serde_json::from_value(body)
        .map_err(|error| DynoxideError::ValidationException(error.to_string()))
        .and_then(call);
    match result {
        Ok(reply) => Reply { status: 200, body: serde_json::to_value(reply).unwrap_or_default() },
        Err(error) => {
            let body = serde_json::from_str(&error.to_json()).unwrap_or_default();
            Reply { status: error.status_code(), body }
        }
    }
}

fn definition(table: &Table) -> Value {
    let keys = |partition: &str, sort: Option<&str>| {
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        [Some(key(partition, "HASH")), sort.map(|sort| key(sort, "RANGE"))].into_iter().flatten().collect::<Vec<_>>()
    };
    let index = |index: &Index| {
        let projected: Vec<_> = index.projected().collect();
        let projection = match projected.is_empty() {
            true => json!({"ProjectionType": "KEYS_ONLY"}),
            false => json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": projected}),
        };
        json!({"IndexName": index.name, "KeySchema": keys(index.partition, index.sort), "Projection": projection})
    };
    let of_indexes = table.indexes.iter().flat_map(|index| [Some(index.partition), index.sort]);
    let mut names: Vec<&str> = [Some(table.partition), table.sort].into_iter().chain(of_indexes).flatten().collect();
    names.sort_unstable();
    names.dedup();
    let attributes: Vec<_> = names.iter().map(|name| json!({"AttributeName": name, "AttributeType": "S"})).collect();
    let mut definition = json!({
        "TableName": table.name(STACK), "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": attributes,
        "KeySchema": keys(table.partition, table.sort),
    });
    if !table.indexes.is_empty() {
        definition["GlobalSecondaryIndexes"] = table.indexes.iter().map(index).collect();
    }
    definition
}

/// A text in a row.
pub fn text<'a>(row: &'a Value, name: &str) -> Option<&'a str> {
    row[name]["S"].as_str()
}

/// A number in a row.
pub fn number(row: &Value, name: &str) -> Option<i64> {
    row[name]["N"].as_str()?.parse().ok()
}
