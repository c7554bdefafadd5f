//! Who does what in a random schedule.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use crate::{
    fate::Fate, faults::Fault, finale::SECRET, invariant::Invariant, lambda, sim::lock, task::Task, users::User,
    world::World,
};

/// Puts everybody on stage.
pub fn cast(world: &Arc<World>, admin: &User, members: &[User; 2]) {
    let launches = world.sim.draw(|rng| rng.u32(3..=7));
    // Some meet the sweep.
    let begin = if world.draw(0.5) { world.sim.between(230_000, 300_000) } else { Duration::ZERO };
    for number in 0..launches {
        let user = members[world.sim.draw(|rng| rng.usize(..2))].clone();
        let start = begin + world.sim.between(0, 60_000);
        let request = request(world, number);
        act(world, &format!("{} {number}", user.email), move |world| async move {
            world.sim.pause(start).await;
            execution(&world, &user, &request).await;
        });
    }
    if world.draw(0.25) {
        crowd(world, &members[0]);
    }
    if world.draw(0.2) {
        let admin = admin.clone();
        act(world, "force", move |world| async move { force_release(&world, &admin).await });
    }
    if world.draw(0.15) {
        let (admin, member) = (admin.clone(), members[0].clone());
        act(world, "revoke", move |world| async move { shut_out(&world, &admin, &member).await });
    }
    if world.draw(0.1) {
        let (admin, member) = (admin.clone(), members[1].clone());
        act(world, "drain", move |world| async move { drain(&world, &admin, &member).await });
    }
    if world.draw(0.15) {
        act(world, "outage", |world| async move {
            world.sim.pause(world.sim.between(0, 90_000)).await;
            *lock(&world.dynamo_down) = world.sim.now() + world.sim.between(1_000, 30_000);
        });
    }
    if world.draw(0.2) {
        *lock(&world.sweeper_down) = world.sim.between(900_000, 2_400_000);
    }
    if world.draw(0.2) {
        let member = members[1].clone();
        act(world, "reader", move |world| async move {
            world.sim.pause(world.sim.between(30_000, 120_000)).await;
            member.insist(&world, "GET", "/api/v1/executions?all=true&lock=prod&limit=3", None).await;
        });
    }
}

fn act<F: Future<Output = ()> + Send + 'static>(world: &Arc<World>, name: &str, play: impl FnOnce(Arc<World>) -> F) {
    world.sim.spawn(name, 0, play(Arc::clone(world)));
}

/// What somebody wants to run. Its number makes the command one of a kind.
fn request(world: &World, number: u32) -> Value {
    let draw = |most: u32| world.sim.draw(|rng| rng.u32(..most));
    let time = 1 + draw(60);
    let command = match draw(20) {
        0 => format!("hang - - - {number}"),
        1 | 2 => format!("stubborn {time} exit {} {number}", draw(3)),
        3 => format!("oom {time} - - {number}"),
        4 => format!("null {time} - - {number}"),
        5 | 6 => format!("spot {time} - - {number}"),
        7 => format!("nostart - - - {number}"),
        8 => format!("empty - - - {number}"),
        _ => format!("work {time} exit {} {number}", draw(3)),
    };
    let mut request = json!({"command": command, "timeout": 20 + draw(60), "image": format!("image-{}", draw(3))});
    if world.draw(0.7) {
        request["lock"] = json!(if world.draw(0.8) { "prod" } else { "staging" });
        if world.draw(0.5) {
            request["wait_lock"] = json!(10 + draw(300));
        }
    }
    if world.draw(0.2) {
        request["env"] = json!({"SECRET": format!("{SECRET}-{number}")});
    }
    if world.draw(0.03) {
        let filler = "x".repeat(4096);
        request["env"] = json!({"A": filler, "B": filler});
    }
    request
}

/// Starts it, and does with it what people do.
async fn execution(world: &Arc<World>, user: &User, request: &Value) {
    let Some(response) = user.exec(world, request).await else { return };
    if request["env"]["A"].is_string() && response.status == 400 {
        world.faults.note(Fault::OverridesTooLong);
    }
    let Some(id) = response.body["execution_id"].as_str().filter(|_| response.status == 201) else { return };
    if world.draw(0.3) {
        stop(world, user, id).await;
    }
    if world.draw(0.3) {
        world.sim.pause(world.sim.between(1_000, 60_000)).await;
        user.get(world, id).await;
    }
    if world.draw(0.1) {
        user.log(world, id).await;
    }
    if world.draw(0.05) {
        bad_tokens(world, id, &response.body).await;
    }
}

fn task_of(world: &World, id: &str) -> Option<Task> {
    world.ecs.tasks().into_iter().find(|task| task.started_by == id)
}

/// Stops it at some moment: at once, at any time, or just when it would have ended by itself.
async fn stop(world: &Arc<World>, user: &User, id: &str) {
    let Some(task) = task_of(world, id) else { return };
    match (world.sim.draw(|rng| rng.u8(..3)), task.fate) {
        (0, _) => {}
        (1, Fate::Work(time, _) | Fate::Stubborn(time, _)) => {
            // Until it runs, nobody knows when it will end.
            for _ in 0..60 {
                if let Some(started) = task_of(world, id).and_then(|task| task.started) {
                    let early = world.sim.between(0, 500);
                    world.sim.pause((started + time).saturating_sub(world.sim.now()).saturating_sub(early)).await;
                    break;
                }
                world.sim.pause(Duration::from_secs(1)).await;
            }
        }
        _ => world.sim.pause(world.sim.between(0, 40_000)).await,
    }
    let before = task_of(world, id);
    user.stop(world, id).await;
    match before.zip(task_of(world, id)) {
        Some((before, _)) if before.started.is_none() && before.is_live() => {
            world.faults.note(Fault::StopWhileProvisioning);
        }
        // It was at work when the request was sent, and has ended by itself.
        Some((before, after)) if before.is_live() && after.stop_code == Some("EssentialContainerExited") => {
            world.faults.note(Fault::StopRacesEnd);
        }
        _ => {}
    }
}

/// Many at once, for one lock.
fn crowd(world: &Arc<World>, user: &User) {
    let start = world.sim.between(0, 40_000);
    world.faults.note(Fault::ConcurrentAcquires);
    for number in 0..5 {
        let user = user.clone();
        act(world, &format!("crowd {number}"), move |world| async move {
            world.sim.pause(start).await;
            let command = format!("work 5 exit 0 {}", 100 + number);
            user.exec(&world, &json!({"command": command, "lock": "prod", "timeout": 60})).await;
        });
    }
}

async fn force_release(world: &Arc<World>, admin: &User) {
    world.sim.pause(world.sim.between(5_000, 120_000)).await;
    let reason = Some(json!({"reason": "it is stuck"}));
    let response = admin.insist(world, "DELETE", "/api/v1/locks/prod", reason).await;
    if response.is_some_and(|response| response.status < 300) {
        world.faults.note(Fault::ForceRelease);
    }
}

/// A key is revoked. Whoever has it must not start anything from then on.
async fn shut_out(world: &Arc<World>, admin: &User, member: &User) {
    world.sim.pause(world.sim.between(0, 60_000)).await;
    let path = format!("/api/v1/users/{}", member.email);
    let response = admin.insist(world, "DELETE", &path, None).await;
    if response.is_some_and(|response| response.status == 200) {
        let now = world.sim.now();
        lock(&world.checker).refused.insert(member.email.clone(), now);
        world.sim.pause(world.sim.between(0, 10_000)).await;
        member.exec(world, &json!({"command": "work 1 exit 0 200"})).await;
        world.faults.note(Fault::BadCredentials);
    }
}

async fn drain(world: &Arc<World>, admin: &User, member: &User) {
    world.sim.pause(world.sim.between(0, 60_000)).await;
    let response = admin.insist(world, "PATCH", "/api/v1/config", Some(json!({"draining": true}))).await;
    if response.is_some_and(|response| response.status == 200) {
        let now = world.sim.now();
        lock(&world.checker).refused.insert("*".to_owned(), now);
        member.exec(world, &json!({"command": "work 1 exit 0 201"})).await;
    }
}

/// A log link's token opens its own log, and no other, and no other token does.
async fn bad_tokens(world: &Arc<World>, id: &str, started: &Value) {
    world.faults.note(Fault::BadCredentials);
    let token = started["log_url"].as_str().and_then(|url| url.split_once("token=")).map_or("", |(_, token)| token);
    let unsigned = token.rsplit_once('.').map_or("", |(signed, _)| signed);
    for (id, token) in [("exec_20200101000000_ffffff", token), (id, unsigned), (id, "e30.e30.")] {
        let request = Request::get(format!("/api/logs/{id}?token={token}"));
        let Ok(request) = request.body(Body::empty()) else { continue };
        if lambda::api(world, request).await.is_some_and(|response| response.status == 200) {
            let what = format!("the log of `{id}` opens to `{token}`");
            lock(&world.checker).violated(Invariant::RefusedStaysOut, what);
        }
    }
}
