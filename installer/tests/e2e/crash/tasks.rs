//! The tasks of an execution, and their events.

use runvoy_sandbox::REGION;
use serde_json::{Value, json};

use super::stage::{STACK, Stage};
use crate::{http, world::until};

impl Stage {
    fn ecs(&self, action: &str, body: &Value) -> Value {
        let mine = self.site.sandbox.environment();
        let key = mine.iter().find(|(name, _)| name == "AWS_ACCESS_KEY_ID").map(|(_, value)| value).unwrap();
        let scope = format!("AWS4-HMAC-SHA256 Credential={key}/20260101/{REGION}/ecs/aws4_request");
        let target = format!("AmazonEC2ContainerServiceV20141113.{action}");
        let headers = [("authorization", scope.as_str()), ("x-amz-target", &target)];
        let reply = http::send(self.site.sandbox.endpoint(), "POST", "/", &headers, &body.to_string());
        assert_eq!(reply.status, 200, "{action}: {}", reply.body);
        reply.json()
    }

    /// Every task that was ever started for the execution, as ECS describes it.
    pub fn tasks(&self, id: &str) -> Vec<Value> {
        let arns = [self.listed("RUNNING"), self.listed("STOPPED")].concat();
        let describe = |arns: &[Value]| {
            let described = self.ecs("DescribeTasks", &json!({ "cluster": STACK, "tasks": arns }));
            described["tasks"].as_array().unwrap().clone()
        };
        // As many as DescribeTasks takes.
        arns.chunks(100).flat_map(describe).filter(|task| task["startedBy"] == id).collect()
    }

    fn listed(&self, status: &str) -> Vec<Value> {
        let (mut arns, mut request) = (Vec::new(), json!({ "cluster": STACK, "desiredStatus": status }));
        loop {
            let mut page = self.ecs("ListTasks", &request);
            arns.append(page["taskArns"].as_array_mut().unwrap());
            request["nextToken"] = page["nextToken"].take();
            if request["nextToken"].is_null() {
                return arns;
            }
        }
    }

    /// Waits until each of the execution's tasks has come to this status.
    pub fn tasks_are(&self, id: &str, status: &str) -> Vec<Value> {
        until(&format!("the tasks of {id} are {status}"), || {
            let tasks = self.tasks(id);
            tasks.iter().all(|task| task["lastStatus"] == status).then_some(tasks)
        })
    }

    /// The task's state change as ECS would tell it, of a task that has stopped by itself.
    pub fn stopped_event(&self, id: &str, task: &Value) -> Value {
        let mut detail = task.clone();
        detail["startedBy"] = json!(id);
        // DescribeTasks tells times in seconds, events in words; the end of a task needs none.
        for time in [
            "createdAt",
            "pullStartedAt",
            "pullStoppedAt",
            "startedAt",
            "executionStoppedAt",
            "stoppingAt",
            "stoppedAt",
        ] {
            detail.as_object_mut().unwrap().remove(time);
        }
        json!({ "detail-type": "ECS Task State Change", "source": "aws.ecs", "detail": detail })
    }
}
