//! DescribeTasks, ListTasks, StopTask.

use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::task::{Order, Status, Task};
use super::{Inner, parse};

/// The most that one DescribeTasks names and one page of ListTasks holds.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Describe {
    cluster: Option<String>,
    #[serde(default)]
    tasks: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    cluster: Option<String>,
    family: Option<String>,
    started_by: Option<String>,
    desired_status: Option<String>,
    launch_type: Option<String>,
    service_name: Option<String>,
    container_instance: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct Stop {
    cluster: Option<String>,
    #[serde(default)]
    task: String,
    reason: Option<String>,
}

impl Inner {
    pub(super) async fn describe_tasks(&self, body: &[u8]) -> Result<Value, Refusal> {
        let call: Describe = parse(body)?;
        let cluster = self.cluster(call.cluster.as_deref()).await?;
        if call.tasks.is_empty() {
            return Err(Refusal::invalid("Tasks cannot be empty."));
        }
        if call.tasks.len() > PAGE {
            return Err(Refusal::invalid(format!("Tasks must have at most {PAGE} elements.")));
        }
        let tagged = call.include.iter().any(|what| what == "TAGS");
        let visible = self.store.visible(&cluster.arn);
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for reference in &call.tasks {
            let arn = cluster.task_arn(reference);
            let Some(task) = visible.iter().find(|task| task.arn == arn) else {
                failures.push(json!({ "arn": arn, "reason": "MISSING" }));
                continue;
            };
            let mut described = task.described();
            if tagged {
                described["tags"] = task.tags.clone();
            }
            tasks.push(described);
        }
        Ok(json!({ "tasks": tasks, "failures": failures }))
    }

    pub(super) async fn list_tasks(&self, body: &[u8]) -> Result<Value, Refusal> {
        let call: List = parse(body)?;
        let cluster = self.cluster(call.cluster.as_deref()).await?;
        let filters =
            [&call.family, &call.desired_status, &call.launch_type, &call.service_name, &call.container_instance];
        if call.started_by.is_some() && filters.iter().any(|filter| filter.is_some()) {
            return Err(Refusal::invalid("cannot specify startedBy with other arguments"));
        }
        // No task here belongs to a service or to an instance, and all are Fargate's.
        let foreign = call.service_name.is_some()
            || call.container_instance.is_some()
            || call.launch_type.is_some_and(|launch_type| launch_type != "FARGATE");
        let desired = call.desired_status.as_deref().unwrap_or("RUNNING");
        if !["RUNNING", "PENDING", "STOPPED"].contains(&desired) {
            return Err(Refusal::invalid(format!("Invalid desiredStatus: {desired}")));
        }
        let wanted = |task: &Task| {
            !foreign
                && task.desired_status() == desired
                && call.family.as_ref().is_none_or(|family| task.family == *family)
                && call.started_by.as_ref().is_none_or(|by| task.started_by == *by)
        };
        let visible = self.store.visible(&cluster.arn);
        let arns: Vec<&String> = visible.iter().filter(|task| wanted(task)).map(|task| &task.arn).collect();
        let start = match &call.next_token {
            None => 0,
            Some(token) => token.parse().map_err(|_| Refusal::invalid("Invalid token."))?,
        };
        let end = start + call.max_results.unwrap_or(PAGE).clamp(1, PAGE);
        let mut reply = json!({ "taskArns": arns.iter().skip(start).take(end - start).collect::<Vec<_>>() });
        if end < arns.len() {
            reply["nextToken"] = json!(end.to_string());
        }
        Ok(reply)
    }

    pub(super) async fn stop_task(&self, body: &[u8]) -> Result<Value, Refusal> {
        let call: Stop = parse(body)?;
        let cluster = self.cluster(call.cluster.as_deref()).await?;
        let arn = cluster.task_arn(&call.task);
        let visible = self.store.visible(&cluster.arn);
        let task = visible.iter().find(|task| task.arn == arn);
        let task = task.ok_or_else(|| Refusal::invalid("The referenced task was not found."))?;
        let reason = call.reason.as_deref().unwrap_or("Task stopped by user");
        let stopped = self.store.update(&task.id, |task| {
            if task.status != Status::Stopped {
                task.stop("UserInitiated", reason);
            }
        });
        task.order.send_if_modified(|order| {
            let first = *order < Order::Stop;
            *order = (*order).max(Order::Stop);
            first
        });
        Ok(json!({ "task": stopped.as_ref().unwrap_or(task).described() }))
    }
}
