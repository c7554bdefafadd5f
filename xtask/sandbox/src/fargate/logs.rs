//! Sends a container's output to the engine's logs as awslogs does, only sooner.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};

use super::definition::ContainerDefinition;
use super::lines::{EVENT_OVERHEAD, Lines};
use super::refusal::Refusal;
use super::task::Order;
use crate::engine::EngineClient;

/// How long a line waits for company.
const FLUSH: Duration = Duration::from_millis(50);
/// How long a line is held back for what may belong to it, where an event may have several; ten seconds there.
const HOLD: Duration = Duration::from_millis(100);
/// The limits of one PutLogEvents.
const BATCH_BYTES: usize = 1_048_576;
const BATCH_EVENTS: usize = 10_000;
/// Mode blocking: a full queue makes the container wait for the engine.
const QUEUE: usize = 256;
/// An engine that fails for longer than this costs a batch.
const ATTEMPTS: u32 = 20;
const RETRY: Duration = Duration::from_millis(250);

/// Where a container's output goes.
#[derive(Clone)]
pub(super) struct Stream {
    group: String,
    name: String,
    /// An event may begin with any line: each then keeps its line's end, and none is dropped for being empty, but each is
    /// held back until the next one comes, and the last one is forgotten if the container ends meanwhile.
    each_line: bool,
}

/// An open stream: follows pipes until they end, sends in order.
pub(super) struct Log {
    lines: mpsc::Sender<String>,
    pipes: JoinSet<()>,
    each_line: bool,
    sender: JoinHandle<()>,
}

impl Stream {
    /// The stream of a container's `logConfiguration`, if it has one.
    pub fn of(container: &ContainerDefinition, task: &str) -> Result<Option<Self>, Refusal> {
        let Some(log) = &container.log_configuration else { return Ok(None) };
        let option = |name: &str| {
            let missing = || Refusal::client(format!("Log driver awslogs requires options: {name}"));
            log.options.get(name).ok_or_else(missing)
        };
        let pattern = log.options.get("awslogs-multiline-pattern");
        if pattern.is_some_and(|pattern| pattern != "^") {
            return Err(Refusal::client("local Fargate does not support `awslogs-multiline-pattern` other than `^`"));
        }
        let each_line = pattern.is_some();
        let (group, prefix) = (option("awslogs-group")?, option("awslogs-stream-prefix")?);
        Ok(Some(Self { group: group.clone(), name: format!("{prefix}/{}/{task}", container.name), each_line }))
    }

    /// Creates the stream. The error is a `stoppedReason`.
    pub async fn open(&self, engine: &EngineClient, order: watch::Receiver<Order>) -> Result<Log, String> {
        let body = json!({ "logGroupName": self.group, "logStreamName": self.name });
        if let Err(error) = engine.json("logs", "Logs_20140328.CreateLogStream", &body).await {
            let text = format!("{error:#}");
            if !text.contains("ResourceAlreadyExistsException") {
                return Err(format!(
                    "ResourceInitializationError: failed to validate logger args: failed to create Cloudwatch log stream: {text}"
                ));
            }
        }
        let (lines, queue) = mpsc::channel(QUEUE);
        let queue = Queue { lines: queue, each_line: self.each_line, held: None };
        let sender = tokio::spawn(send(engine.clone(), self.clone(), queue, order));
        Ok(Log { lines, pipes: JoinSet::new(), each_line: self.each_line, sender })
    }
}

impl Log {
    /// Sends the lines of `pipe` until it ends.
    pub fn follow(&mut self, mut pipe: Box<dyn AsyncRead + Send + Unpin>) {
        let (queue, each_line) = (self.lines.clone(), self.each_line);
        self.pipes.spawn(async move {
            let (mut cutter, mut buffer) = (Lines::new(each_line), vec![0; 16 * 1024]);
            while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
                for line in cutter.push(&buffer[..read]) {
                    // The receiver outlives the pipes, see `close`.
                    let _ = queue.send(line).await;
                }
            }
            for line in cutter.finish() {
                let _ = queue.send(line).await;
            }
        });
    }

    /// Returns when the pipes have ended, or `patience` has, and everything is sent.
    pub async fn close(mut self, patience: Duration) {
        let _ = timeout(patience, async { while self.pipes.join_next().await.is_some() {} }).await;
        self.pipes.shutdown().await;
        drop(self.lines);
        let _ = self.sender.await;
    }
}

#[derive(Default)]
struct Batch {
    events: Vec<Value>,
    bytes: usize,
    last: i64,
}

impl Batch {
    fn fits(&self, line: &str) -> bool {
        self.events.len() < BATCH_EVENTS && self.bytes + line.len() + EVENT_OVERHEAD <= BATCH_BYTES
    }

    /// Events of one stream never go back in time, whatever the clock does.
    fn push(&mut self, line: String) {
        let now = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
        self.last = self.last.max(i64::try_from(now).unwrap_or(i64::MAX));
        self.bytes += line.len() + EVENT_OVERHEAD;
        self.events.push(json!({ "timestamp": self.last, "message": line }));
    }

    fn take(&mut self) -> Vec<Value> {
        self.bytes = 0;
        std::mem::take(&mut self.events)
    }
}

struct Queue {
    lines: mpsc::Receiver<String>,
    each_line: bool,
    held: Option<String>,
}

impl Queue {
    /// Nothing is lost if nobody waits for it to its end.
    async fn next(&mut self) -> Option<String> {
        while self.each_line {
            let line = match &self.held {
                None => self.lines.recv().await,
                Some(_) => match timeout(HOLD, self.lines.recv()).await {
                    Ok(line) => line,
                    Err(_) => return self.held.take(),
                },
            };
            if let Some(before) = self.held.replace(line?) {
                return Some(before);
            }
        }
        self.lines.recv().await
    }
}

async fn send(engine: EngineClient, stream: Stream, mut queue: Queue, order: watch::Receiver<Order>) {
    let mut batch = Batch::default();
    while let Some(first) = queue.next().await {
        batch.push(first);
        let deadline = Instant::now() + FLUSH;
        while let Ok(Some(line)) = timeout_at(deadline, queue.next()).await {
            if !batch.fits(&line) {
                put(&engine, &stream, batch.take(), &order).await;
            }
            batch.push(line);
        }
        put(&engine, &stream, batch.take(), &order).await;
    }
}

async fn put(engine: &EngineClient, stream: &Stream, events: Vec<Value>, order: &watch::Receiver<Order>) {
    let body = json!({ "logGroupName": stream.group, "logStreamName": stream.name, "logEvents": events });
    for attempt in 1.. {
        let Err(error) = engine.json("logs", "Logs_20140328.PutLogEvents", &body).await else { return };
        // When the sandbox ends, so may the engine.
        if attempt >= ATTEMPTS || *order.borrow() == Order::Kill {
            eprintln!("warning: local Fargate lost log lines of `{}`: {error:#}", stream.name);
            return;
        }
        tokio::time::sleep(RETRY).await;
    }
}
