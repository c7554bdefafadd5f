//! EventBridge: at least once, in any order, or not at all; and the schedule of the sweep.

use std::{sync::Arc, time::Duration};

use runvoy_api::infra::SWEEP_DETAIL_TYPE;
use serde_json::{Value, json};

use crate::{check, faults::Fault, lambda, sim::lock, task::Task, world::World};

/// How long Lambda waits before it tries a failed event again; then it goes to the dead letters.
const RETRIES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// The sweep's schedule.
pub const SWEEP: Duration = Duration::from_secs(300);

/// Sends a task's state change on its way.
pub fn send(world: &Arc<World>, task: &Task) {
    let hit = |fault| world.faults.hit(&world.sim, fault);
    let stopped = !task.is_live();
    if stopped && hit(Fault::StoppedDropped) {
        return;
    }
    let detail = task.show(true);
    if hit(Fault::UnknownTaskEvent) {
        deliver(world, None, unknown(&detail), Duration::from_millis(100));
    }
    let copies = if hit(Fault::EventDuplicated) { 10 } else { 1 };
    // What overtakes everything that was sent before it.
    let late = task.status == "RUNNING" && hit(Fault::StoppedBeforeRunning);
    for copy in 0..copies {
        let most = if copy == 0 { 2_000 } else { 200_000 };
        let delay = world.sim.between(50, most) + if late { Duration::from_secs(90) } else { Duration::ZERO };
        deliver(world, stopped.then(|| task.clone()), detail.clone(), delay);
    }
}

fn deliver(world: &Arc<World>, stopped: Option<Task>, detail: Value, delay: Duration) {
    let here = Arc::clone(world);
    world.sim.spawn("eventbridge", 0, async move {
        here.sim.pause(delay).await;
        if let Some(task) = &stopped {
            check::ended_again(&here, task);
        }
        let event = json!({"detail-type": "ECS Task State Change", "source": "aws.ecs", "detail": detail});
        attempt(&here, event).await;
    });
}

/// Some task of somebody else's, and one of an execution that is not on record.
fn unknown(detail: &Value) -> Value {
    let mut unknown = detail.clone();
    unknown["taskArn"] = json!("arn:aws:ecs:us-east-1:123456789012:task/runvoy/ffffffffffffffffffffffffffffffff");
    unknown["startedBy"] = json!("exec_20200101000000_ffffff");
    unknown
}

async fn attempt(world: &Arc<World>, event: Value) {
    for pause in RETRIES.into_iter().map(Some).chain([None]) {
        if lambda::event(world, event.clone()).await {
            return;
        }
        match pause {
            Some(pause) => world.sim.pause(pause).await,
            None => world.say(|| "an event goes to the dead letters".to_owned()),
        }
    }
}

/// Sweeps for ever.
pub fn schedule(world: &Arc<World>) {
    let here = Arc::clone(world);
    world.sim.spawn("schedule", 0, async move {
        loop {
            here.sim.pause(SWEEP).await;
            if here.sim.now() < *lock(&here.sweeper_down) {
                continue;
            }
            let sweeper = Arc::clone(&here);
            let event = json!({"detail-type": SWEEP_DETAIL_TYPE});
            here.sim.spawn("schedule", 0, async move { attempt(&sweeper, event).await });
        }
    });
}
