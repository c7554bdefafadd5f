//! What becomes of a task. The command says it, so that a schedule's text tells the whole story.

use std::{sync::Arc, time::Duration};

use crate::{faults::Fault, task::Task, world::World};

/// How a command fares if nobody stops it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fate {
    /// It runs this long and exits with this code; it gives up with 143 as soon as it is asked to.
    Work(Duration, i32),
    /// The same, but SIGTERM does not impress it.
    Stubborn(Duration, i32),
    /// It never ends, and its own clock does not either.
    Hang,
    /// It is killed for its memory.
    OutOfMemory(Duration),
    /// It ends, and nobody knows how.
    NoExitCode(Duration),
    /// AWS takes the Spot capacity back.
    Spot(Duration),
    /// It can't be started; its containers are shown.
    NoStart,
    /// It can't be started; `containers: []`.
    Empty,
}

/// How long Fargate waits between SIGTERM and SIGKILL.
const STOP_TIMEOUT: Duration = Duration::from_secs(120);

impl Fate {
    /// Reads `work 12 exit 3`, `stubborn 12 exit 0`, `hang`, `oom 5`, `null 5`, `spot 5`, `nostart`, `empty`.
    pub fn of(command: &str) -> Self {
        let words: Vec<&str> = command.split(' ').collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
        let time = Duration::from_secs(number(1).unwrap_or(1));
        let code = number(3).and_then(|code| i32::try_from(code).ok()).unwrap_or_default();
        match words[0] {
            "stubborn" => Self::Stubborn(time, code),
            "hang" => Self::Hang,
            "oom" => Self::OutOfMemory(time),
            "null" => Self::NoExitCode(time),
            "spot" => Self::Spot(time),
            "nostart" => Self::NoStart,
            "empty" => Self::Empty,
            _ => Self::Work(time, code),
        }
    }
}

/// A task's life, from PROVISIONING to STOPPED. Each change is an event.
pub async fn live(world: Arc<World>, task: Task) {
    let arn = task.arn.clone();
    world.announce(&task);
    let unstarted = step(&world, &task, "PENDING", world.sim.between(1_000, 10_000)).await;
    let ready = unstarted && {
        world.ecs.update(&arn, |task| task.pull_started = Some(world.sim.now()));
        !wait(&world, &task, world.sim.between(1_000, 15_000)).await
    };
    if ready && !cannot_start(&world, &task) {
        let now = world.sim.now();
        world.change(&arn, |task| (task.status, task.started) = ("RUNNING", Some(now)));
        run(&world, &task).await;
    }
    let now = world.sim.now();
    world.change(&arn, |task| (task.status, task.execution_stopped) = ("DEPROVISIONING", Some(now)));
    world.sim.pause(world.sim.between(500, 8_000)).await;
    let now = world.sim.now();
    let (gone, hidden) = (world.faults.hit(&world.sim, Fault::TaskForgotten), task.fate == Fate::Empty);
    world.change(&arn, |task| {
        (task.status, task.stopped) = ("STOPPED", Some(now));
        task.listed = !hidden;
        task.forgotten = gone;
    });
    world.logs.end(&world, &arn);
}

/// Waits, then enters the status, unless the task is told to stop before.
async fn step(world: &Arc<World>, task: &Task, status: &'static str, pause: Duration) -> bool {
    if wait(world, task, pause).await {
        return false;
    }
    world.change(&task.arn, |task| task.status = status);
    true
}

/// Waits this long; `true` if the task was told to stop first.
async fn wait(world: &Arc<World>, task: &Task, pause: Duration) -> bool {
    tokio::select! {
        biased;
        () = task.stop.notified() => true,
        () = world.sim.pause(pause) => false,
    }
}

fn cannot_start(world: &World, task: &Task) -> bool {
    let reason = match task.fate {
        Fate::NoStart => "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found",
        Fate::Empty => {
            world.faults.note(Fault::EmptyContainers);
            "ResourceInitializationError: unable to pull secrets or registry auth"
        }
        _ => return false,
    };
    world.ecs.end(&task.arn, "TaskFailedToStart", reason);
    true
}

/// The command, until it has ended one way or another.
async fn run(world: &Arc<World>, task: &Task) {
    world.logs.begin(world, task);
    let (time, code, reason) = match task.fate {
        Fate::Work(time, code) | Fate::Stubborn(time, code) => (time, Some(code), None),
        Fate::OutOfMemory(time) => (time, Some(137), Some("OutOfMemoryError: Container killed due to memory usage")),
        Fate::Spot(time) => (time, Some(143), None),
        Fate::NoExitCode(time) => (time, None, None),
        Fate::Hang | Fate::NoStart | Fate::Empty => (Duration::MAX / 4, None, None),
    };
    // The script in the container watches the clock itself, if it is well.
    let (time, code, reason) = match time > task.limit && task.fate != Fate::Hang {
        true => (task.limit, Some(124), None),
        false => (time, code, reason),
    };
    if wait(world, task, time).await {
        return stopped(world, task).await;
    }
    if matches!(task.fate, Fate::OutOfMemory(_) | Fate::NoExitCode(_)) {
        world.faults.note(Fault::AbnormalExit);
    }
    let spot = matches!(task.fate, Fate::Spot(_)) && code != Some(124);
    let (stop_code, why) = match spot {
        true => ("SpotInterruption", "Your Spot Task was interrupted."),
        false => ("EssentialContainerExited", "Essential container in task exited"),
    };
    if spot {
        world.faults.note(Fault::SpotInterruption);
    }
    world.ecs.end(&task.arn, stop_code, why);
    world.ecs.update(&task.arn, |task| (task.exit, task.container_reason) = (code, reason));
}

/// SIGTERM, and SIGKILL for those that it does not impress.
async fn stopped(world: &Arc<World>, task: &Task) {
    let stubborn = matches!(task.fate, Fate::Stubborn(..) | Fate::Hang);
    let code = if stubborn {
        world.faults.note(Fault::SigtermIgnored);
        world.sim.pause(STOP_TIMEOUT).await;
        137
    } else {
        world.faults.note(Fault::AbnormalExit);
        world.sim.pause(world.sim.between(10, 3_000)).await;
        143
    };
    world.ecs.update(&task.arn, |task| task.exit = Some(code));
}
