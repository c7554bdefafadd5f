use serde_json::{Value, json};

use super::{World, plain, shell};
use crate::fargate::Flaw;

/// Runs a container of this image to its end: `stoppedReason`, and the container's exit code and reason.
async fn end(world: &World, image: &str, change: impl FnOnce(&mut Value)) -> (String, Value, String) {
    let mut container = shell("executor", "true");
    container["image"] = json!(image);
    change(&mut container);
    world.define("own", json!([container]));
    let task = world.stopped(&world.launch(&plain("own")).await).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let container = &task["containers"][0];
    (text(&task["stoppedReason"]), container["exitCode"].clone(), text(&container["reason"]))
}

#[tokio::test]
async fn a_private_registry_wants_its_user() {
    let world = World::new().await;
    world.fargate.set_registry_login("ghcr.io", ["bot", "t0ken"]);
    let image = "ghcr.io/acme/tool:1";
    let (reason, code, _) = end(&world, image, |_| {}).await;
    assert!(reason.starts_with("CannotPullContainerError: ") && reason.ends_with("401 Unauthorized"), "{reason}");
    assert_eq!(code, Value::Null);
    assert_eq!(end(&world, "alpine", |_| {}).await.1, 0);
    for (secret, expected) in [(r#"{"username":"bot","password":"t0ken"}"#, json!(0)), ("t0ken", Value::Null)] {
        world.engine.set(|record| record.secret = secret.to_owned());
        let given = json!({ "credentialsParameter": "arn:aws:secretsmanager:eu-west-1:1:secret:x" });
        let (reason, code, _) = end(&world, image, |container| container["repositoryCredentials"] = given).await;
        assert_eq!(code, expected, "{reason}");
        assert!(!reason.contains("t0ken"), "{reason}");
    }
}

#[tokio::test]
async fn an_image_for_other_cpus_is_not_pulled() {
    let world = World::new().await;
    world.fargate.set_image_flaw("other", Flaw::OtherPlatform);
    let (reason, ..) = end(&world, "other", |_| {}).await;
    assert!(reason.ends_with("does not contain descriptor matching platform 'linux/amd64'"), "{reason}");
}

#[tokio::test]
async fn an_image_without_a_shell_is_not_started_or_ended_by_its_init() {
    let world = World::new().await;
    world.fargate.set_image_flaw("bare", Flaw::NoShell);
    let (_, code, reason) = end(&world, "bare", |_| {}).await;
    assert_eq!(code, Value::Null);
    assert!(reason.starts_with("CannotStartContainerError: exec: \"/bin/sh\": stat /bin/sh: no such file"), "{reason}");
    let init = |container: &mut Value| container["linuxParameters"] = json!({ "initProcessEnabled": true });
    let (_, code, reason) = end(&world, "bare", init).await;
    assert_eq!((code, reason.as_str()), (json!(127), ""));
}
