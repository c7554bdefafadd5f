//! Several containers in one task.

use serde_json::{Value, json};

use super::{World, patient, plain, shell, states};

fn after(mut container: Value, name: &str, condition: &str) -> Value {
    container["dependsOn"] = json!([{ "containerName": name, "condition": condition }]);
    container
}

fn side(name: &str, script: &str) -> Value {
    let mut container = shell(name, script);
    container["essential"] = json!(false);
    container
}

#[tokio::test]
async fn complete_waits_for_the_end_whatever_it_was() {
    let world = World::new().await;
    let marker = world.dir.path().join("prepared");
    let prepare = side("prepare", &format!("sleep 0.2; echo prepared >{}; exit 9", marker.display()));
    let executor = after(shell("executor", &format!("cat {}; exit 4", marker.display())), "prepare", "COMPLETE");
    world.define("two", json!([executor, prepare]));
    let arn = world.launch(&plain("two")).await;
    let task = world.stopped(&arn).await;
    let codes: Vec<&Value> = task["containers"].as_array().unwrap().iter().map(|it| &it["exitCode"]).collect();
    assert_eq!(codes, [4, 9]);
    assert_eq!(world.log(&arn, "executor"), ["prepared"]);
    // It was PENDING until its last container ran.
    let mut seen: Vec<String> =
        states(&world.engine.record.borrow(), &arn).into_iter().map(|(_, last, _)| last).collect();
    seen.dedup();
    assert_eq!(seen, ["PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"]);
}

#[tokio::test]
async fn success_fails_the_dependent_with_143() {
    let world = World::new().await;
    let executor = after(shell("executor", "echo never"), "prepare", "SUCCESS");
    world.define("two", json!([side("prepare", "exit 1"), executor]));
    let arn = world.launch(&plain("two")).await;
    let task = world.stopped(&arn).await;
    assert_eq!((&task["containers"][0]["exitCode"], &task["containers"][1]["exitCode"]), (&json!(1), &json!(143)));
    assert_eq!(task["startedAt"], Value::Null);
    assert!(world.log(&arn, "executor").is_empty());

    world.define("two", json!([side("prepare", "exit 0"), after(shell("executor", "exit 5"), "prepare", "SUCCESS")]));
    let arn = world.launch(&plain("two")).await;
    assert_eq!(world.stopped(&arn).await["containers"][1]["exitCode"], 5);
}

#[tokio::test]
async fn an_essential_end_stops_the_others() {
    let world = World::new().await;
    let marker = world.dir.path().join("ready");
    let script = format!("trap 'exit 7' TERM; : >{}; while :; do sleep 0.01; done", marker.display());
    let sidecar = patient(side("sidecar", &script));
    let executor = shell("executor", &format!("until [ -e {} ]; do sleep 0.01; done; exit 2", marker.display()));
    world.define("two", json!([after(executor, "sidecar", "START"), sidecar]));
    let arn = world.launch(&plain("two")).await;
    let task = world.stopped(&arn).await;
    assert_eq!((&task["containers"][0]["exitCode"], &task["containers"][1]["exitCode"]), (&json!(2), &json!(7)));
    assert_eq!(task["stopCode"], "EssentialContainerExited");
}

#[tokio::test]
async fn they_share_volumes_and_each_has_its_own_secrets() {
    let world = World::new().await;
    let mount = json!([{ "sourceVolume": "code", "containerPath": "/code" }]);
    let of = |name: &str, script: &str, essential: bool| {
        let mut container = shell(name, "");
        container["entryPoint"] = json!(["/bin/sh", "-c", script, "x", "/code"]);
        container["command"] = json!(["/code"]);
        container["mountPoints"] = mount.clone();
        container["essential"] = json!(essential);
        container
    };
    let prepare = of("prepare", "echo brought >\"$1/file\"", false);
    let executor = after(of("executor", "cat \"$1/file\"; echo \"$2\"", true), "prepare", "COMPLETE");
    world.define("shared", json!([prepare, executor]));
    world.engine.set(|record| {
        for definition in record.definitions.values_mut().filter(|definition| definition["family"] == "shared") {
            definition["volumes"] = json!([{ "name": "code" }]);
        }
    });
    let arn = world.launch(&plain("shared")).await;
    assert_eq!(world.stopped(&arn).await["containers"][1]["exitCode"], 0);
    // A command's own arguments stay as they are.
    assert_eq!(world.log(&arn, "executor"), ["brought", "/code"]);
}
