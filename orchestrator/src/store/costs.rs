//! Costs, added up from the executions that have ended.

use std::collections::HashMap;

use anyhow::Context;
use runvoy_api::{
    costs::{By, Cost, Costs},
    execution::Execution,
    infra::EXECUTIONS,
    status::Status,
};

use super::{item::s, row::execution};
use crate::app::App;

/// Pages of 1 MB that one request reads of each status: some ten thousand executions, in well under its 30 seconds.
const MAX_PAGES: usize = 20;

/// Adds up everything that was started since then and has ended.
pub async fn sum(app: &App, by: By, since: &str) -> anyhow::Result<Costs> {
    let (mut sums, mut complete) = (HashMap::new(), true);
    for status in Status::ALL.into_iter().filter(|status| status.is_terminal()) {
        let mut pages = app
            .dynamodb
            .query()
            .table_name(&app.deployment.executions)
            .index_name(EXECUTIONS.indexes[1].name)
            .key_condition_expression("#status = :status AND started_at >= :since")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", s(status.as_str()))
            .expression_attribute_values(":since", s(since))
            .scan_index_forward(false)
            .into_paginator()
            .send();
        let mut read = 0;
        while let Some(page) = pages.next().await {
            let page = page.context("adding up costs")?;
            page.items().iter().filter_map(execution).for_each(|execution| add(&mut sums, by, &execution));
            read += 1;
            if read == MAX_PAGES {
                complete = page.last_evaluated_key.is_none();
                break;
            }
        }
    }
    Ok(Costs { by, since: since.to_owned(), costs: sorted(by, sums), complete })
}

fn add(sums: &mut HashMap<String, Cost>, by: By, execution: &Execution) {
    let name = match by {
        By::User => execution.user_email.as_str(),
        By::Lock => execution.lock_name.as_deref().unwrap_or_default(),
        By::Month => &execution.started_at[..7],
    };
    let sum = sums.entry(name.to_owned()).or_insert_with(|| Cost { name: name.to_owned(), ..Cost::default() });
    sum.executions += 1;
    sum.seconds += execution.duration_seconds.unwrap_or_default();
    sum.cost_usd += execution.cost_usd.unwrap_or_default();
    sum.estimated |= execution.cost_basis.as_deref().is_some_and(|basis| basis.ends_with("estimated"));
}

fn sorted(by: By, sums: HashMap<String, Cost>) -> Vec<Cost> {
    let mut costs: Vec<Cost> = sums.into_values().collect();
    costs.iter_mut().for_each(|cost| cost.cost_usd = (cost.cost_usd * 1e6).round() / 1e6);
    costs.sort_by(|a, b| match by {
        By::Month => a.name.cmp(&b.name),
        By::User | By::Lock => b.cost_usd.total_cmp(&a.cost_usd).then_with(|| a.name.cmp(&b.name)),
    });
    costs
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sums_are_by_name_and_the_dearest_comes_first() {
        let mut sums = HashMap::new();
        for (user, cost, basis) in [("a", 0.1, "x"), ("b", 0.5, "x estimated"), ("a", 0.2, "x")] {
            let execution: Execution = serde_json::from_value(json!({
                "execution_id": "exec_20251026143210_a1b2c3", "status": "completed", "user_email": user,
                "command": "true", "image": "alpine", "started_at": "2025-10-26T14:32:10Z", "cpu": 1024,
                "memory": 2048, "timeout_seconds": 60, "duration_seconds": 10, "cost_usd": cost, "cost_basis": basis
            }))
            .unwrap();
            add(&mut sums, By::User, &execution);
        }
        let costs = sorted(By::User, sums);
        let shown: Vec<_> =
            costs.iter().map(|cost| (&*cost.name, cost.executions, cost.cost_usd, cost.estimated)).collect();
        assert_eq!(shown, [("b", 1, 0.5, true), ("a", 2, 0.3, false)]);
        assert_eq!(costs[1].seconds, 20);
    }
}
