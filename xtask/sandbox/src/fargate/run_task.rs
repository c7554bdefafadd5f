//! RunTask: idempotency by client token, and the new tasks' records.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::definition::{ContainerDefinition, TaskDefinition};
use super::lifecycle::{self, Plan};
use super::lookup::Cluster;
use super::refusal::Refusal;
use super::run_request::Call;
use super::spec;
use super::store::Added;
use super::task::{Container, Order, Status, Task};
use super::{Inner, parse, random_hex};

impl Inner {
    pub(super) async fn run_task(self: &Arc<Self>, body: &[u8]) -> Result<Value, Refusal> {
        let mut request: Value = parse(body)?;
        let call: Call = parse(body)?;
        let overrides = request["overrides"].clone();
        if let Some(members) = request.as_object_mut() {
            members.remove("clientToken");
        }
        call.check(&overrides)?;
        let cluster = self.cluster(call.cluster.as_deref()).await?;
        let token = call.client_token.as_deref();
        if let Some(known) = self.store.replay(&cluster.arn, token, &request)? {
            return Ok(reply(&known));
        }
        let definition = self.definition(&call.task_definition).await?;
        definition.check()?;
        let fixed = call.fixed(&cluster, &definition, overrides, self.engine.region())?;
        let request = Arc::new(request);
        let new = (0..call.count.unwrap_or(1)).map(|_| {
            let id = random_hex::<16>()?;
            let dir = self.root.join(&id);
            let overridden = &call.overrides.container_overrides;
            let specs = spec::specs(&definition, overridden, &id, &dir, self.engine.region())?;
            Ok((Plan { dir, specs }, task(id, &call, &cluster, &definition, fixed.clone(), &request)))
        });
        let (plans, tasks) = new.collect::<Result<Vec<_>, Refusal>>()?.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let tasks = match self.store.add(&cluster.arn, token, &request, tasks)? {
            Added::Known(known) => return Ok(reply(&known)),
            Added::New(tasks) => tasks,
        };
        for (plan, task) in plans.into_iter().zip(&tasks) {
            lifecycle::start(Arc::clone(self), task, plan);
        }
        Ok(reply(&tasks))
    }
}

fn task(
    id: String,
    call: &Call,
    cluster: &Cluster,
    definition: &TaskDefinition,
    fixed: Map<String, Value>,
    request: &Arc<Value>,
) -> Task {
    let container = |(index, container): (usize, &ContainerDefinition)| Container {
        name: container.name.clone(),
        image: container.image.clone(),
        runtime_id: format!("{id}-{index:010}"),
        status: Status::Pending,
        exit_code: None,
        reason: None,
    };
    let mut task = Task {
        arn: cluster.task_arn(&id),
        cluster_arn: cluster.arn.clone(),
        family: definition.family.clone(),
        started_by: call.started_by.clone().unwrap_or_default(),
        fixed,
        tags: call.tags.clone().into(),
        token: call.client_token.clone().map(|token| (token, Arc::clone(request))),
        status: Status::Provisioning,
        stopping: false,
        version: 1,
        containers: definition.container_definitions.iter().enumerate().map(container).collect(),
        times: Vec::new(),
        stop_code: None,
        stopped_reason: None,
        order: watch::Sender::new(Order::Run),
        id,
    };
    task.stamp("createdAt");
    task
}

fn reply(tasks: &[Task]) -> Value {
    json!({ "tasks": tasks.iter().map(Task::described).collect::<Value>(), "failures": [] })
}
