//! Choices of a company's: tags and a bound for all roles. And templates for those who deploy with tools of their own.

use std::fs;

use serde_json::json;

use crate::{
    site::{Site, between},
    world::World,
};

const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/limit";

#[test]
fn tags_and_the_boundary_are_deployed_and_stay() {
    let site = Site::new(World::get().sandbox(), "by-company");
    site.init(&["--admin-email", "a@example.com", "--tag", "team=core", "--tag", "cost-center=4711"]).code(0);
    let tags = |stack: &str| site.cloudformation("DescribeStacks", &[("StackName", stack)]);
    for stack in ["by-company", "by-company-bucket"] {
        let described = tags(stack);
        for (key, value) in [("team", "core"), ("cost-center", "4711"), (runvoy_api::infra::TAG, "by-company")] {
            let tag = format!("<Key>{key}</Key><Value>{value}</Value>");
            assert!(described.contains(&tag), "no {tag} in {described}");
        }
    }
    // They are answers like all others: another machine knows them, and adds to them.
    let mark = site.mark();
    site.elsewhere().init(&["--update"]).code(0);
    assert_eq!(site.mutations(mark), [""; 0]);
    let more = ["--update", "--permissions-boundary", BOUNDARY, "--tag", "team=platform"];
    site.elsewhere().init(&more).code(0);
    let template = site.template();
    assert_eq!(template.matches(&format!("PermissionsBoundary: \"{BOUNDARY}\"")).count(), 4, "{template}");
    assert!(tags("by-company").contains("<Key>team</Key><Value>platform</Value>"));
    assert!(tags("by-company").contains("<Key>cost-center</Key><Value>4711</Value>"));
    site.init(&["--update", "--permissions-boundary", "none"]).code(0);
    assert!(!site.template().contains("PermissionsBoundary"));
    site.init(&["--tag", "runvoy:stack=x"]).code(2).says("are taken");
    site.init(&["--viewer-domain", "logs.example.com"]).code(2).says("--viewer cloudfront");
}

#[test]
fn templates_are_printed_without_aws_and_are_those_that_init_deploys() {
    let site = Site::new(World::get().sandbox(), "by-hand");
    let directory = World::get().file("printed");
    let place = directory.display().to_string();
    let answers = ["--admin-email", "admin@example.com", "--architecture", crate::site::ARCHITECTURE];
    let mut command =
        site.command(&[&["init", "--stack-name", "by-hand", "--print-template", &place][..], &answers].concat());
    for name in ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"] {
        command.env_remove(name);
    }
    let printed = crate::world::Ran::from(command.output().unwrap()).code(0);
    assert_eq!(printed.stdout.lines().count(), 3, "{}", printed.stdout);
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    assert!(read("README.md").contains("aws cloudformation deploy"));
    // No second time: nothing is overwritten.
    site.run(&[&["init", "--print-template", &place][..], &answers].concat()).code(2).says("is not empty");

    // Deployed by other hands; `init` takes it up: what it would have made is there.
    let create = |stack: &str, template: &str, more: &[(&str, &str)]| {
        let fixed = [
            ("StackName", stack),
            ("TemplateBody", template),
            ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
            ("Tags.member.1.Key", runvoy_api::infra::TAG),
            ("Tags.member.1.Value", "by-hand"),
        ];
        site.cloudformation("CreateStack", &[&fixed[..], more].concat());
        crate::world::until(stack, || {
            let reply = site.cloudformation("DescribeStacks", &[("StackName", stack)]);
            reply.contains("<StackStatus>CREATE_COMPLETE<").then_some(())
        });
    };
    create("by-hand-bucket", &read("bucket.yaml"), &[]);
    // Code that is in a bucket already: the first deployment's.
    let runvoy = Site::new(site.sandbox, "runvoy").cloudformation("DescribeStacks", &[("StackName", "runvoy")]);
    let of_runvoy = |name: &str| {
        let parameter = between(&runvoy, &format!("<ParameterKey>{name}</ParameterKey>"), "</member>");
        between(parameter, "<ParameterValue>", "</ParameterValue>").to_owned()
    };
    let (bucket, key) = (of_runvoy("ArtifactBucket"), of_runvoy("ArtifactKey"));
    let parameter = |number: usize, name: &str, value: &str| {
        let field = |what: &str| format!("Parameters.member.{number}.{what}");
        [(field("ParameterKey"), name.to_owned()), (field("ParameterValue"), value.to_owned())]
    };
    let parameters = [parameter(1, "ArtifactBucket", &bucket), parameter(2, "ArtifactKey", &key)].concat();
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    create("by-hand", &read("main.yaml"), &parameters);
    let deployed = site.template();
    site.init(&["--update"]).code(0);
    assert!(site.template() == deployed, "{}", site.template());
    assert_eq!(site.run(&["--profile", "by-hand", "exec", "echo by hand"]).code(0).stdout, "by hand\n");
    assert_eq!(site.rows("api-keys").iter().filter(|row| row["role"] == json!({"S": "admin"})).count(), 1);
}
