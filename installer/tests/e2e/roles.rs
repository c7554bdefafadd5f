//! What commands may do: under which of the deployment's roles they run.

use serde_json::{Value, json};

use crate::{
    site::Site,
    world::{Ran, World, until},
};

/// The role that the execution's task was given.
fn role_of(site: &Site<'_>, id: &str) -> String {
    let rows = || site.rows("executions").into_iter().find(|row| row["execution_id"]["S"] == id).unwrap();
    let family = rows()["family"]["S"].clone();
    let known = site.aws(
        "ecs",
        "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition",
        &json!({ "taskDefinition": family }),
    );
    until("it is over", || rows()["completed_at"].is_object().then_some(()));
    known["taskDefinition"]["taskRoleArn"].as_str().unwrap().to_owned()
}

#[test]
fn commands_run_under_the_role_that_was_chosen_for_them() {
    let world = World::get();
    let site = Site::new(world.sandbox(), "roles");
    let arn = "deploy=arn:aws:iam::aws:policy/PowerUserAccess";
    site.init(&["--admin-email", "admin@example.com", "--task-role", arn]).code(0).says("with `--task-role deploy`");
    let start = |args: &[&str]| -> String {
        site.run(&[&["exec", "--detach"], args, &["true"]].concat()).code(0).stdout.trim().to_owned()
    };
    let (usual, named, deploy) =
        (start(&[]), start(&["--task-role", "default"]), start(&["--task-role", "deploy", "--lock", "one"]));
    assert!(role_of(&site, &deploy).contains("TaskRoleDeploy"), "{}", role_of(&site, &deploy));
    assert_eq!(role_of(&site, &usual), role_of(&site, &named));
    assert!(!role_of(&site, &usual).contains("TaskRoleDeploy"));
    let record = |id: &str| site.run(&["status", id, "--json"]).code(0).json()["task_role"].clone();
    assert_eq!((record(&deploy), record(&named)), (json!("deploy"), Value::Null));
    let unknown = site.run(&["exec", "--task-role", "root", "true"]).code(125);
    unknown.says("`task_role` is none of this deployment's: `default`, `deploy`");

    let key = site.run(&["admin", "add-user", "one@example.com"]).code(0).stdout.trim().to_owned();
    let policy = world.file("roles-policy.json");
    std::fs::write(&policy, json!({ "task_roles": ["deploy"] }).to_string()).unwrap();
    site.run(&["admin", "set-policy", "one@example.com", policy.to_str().unwrap()]).code(0);
    let endpoint = site.endpoint();
    let as_user = |args: &[&str]| -> Ran {
        let mut command = site.command(args);
        command.env_remove("RUNVOY_CONFIG").env("HOME", world.root());
        command.env("RUNVOY_ENDPOINT", &endpoint).env("RUNVOY_API_KEY", &key).output().unwrap().into()
    };
    // Theirs without a word.
    let id = as_user(&["exec", "--detach", "true"]).code(0).stdout.trim().to_owned();
    assert!(role_of(&site, &id).contains("TaskRoleDeploy"));
    let refused = as_user(&["exec", "--task-role", "default", "true"]).code(125);
    refused.says("your policy's `task_roles` does not allow the task role `default`");

    // It stays through updates that don't speak of it.
    site.init(&["--update", "--log-retention-days", "14"]).code(0);
    assert_eq!(record(&start(&["--task-role", "deploy"])), "deploy");
    site.init(&["--update", "--task-role", "none"]).code(0);
    site.run(&["exec", "--task-role", "deploy", "true"]).code(125).says("none of this deployment's: `default`");
}
