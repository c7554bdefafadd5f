//! One random schedule: who does what when, and what may go wrong meanwhile. All of it follows from the seed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Result;

use crate::{
    actors, bridge, faults::Fault, finale, invariant::Violation, plant::Plant, sim::lock, users::User, world::World,
};

/// After this nothing new goes wrong, and everything must come to its end.
const CALM: Duration = Duration::from_secs(600);
/// What has not ended by then never will: ECS forgets within an hour, and the sweep has had dozens of turns.
const HORIZON: Duration = Duration::from_secs(4 * 3600);

/// How likely a fault is at each of its chances, in the schedules that have it.
const CHANCES: &[(Fault, f64)] = &[
    (Fault::CrashBeforeRunTask, 0.3),
    (Fault::RunTaskReplyLost, 0.3),
    (Fault::TokenConflict, 0.3),
    (Fault::RunTaskFailures, 0.3),
    (Fault::DisguisedThrottle, 0.4),
    (Fault::TaskMissing, 0.5),
    (Fault::CrashAfterRunTask, 0.3),
    (Fault::EventDuplicated, 0.1),
    (Fault::StoppedBeforeRunning, 0.5),
    (Fault::StoppedDropped, 0.5),
    (Fault::UnknownTaskEvent, 0.1),
    (Fault::TaskForgotten, 0.4),
    (Fault::WriteReplyLost, 0.15),
    (Fault::ClockSkew, 0.3),
    (Fault::LogPages, 0.4),
    (Fault::LateLogLines, 0.5),
    (Fault::OddLogLines, 0.3),
    (Fault::LargeReply, 0.5),
    (Fault::ConcurrentRegistration, 0.3),
    (Fault::AuditWriteFails, 0.2),
    (Fault::LongHistory, 0.5),
    (Fault::TransactionTrouble, 0.2),
    (Fault::Throttled, 0.03),
    (Fault::ServerError, 0.03),
    (Fault::CrashAtCall, 0.03),
    (Fault::ClientReplyLost, 0.1),
    (Fault::StaleIndex, 0.5),
    (Fault::Frozen, 0.1),
    (Fault::Slow, 0.03),
];

/// A schedule that has run.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub violations: Vec<Violation>,
    pub fired: BTreeMap<Fault, u64>,
    pub trace: Vec<String>,
}

/// Runs the schedule of this seed.
pub fn run(seed: u64, plant: Option<Plant>, traced: bool) -> Result<Outcome> {
    let world = World::new(seed, plant, traced)?;
    for (fault, chance) in CHANCES {
        if world.draw(0.2) {
            world.faults.set_chance(*fault, *chance);
        }
    }
    let admin = User::new(&world, "admin@example.com", "admin")?;
    let members = [User::new(&world, "ann@example.com", "member")?, User::new(&world, "bob@example.com", "member")?];
    actors::cast(&world, &admin, &members);
    bridge::schedule(&world);
    let here = Arc::clone(&world);
    world.sim.spawn("calm", 0, async move {
        here.sim.pause(CALM).await;
        here.say(|| "from here on nothing new goes wrong".to_owned());
        here.faults.calm();
    });
    Ok(conclude(&world))
}

/// Runs a world until all in it has come to its end, and checks that it has.
pub fn conclude(world: &Arc<World>) -> Outcome {
    let mut looked = Duration::ZERO;
    world.run(|world| {
        let now = world.sim.now();
        if now < looked + Duration::from_secs(30) {
            return false;
        }
        looked = now;
        finale::watch(world);
        now > HORIZON || (now > CALM && finale::is_settled(world))
    });
    finale::check(world);
    let violations = std::mem::take(&mut lock(&world.checker).violations);
    let outcome = Outcome { violations, fired: world.faults.fired(), trace: world.trace() };
    world.sim.end();
    outcome
}
