//! Fault 35, and what any request can meet.

use runvoy_simulate::faults::Fault;
use serde_json::json;

use crate::stage::Stage;

#[test]
fn fault_35_a_revoked_key_starts_nothing_from_the_next_request_on() {
    let stage = Stage::new();
    let status = stage.play(|stage| async move {
        stage.exec("work 5 exit 0", json!({})).await;
        stage.admin.insist(&stage.world, "DELETE", "/api/v1/users/ann@example.com", None).await.unwrap();
        stage.ann.exec(&stage.world, &json!({"command": "work 1"})).await.unwrap().status
    });
    assert_eq!((status, stage.tasks()), (401, 1));
}

#[test]
fn fault_35_a_log_link_opens_its_own_log_and_no_other_token_does() {
    let stage = Stage::new();
    let (good, bad) = stage.play(|stage| async move {
        let request = json!({"command": "work 5 exit 0"});
        let started = stage.ann.exec(&stage.world, &request).await.unwrap().body;
        let id = started["execution_id"].as_str().unwrap();
        let token = started["log_url"].as_str().unwrap().split_once("token=").unwrap().1;
        let (signed, _) = token.rsplit_once('.').unwrap();
        let other = stage.exec("work 6 exit 0", json!({})).await;
        let get = |id: &str, token: &str| {
            let path = format!("/api/logs/{id}?token={token}");
            let stage = stage.clone();
            async move { stage.ann.send(&stage.world, "GET", &path, None, None).await.unwrap().status }
        };
        let none = format!("eyJhbGciOiJub25lIn0.{}.", signed.split_once('.').unwrap().1);
        let mut bad = vec![get(&other, token).await, get(id, &none).await, get(id, &format!("{signed}.")).await];
        let good = get(id, token).await;
        // Nothing is left for it to find.
        *runvoy_simulate::sim::lock(&stage.world.sweeper_down) = std::time::Duration::MAX;
        stage.seconds(49 * 3600).await;
        bad.push(get(id, token).await);
        (good, bad)
    });
    assert_eq!((good, bad), (200, vec![401; 4]));
}

#[test]
fn a_client_that_never_hears_of_its_success_does_not_run_twice() {
    let stage = Stage::new().fault(Fault::ClientReplyLost, 3);
    let id = stage.play(|stage| async move { stage.exec("work 5 exit 0", json!({"lock": "prod"})).await });
    assert_eq!((stage.status(&id).as_str(), stage.tasks()), ("completed", 1));
}

#[test]
fn a_crash_at_any_call_of_a_launch_leaves_nothing_behind() {
    for call in 0..12 {
        let stage = Stage::new();
        stage.play(move |stage| async move {
            // The crash comes at this call or right after it, whoever makes it.
            let world = stage.world.clone();
            world.sim.spawn("crash", 0, {
                let world = world.clone();
                async move {
                    world.sim.pause(std::time::Duration::from_millis(15 * call)).await;
                    world.faults.script(Fault::CrashAtCall, 1);
                }
            });
            let request = json!({"command": "work 5 exit 0", "lock": "prod", "image": "new"});
            stage.ann.exec(&stage.world, &request).await;
        });
        stage.assert_fired(Fault::CrashAtCall);
    }
}
