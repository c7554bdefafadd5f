//! Bugs, planted to see that the checker finds them. Each is an edit of a request on its way, so that AWS is asked for what an
//! orchestrator with that bug would ask for; the orchestrator itself knows nothing of it.

use serde_json::{Value, json};

use crate::{cloud::Call, invariant::Invariant};

/// The bug that breaks this invariant.
pub type Plant = Invariant;

/// Edits a request as if the bug had made it.
pub fn edit(plant: Plant, call: &mut Call) {
    match plant {
        Invariant::MutualExclusion => each(call, |update| {
            // The lock is taken whoever has it.
            let never = ("attribute_not_exists(holder)", "(attribute_not_exists(holder) OR attribute_exists(holder))");
            let seen = ("fence = :seen", "(fence = :seen OR fence <> :seen)");
            let first = ("attribute_not_exists(fence)", "(attribute_not_exists(fence) OR attribute_exists(fence))");
            for (old, new) in [never, seen, first] {
                replace(update, "ConditionExpression", old, new);
            }
        }),
        Invariant::RunsUnderItsLock => without(call, |item| {
            // The execution is written without its lock.
            let takes = item["Update"]["UpdateExpression"].as_str().is_some_and(|text| text.contains("SET holder"));
            takes
                && item["Update"]["ConditionExpression"]
                    .as_str()
                    .is_some_and(|text| !text.contains("waiters[0].execution_id"))
        }),
        Invariant::FenceGrows => each(call, |update| {
            if holds(update, "UpdateExpression", "fence = :fence") {
                update["ExpressionAttributeValues"][":fence"] = json!({"N": "1"});
            }
        }),
        Invariant::FirstComeFirstServed => each(call, |update| {
            // Last come, first served.
            let (old, new) = (
                "list_append(if_not_exists(waiters, :none), :entry)",
                "list_append(:entry, if_not_exists(waiters, :none))",
            );
            replace(update, "UpdateExpression", old, new);
        }),
        Invariant::OneEnd => each(call, |update| {
            if holds(update, "UpdateExpression", "completed_at") {
                let condition = update["ConditionExpression"].as_str().unwrap_or_default();
                update["ConditionExpression"] = json!(format!("({condition}) OR attribute_exists(#status)"));
            }
        }),
        Invariant::EveryExecutionEnds => {
            // The sweep finds nothing.
            if call.action == "Query" && call.body["ExpressionAttributeValues"][":status"].is_object() {
                call.body["ExpressionAttributeValues"][":status"] = json!({"S": "none"});
            }
        }
        Invariant::EndedHoldsNoLock => {
            without(call, |item| holds(&item["Update"], "UpdateExpression", "REMOVE holder"))
        }
        Invariant::NoOrphan => {
            if call.action == "StopTask" {
                call.body["task"] = json!("arn:aws:ecs:us-east-1:123456789012:task/runvoy/0");
            }
        }
        Invariant::ExitCodeTrue => each(call, |update| {
            // What is not known is taken for success.
            if holds(update, "UpdateExpression", "completed_at") && !holds(update, "UpdateExpression", "exit_code") {
                replace(update, "UpdateExpression", "completed_at", "exit_code = :exit, completed_at");
                update["ExpressionAttributeValues"][":exit"] = json!({"N": "0"});
            }
        }),
        Invariant::Audited => without(call, |item| item["Put"]["Item"]["action"].is_object()),
        Invariant::OnceOnly => {
            if call.action == "RunTask" {
                call.body["clientToken"] = json!(format!("{}", fastrand::u64(..)));
            }
        }
        Invariant::RefusedStaysOut => each(call, |update| {
            if holds(update, "UpdateExpression", "revoked = :true") {
                update["ExpressionAttributeValues"][":true"] = json!({"BOOL": false});
            }
        }),
        Invariant::SecretsStay => {
            let items = call.body["TransactItems"].as_array_mut().into_iter().flatten();
            let stored = |item: &Value| item["Put"]["Item"]["run_task"]["S"].as_str().map(str::to_owned);
            let items: Vec<&mut Value> = items.collect();
            let task = items.iter().find_map(|item| stored(item));
            for item in items.into_iter().filter(|item| item["Put"]["Item"]["details"].is_object()) {
                if let Some(task) = &task {
                    item["Put"]["Item"]["details"] = json!({"S": task});
                }
            }
        }
    }
}

/// Every update of a request, be it a transaction or a single one.
fn each(call: &mut Call, mut edit: impl FnMut(&mut Value)) {
    if call.action == "UpdateItem" {
        return edit(&mut call.body);
    }
    let items = call.body["TransactItems"].as_array_mut().into_iter().flatten();
    items.filter_map(|item| item.get_mut("Update")).for_each(edit);
}

fn without(call: &mut Call, unwanted: impl Fn(&Value) -> bool) {
    if let Some(items) = call.body["TransactItems"].as_array_mut() {
        items.retain(|item| !unwanted(item));
    }
}

fn holds(update: &Value, name: &str, part: &str) -> bool {
    update[name].as_str().is_some_and(|text| text.contains(part))
}

fn replace(update: &mut Value, name: &str, old: &str, new: &str) {
    if let Some(text) = update[name].as_str() {
        update[name] = json!(text.replace(old, new));
    }
}
