use serde_json::{Value, json};

use super::{World, is_alive, plain, request, shell};

#[tokio::test]
async fn a_task_from_run_to_stopped() {
    let world = World::new().await;
    let mut call = request("exit 3");
    call["startedBy"] = json!("exec_1");
    call["group"] = json!("/runvoy/executions");
    call["tags"] = json!([{ "key": "a", "value": "b" }]);
    call["overrides"]["cpu"] = json!("1024");
    call["overrides"]["memory"] = json!("4096");
    let reply = world.call("RunTask", &call).await;
    let first = &reply.body["tasks"][0];
    assert_eq!((&first["lastStatus"], &first["version"]), (&json!("PROVISIONING"), &json!(1)));
    let arn = first["taskArn"].as_str().unwrap();
    let id = arn.strip_prefix("arn:aws:ecs:eu-west-1:123456789012:task/runvoy/").unwrap();
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");

    let task = world.stopped(arn).await;
    let expected = json!({
        "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited", "startedBy": "exec_1", "group": "/runvoy/executions",
        "cpu": "1024", "memory": "4096", "capacityProviderName": "FARGATE_SPOT", "launchType": "FARGATE",
        "overrides": call["overrides"], "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/runvoy",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&task[name], value, "{name}");
    }
    let times =
        ["createdAt", "pullStartedAt", "pullStoppedAt", "startedAt", "stoppingAt", "executionStoppedAt", "stoppedAt"];
    let times: Vec<f64> = times.iter().map(|name| task[name].as_f64().unwrap()).collect();
    assert!(times.is_sorted() && times[0] > 1.7e9, "{times:?}");
    let container = &task["containers"][0];
    assert_eq!((&container["name"], &container["exitCode"]), (&json!("executor"), &json!(3)));
    assert_eq!(container["lastStatus"], "STOPPED");
    assert_eq!(task["tags"], Value::Null, "only when asked for");
    let ask = json!({ "cluster": "runvoy", "tasks": [id], "include": ["TAGS"] });
    assert_eq!(world.call("DescribeTasks", &ask).await.body["tasks"][0]["tags"], call["tags"]);
    assert!(!world.dir.path().join("containers").join(id).exists(), "a task's disk goes with it");
}

#[tokio::test]
async fn a_signal_makes_the_exit_code_128_and_more() {
    let world = World::new().await;
    for (script, code) in [("kill -KILL $$", 137), ("kill -TERM $$", 143), ("exit 0", 0), ("exit 255", 255)] {
        let arn = world.run(script).await;
        assert_eq!(world.stopped(&arn).await["containers"][0]["exitCode"], code, "{script}");
    }
}

#[tokio::test]
async fn a_container_has_ecs_environment_and_no_other() {
    let world = World::new().await;
    let mut container = shell("executor", "pwd; env | sort");
    container["environment"] = json!([{ "name": "A", "value": "definition" }, { "name": "B", "value": "kept" }]);
    world.define("env", json!([container]));
    let mut call = plain("env");
    let environment = json!([{ "name": "A", "value": "override" }]);
    call["overrides"] = json!({ "containerOverrides": [{ "name": "executor", "environment": environment }] });
    let arn = world.launch(&call).await;
    world.stopped(&arn).await;
    let lines = world.log(&arn, "executor");
    let names: Vec<&str> = lines[1..].iter().filter_map(|line| line.split('=').next()).collect();
    // The shell itself adds PWD.
    let expected = [
        "A",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_REGION",
        "B",
        "ECS_CONTAINER_METADATA_URI_V4",
        "HOME",
        "HOSTNAME",
        "PATH",
        "PWD",
    ];
    assert_eq!(names, expected);
    assert!(lines.contains(&"A=override".to_owned()) && lines.contains(&"B=kept".to_owned()));
    assert!(lines.contains(&format!("HOME={}", lines[0])) && lines[0].ends_with("/executor"), "{lines:?}");
}

#[tokio::test]
async fn what_can_not_be_started_has_no_exit_code() {
    let world = World::new().await;
    for argv in [json!(["no-such-program"]), json!(["/no/such/program"]), json!(["/etc/passwd"]), json!([])] {
        let mut container = shell("executor", "");
        container["entryPoint"] = json!([]);
        container["command"] = argv;
        world.define("broken", json!([container]));
        let arn = world.launch(&plain("broken")).await;
        let task = world.stopped(&arn).await;
        assert_eq!(task["stopCode"], "TaskFailedToStart");
        let container = &task["containers"][0];
        assert_eq!(container["exitCode"], Value::Null);
        assert!(container["reason"].as_str().unwrap().starts_with("CannotStartContainerError: "), "{container}");
        assert_eq!(task["startedAt"], Value::Null);
    }
}

#[tokio::test]
async fn no_log_group_no_start() {
    let world = World::new().await;
    let mut container = shell("executor", "true");
    container["logConfiguration"]["options"]["awslogs-group"] = json!("/nowhere");
    world.define("unlogged", json!([container]));
    let arn = world.launch(&plain("unlogged")).await;
    let task = world.stopped(&arn).await;
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    let reason = task["stoppedReason"].as_str().unwrap();
    assert!(
        reason.starts_with("ResourceInitializationError") && reason.contains("log group does not exist"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_container_dies_with_its_main_process() {
    let world = World::new().await;
    let (group, session) = (world.dir.path().join("group"), world.dir.path().join("session"));
    let script = format!(
        "sleep 1000 & echo $! >{}; setsid -f sh -c 'echo $$ >{}; exec sleep 1000' >/dev/null; \
         timeout 1000 sleep 1000 & until [ -s {} ]; do :; done; exit 0",
        group.display(),
        session.display(),
        session.display()
    );
    let arn = world.run(&script).await;
    assert_eq!(world.stopped(&arn).await["containers"][0]["exitCode"], 0);
    assert!(!is_alive(&group) && !is_alive(&session));
}
