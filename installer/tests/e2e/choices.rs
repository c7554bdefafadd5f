//! What an admin may choose at `init`, deployed.

use runvoy_sandbox::proxy::script::{Effect, Match};
use serde_json::json;

use crate::{
    http,
    world::{Ran, World, element},
};

const STACK: &str = "choices";

fn init(world: &World, stack: &str, more: &[&str]) -> Ran {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let args = ["init", "--yes", "--stack-name", stack, "--architecture", architecture];
    world.command(&[&args, more].concat()).current_dir(world.root()).output().unwrap().into()
}

#[test]
fn a_private_network_with_alarms_and_a_viewer_of_its_own() {
    let world = World::get();
    let _turn = world.turn();
    let email = ["--admin-email", "choices@example.com", "--alarm-email", "ops@example.com"];
    // Of this account: ECS may pull no other one's.
    let image = format!("{}.dkr.ecr.us-east-1.amazonaws.com/terraform:1", world.sandbox().engine().account());
    let first = ["--network", "private", "--image", &image, "--viewer", "cloudfront"];
    let foreign = image.replace(world.sandbox().engine().account(), "210987654321");
    let refused = init(world, STACK, &[&email[..], &["--network", "private", "--image", &foreign]].concat());
    refused.code(3).says("is account 210987654321's").says("copy it into a repository of this account");
    let made = init(world, STACK, &[&email[..], &first].concat()).code(0);
    made.says("? images").says("uploads and commands over 4 KB take `public.ecr.aws/");
    let environment = || world.function_environment("choices-api");
    let deployed = environment();
    let viewer = deployed["WEB_UI_URL"].clone();
    assert!(viewer.starts_with("https://") && viewer.ends_with(".cloudfront.net"), "{viewer}");
    assert_eq!(
        (deployed["ASSIGN_PUBLIC_IP"].as_str(), deployed["DEFAULT_IMAGE"].as_str()),
        ("DISABLED", image.as_str())
    );
    assert_eq!(deployed["SUBNET_IDS"].split(',').count(), 2);
    world.run(&["--profile", STACK, "exec", "echo there"]).code(0).says(&format!("{viewer}/logs/exec_"));
    // Again: the same address, and what was chosen stays.
    init(world, STACK, &[]).code(0);
    assert_eq!(environment(), deployed);
    init(world, STACK, &["--network", "public"]).code(5).says("can't move to another network");
    // To the API's address and back: nothing of the first viewer is in the way of the second.
    init(world, STACK, &["--viewer", "function-url"]).code(0);
    assert_eq!(environment()["WEB_UI_URL"], "");
    init(world, STACK, &["--viewer", "cloudfront"]).code(0);
    assert!(environment()["WEB_UI_URL"].starts_with("https://"));
    // A domain of the admin's own, which the distribution answers to.
    let certificate = "arn:aws:acm:us-east-1:123456789012:certificate/1a2b3c4d";
    init(world, STACK, &["--viewer-domain", "logs.example.com", "--viewer-certificate", certificate]).code(0);
    assert_eq!(environment()["WEB_UI_URL"], "https://logs.example.com");
    init(world, STACK, &["--viewer-domain", "none"]).code(0);
    assert!(environment()["WEB_UI_URL"].ends_with(".cloudfront.net"));
    world.run(&["destroy", "--stack-name", STACK, "--yes", "--delete-data"]).code(0);
}

#[test]
fn a_network_that_is_there_already_is_used_and_stays() {
    let world = World::get();
    let _turn = world.turn();
    let vpc = || {
        let form = "Action=DescribeStackResource&StackName=runvoy&LogicalResourceId=Vpc";
        element(&world.aws_query("cloudformation", form), "PhysicalResourceId").to_owned()
    };
    let (id, subnets) = (vpc(), world.function_environment("runvoy-api")["SUBNET_IDS"].clone());
    let network = ["--network", "existing", "--vpc-id", &id, "--subnet-id", &subnets, "--public-ip"];
    let tokens = world.file("guest-token");
    std::fs::write(&tokens, "t0ken-of-the-guest\n").unwrap();
    let token = format!("github.com={}", tokens.display());
    let guest = ["--admin-email", "guest@example.com", "--git-token", &token];
    // All stands but the token: the key, which is shown once, is shown, and the run says what is missing.
    let first = Match::function("secretsmanager", "*").about("guest/git/");
    world.sandbox().script().on(first, Effect::error(400, "AccessDeniedException", "not now"));
    let made = init(world, "guest", &[&network[..], &guest].concat()).code(4);
    let made = made.says("the token for `github.com` is not set").says("git-credentials set --host github.com");
    assert!(made.stdout.contains("sk_live_"), "{made:?}");
    init(world, "guest", &guest).code(0).says("keep the tokens for git");
    assert!(!made.stdout.contains("t0ken") && !made.stderr.contains("t0ken"), "{made:?}");
    let stored = || {
        let id = json!({ "SecretId": "guest/git/github.com" });
        world.aws("secretsmanager", "secretsmanager.GetSecretValue", &id)["SecretString"].to_string()
    };
    assert!(stored().contains("t0ken-of-the-guest"), "{}", stored());
    // Again: what the file says now.
    std::fs::write(&tokens, "t0ken-of-today").unwrap();
    init(world, "guest", &guest).code(0).says("keep the tokens for git");
    assert!(stored().contains("t0ken-of-today"), "{}", stored());
    init(world, "guest", &["--git-token", "github.com=nowhere"]).code(1).says("can't read `nowhere`");
    let environment = world.function_environment("guest-api");
    assert_eq!((&environment["SUBNET_IDS"], environment["ASSIGN_PUBLIC_IP"].as_str()), (&subnets, "ENABLED"));
    assert_eq!(world.run(&["--profile", "guest", "exec", "echo guest"]).code(0).stdout, "guest\n");
    world.run(&["destroy", "--stack-name", "guest", "--yes", "--delete-data"]).code(0);
    let vpcs = world.aws_query("ec2", &format!("Action=DescribeVpcs&Version=2016-11-15&VpcId.1={id}"));
    assert!(vpcs.contains(&id), "{vpcs}");
}

/// CloudFront sends with the page what the API would.
#[test]
fn the_viewers_policy_is_the_same_everywhere() {
    let world = World::get();
    let _turn = world.turn();
    let page = http::send(&world.endpoint, "GET", "/logs/exec_20200101000000_000000", &[], "");
    let template = init(world, "unused", &["--dry-run", "--admin-email", "a@example.com", "--viewer", "cloudfront"]);
    let policy = format!("ContentSecurityPolicy: {:?} }}", page.header("content-security-policy"));
    let path = template.stdout.lines().find(|line| line.ends_with("/main.yaml")).unwrap();
    let template = std::fs::read_to_string(path).unwrap();
    assert!(template.contains(&policy), "no `{policy}` in {template}");
}

#[test]
fn contradictions_change_nothing() {
    let world = World::get();
    let _turn = world.turn();
    let mark = world.mark();
    for (flags, says) in [
        (["--vpc-id", "vpc-0a1b2c3d"], "add `--network existing`"),
        (["--network", "private"], "reaches ECR only"),
        (["--task-permissions", "policies"], "--task-policy-arn"),
        (["--task-policy-arn", "AdministratorAccess"], "must look like `arn:"),
        (["--company", "acme"], "--environment"),
    ] {
        let name = if flags[0] == "--company" { vec![] } else { vec!["--stack-name", "unused"] };
        let args = [&["init", "--yes", "--admin-email", "a@example.com"][..], &name, &flags].concat();
        let ran: Ran = world.command(&args).current_dir(world.root()).output().unwrap().into();
        ran.code(2).says(says);
    }
    let reads = ["GetCallerIdentity", "DescribeStacks"];
    let others =
        world.calls_since(mark).into_iter().filter(|call| call.caller == runvoy_sandbox::proxy::Caller::Client);
    // Other tests' calls are about other deployments.
    let others = others.filter(|call| ["unused", "acme"].iter().any(|name| call.detail.contains(name)));
    let others: Vec<_> = others.map(|call| call.action).filter(|action| !reads.contains(&action.as_str())).collect();
    assert_eq!(others, [""; 0]);
}
