//! CloudWatch Logs: what commands print, in pages that may be empty and with lines that may come late.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use serde_json::{Value, json};

use crate::{
    cloud::Reply,
    faults::Fault,
    sim::lock,
    task::Task,
    world::{World, seconds},
};

/// The last line of every log.
pub const LAST: &str = "last line";

struct Line {
    arrives: Duration,
    text: String,
}

/// The streams, by name.
#[derive(Default)]
pub struct Logs {
    streams: Mutex<BTreeMap<String, Vec<Line>>>,
}

fn stream(arn: &str) -> String {
    format!("exec/executor/{}", arn.rsplit('/').next().unwrap_or(arn))
}

impl Logs {
    /// The command begins to print.
    pub fn begin(&self, world: &World, task: &Task) {
        let now = world.sim.now();
        let mut lines = vec![format!("running {}", task.command)];
        if let Some(secret) = &task.secret {
            world.faults.note(Fault::SecretEchoed);
            lines.push(format!("the secret is {secret}"));
        }
        if world.faults.hit(&world.sim, Fault::OddLogLines) {
            lines.push("x".repeat(256 * 1024 - 26));
            lines.push("\u{1b}[31mred\u{1b}[0m <script>alert(1)</script> \u{fffd}\u{0}".to_owned());
        }
        let line = |text| Line { arrives: now + world.sim.between(100, 5_000), text };
        lock(&self.streams).insert(stream(&task.arn), lines.into_iter().map(line).collect());
    }

    /// The driver sends what it still has.
    pub fn end(&self, world: &World, arn: &str) {
        let mut streams = lock(&self.streams);
        let Some(lines) = streams.get_mut(&stream(arn)) else { return };
        let late = world.faults.hit(&world.sim, Fault::LateLogLines);
        let arrives = world.sim.now() + Duration::from_secs(if late { 15 } else { 0 });
        lines.push(Line { arrives, text: LAST.to_owned() });
        lines.sort_by_key(|line| line.arrives);
    }

    /// GetLogEvents, from the head on.
    pub fn get(&self, world: &World, body: &Value) -> Reply {
        let streams = lock(&self.streams);
        let Some(lines) = body["logStreamName"].as_str().and_then(|name| streams.get(name)) else {
            return Reply::error(400, "ResourceNotFoundException", "The specified log stream does not exist.");
        };
        let token = body["nextToken"].as_str();
        let place = token.and_then(|token| token.split('/').nth(1)?.parse::<usize>().ok());
        if token.is_some() && (place.is_none() || world.faults.may(Fault::LogPages) && world.draw(0.2)) {
            world.faults.note(Fault::LogPages);
            return Reply::error(400, "InvalidParameterException", "The specified nextToken is invalid.");
        }
        let start = place.unwrap_or_default();
        if world.faults.hit(&world.sim, Fault::LogPages) {
            // Nothing yet, and another token: there is more.
            let salt = world.sim.draw(|rng| rng.u32(..));
            return Reply::ok(json!({"events": [], "nextForwardToken": format!("f/{start}/{salt}")}));
        }
        let (now, mut size) = (world.sim.now(), 0);
        let room = if world.faults.hit(&world.sim, Fault::LargeReply) { 1 << 20 } else { 4096 };
        let mut page = Vec::new();
        for line in lines.iter().skip(start).take_while(|line| line.arrives <= now) {
            size += line.text.len() + 26;
            if size > room && !page.is_empty() {
                break;
            }
            let timestamp = (seconds(line.arrives) * 1000.0) as i64;
            page.push(json!({"timestamp": timestamp, "ingestionTime": timestamp, "message": line.text}));
        }
        let next = format!("f/{}/0", start + page.len());
        let next = if page.is_empty() { token.map_or(next, str::to_owned) } else { next };
        Reply::ok(json!({"events": page, "nextForwardToken": next}))
    }
}
