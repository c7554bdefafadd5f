//! An engine that answers what local Fargate asks and records what it is told.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the engine was told and how it is to behave.
#[derive(Debug, Default)]
pub struct Record {
    pub definitions: HashMap<String, Value>,
    /// By stream: each event's message.
    pub logs: BTreeMap<String, Vec<String>>,
    /// Events and bytes of each PutLogEvents.
    pub batches: Vec<(usize, usize)>,
    /// What the function was invoked with.
    pub events: Vec<Value>,
    /// What the dead-letter queue got.
    pub dead_letters: Vec<Value>,
    /// What GetSecretValue answers.
    pub secret: String,
    /// CreateLogStream does not answer while this is set.
    pub hold_streams: bool,
    pub streams_asked: usize,
    /// Events about this task are not matched while it is set.
    pub hold_events_of: Option<String>,
    /// So many PutLogEvents, and so many invocations, fail first.
    pub fail_logs: usize,
    pub fail_invocations: usize,
}

#[derive(Clone)]
pub struct Engine {
    pub record: Arc<watch::Sender<Record>>,
    pub base: String,
}

impl Engine {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let engine = Self { record: Arc::new(watch::Sender::new(Record::default())), base };
        let serving = engine.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let engine = serving.clone();
                let service = service_fn(move |request| {
                    let engine = engine.clone();
                    async move { Ok::<_, Infallible>(engine.serve(request).await) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        engine
    }

    pub fn set(&self, change: impl FnOnce(&mut Record)) {
        self.record.send_modify(change);
    }

    async fn serve(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let target = request.headers().get("x-amz-target").map(|target| target.to_str().unwrap().to_owned());
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let (status, reply) = match target.as_deref().and_then(|target| target.split('.').next_back()) {
            Some(action) => self.answer(action, &body).await,
            None => self.invoke(&path, body),
        };
        let mut response = Response::new(Full::new(Bytes::from(reply.to_string())));
        *response.status_mut() = status.try_into().unwrap();
        response
    }

    async fn answer(&self, action: &str, body: &Value) -> (u16, Value) {
        match action {
            "DescribeClusters" if body["clusters"][0] == "arn:aws:ecs:eu-west-1:123456789012:cluster/runvoy" => {
                cluster()
            }
            "DescribeClusters" if body["clusters"][0] == "runvoy" => cluster(),
            "DescribeClusters" => (200, json!({ "clusters": [], "failures": [{ "reason": "MISSING" }] })),
            "DescribeTaskDefinition" => {
                match self.record.borrow().definitions.get(body["taskDefinition"].as_str().unwrap()) {
                    Some(definition) => (200, json!({ "taskDefinition": definition })),
                    None => {
                        (400, json!({ "__type": "ClientException", "message": "Unable to describe task definition" }))
                    }
                }
            }
            "ListTaskDefinitions" => {
                let record = self.record.borrow();
                let active = record.definitions.values().filter(|definition| definition["status"] == "ACTIVE");
                let arns: Vec<Value> = active.map(|definition| definition["taskDefinitionArn"].clone()).collect();
                (200, json!({ "taskDefinitionArns": arns }))
            }
            "CreateLogStream" => {
                self.set(|record| record.streams_asked += 1);
                self.record.subscribe().wait_for(|record| !record.hold_streams).await.unwrap();
                match body["logGroupName"].as_str() {
                    Some("/runvoy/executions") => (200, json!({})),
                    _ => (
                        400,
                        json!({ "__type": "ResourceNotFoundException", "message": "The specified log group does not exist." }),
                    ),
                }
            }
            "GetSecretValue" => (200, json!({ "SecretString": self.record.borrow().secret })),
            "PutLogEvents" => self.put_log_events(body),
            "ListRules" => (
                200,
                json!({ "Rules": [
                { "Name": "sweep", "State": "ENABLED", "ScheduleExpression": "rate(5 minutes)" },
                { "Name": "other", "State": "ENABLED", "EventPattern": json!({ "source": ["aws.s3"] }).to_string() },
                { "Name": "tasks", "State": "ENABLED", "EventPattern": json!({ "source": ["aws.ecs"] }).to_string() },
                { "Name": "off", "State": "DISABLED", "EventPattern": json!({ "source": ["aws.ecs"] }).to_string() },
            ] }),
            ),
            "TestEventPattern" => {
                let of = |task: &String| body["Event"].as_str().is_some_and(|event| event.contains(task));
                let free = |record: &Record| !record.hold_events_of.as_ref().is_some_and(of);
                self.record.subscribe().wait_for(free).await.unwrap();
                let read = |name: &str| serde_json::from_str::<Value>(body[name].as_str().unwrap()).unwrap();
                (200, json!({ "Result": read("EventPattern")["source"][0] == read("Event")["source"] }))
            }
            "ListTargetsByRule" if body["Rule"] == "tasks" => (
                200,
                json!({ "Targets": [{
                "Id": "events",
                "Arn": "arn:aws:lambda:eu-west-1:123456789012:function:events",
                "DeadLetterConfig": { "Arn": "arn:aws:sqs:eu-west-1:123456789012:dead" },
            }] }),
            ),
            "GetQueueUrl" if body["QueueName"] == "dead" => (200, json!({ "QueueUrl": "http://queue/dead" })),
            "SendMessage" => {
                let message = serde_json::from_str(body["MessageBody"].as_str().unwrap()).unwrap();
                self.set(|record| record.dead_letters.push(message));
                (200, json!({}))
            }
            _ => (400, json!({ "__type": "UnknownOperationException", "message": format!("{action}: {body}") })),
        }
    }

    fn put_log_events(&self, body: &Value) -> (u16, Value) {
        let events = body["logEvents"].as_array().unwrap();
        let messages: Vec<String> = events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect();
        let times: Vec<i64> = events.iter().map(|event| event["timestamp"].as_i64().unwrap()).collect();
        assert!(times.is_sorted(), "PutLogEvents refuses events out of order");
        let mut status = 200;
        self.set(|record| {
            if record.fail_logs > 0 {
                (record.fail_logs, status) = (record.fail_logs - 1, 500);
                return;
            }
            record.batches.push((messages.len(), messages.iter().map(|message| message.len() + 26).sum()));
            record.logs.entry(body["logStreamName"].as_str().unwrap().to_owned()).or_default().extend(messages);
        });
        (status, json!({}))
    }

    fn invoke(&self, path: &str, event: Value) -> (u16, Value) {
        assert_eq!(path, "/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:events/invocations");
        let mut status = 202;
        self.set(|record| match record.fail_invocations {
            0 => record.events.push(event),
            left => (record.fail_invocations, status) = (left - 1, 500),
        });
        (status, json!({}))
    }
}

fn cluster() -> (u16, Value) {
    let arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/runvoy";
    let providers = ["FARGATE", "FARGATE_SPOT"];
    let cluster =
        json!({ "clusterArn": arn, "clusterName": "runvoy", "status": "ACTIVE", "capacityProviders": providers });
    (200, json!({ "clusters": [cluster], "failures": [] }))
}
