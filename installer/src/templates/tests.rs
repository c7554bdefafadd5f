use std::{collections::BTreeSet, env, fs, path::PathBuf, process::Command};

use runvoy_api::infra::{self, TABLES, env as variable, output};

use super::{
    context::without_waiting,
    samples::{answers, variants},
    *,
};
use crate::deploy::answers::{Architecture, Network, TaskPermissions};

fn rendered() -> Yaml {
    serde_yaml::from_str(&main("acme", &answers()).unwrap()).unwrap()
}

fn at<'a>(value: &'a Yaml, path: &str) -> &'a Yaml {
    path.split('/').fold(value, |value, step| {
        let value = untagged(value);
        let index = step.parse::<usize>().ok().filter(|_| value.is_sequence());
        let found = index.map_or_else(|| value.get(step), |index| value.get(index));
        found.unwrap_or_else(|| panic!("no `{step}` of `{path}` in {value:?}"))
    })
}

fn untagged(value: &Yaml) -> &Yaml {
    if let Yaml::Tagged(tagged) = value { &tagged.value } else { value }
}

fn text(value: &Yaml) -> &str {
    untagged(value).as_str().unwrap_or_else(|| panic!("no text: {value:?}"))
}

fn texts(value: &Yaml) -> Vec<&str> {
    value.as_sequence().unwrap().iter().map(text).collect()
}

#[test]
fn each_table_has_its_keys_and_indexes() {
    let template = rendered();
    for table in TABLES {
        let resource = at(&template, &format!("Resources/{}Table", table.logical));
        assert_eq!(text(at(resource, "Properties/TableName")), table.name("acme"));
        assert_eq!(text(at(resource, "DeletionPolicy")), "RetainExceptOnCreate");
        // Rows go by time only where their table says so: it would delete a live lock, a good key, or the trail.
        let ttl = at(resource, "Properties").get("TimeToLiveSpecification").map(|ttl| text(at(ttl, "AttributeName")));
        assert_eq!(ttl, table.ttl);
        assert_eq!(ttl.is_some(), table.logical == "Executions");
        let key = |key: &Yaml| -> Vec<String> {
            key.as_sequence()
                .unwrap()
                .iter()
                .map(|key| format!("{} {}", text(at(key, "AttributeName")), text(at(key, "KeyType"))))
                .collect()
        };
        let expected = |partition: &str, sort: Option<&str>| -> Vec<String> {
            [format!("{partition} HASH")].into_iter().chain(sort.map(|sort| format!("{sort} RANGE"))).collect()
        };
        assert_eq!(key(at(resource, "Properties/KeySchema")), expected(table.partition, table.sort));
        for (i, index) in table.indexes.iter().enumerate() {
            let rendered = at(resource, &format!("Properties/GlobalSecondaryIndexes/{i}"));
            assert_eq!(text(at(rendered, "IndexName")), index.name);
            assert_eq!(key(at(rendered, "KeySchema")), expected(index.partition, index.sort));
            let projected: Vec<_> = index.projected().collect();
            let kind = text(at(rendered, "Projection/ProjectionType"));
            if projected.is_empty() {
                assert_eq!(kind, "KEYS_ONLY");
            } else {
                assert_eq!((kind, texts(at(rendered, "Projection/NonKeyAttributes"))), ("INCLUDE", projected));
            }
        }
    }
}

#[test]
fn each_role_has_its_grants_and_its_own_logs_only() {
    let template = rendered();
    let functions = [(infra::API_FUNCTION, infra::API_GRANTS, 1), (infra::EVENTS_FUNCTION, infra::EVENTS_GRANTS, 2)];
    for (function, grants, more) in functions {
        let path = format!("Resources/{}Role/Properties/Policies/0/PolicyDocument/Statement", function.logical);
        let statements = at(&template, &path).as_sequence().unwrap();
        assert_eq!(statements.len(), grants.len() + more);
        for (statement, grant) in statements.iter().zip(grants) {
            assert_eq!(text(at(statement, "Sid")), grant.sid);
            assert_eq!(texts(at(statement, "Action")), grant.actions);
            let resources: Vec<_> = grant.resources.iter().map(|text| without_waiting("acme", text)).collect();
            assert_eq!(texts(at(statement, "Resource")), resources);
            match grant.condition {
                Some(condition) => {
                    let path = format!("Condition/{}", condition.operator);
                    assert_eq!(
                        text(at(statement, &path).get(condition.key).unwrap()),
                        without_waiting("acme", condition.value)
                    );
                }
                None => assert!(statement.get("Condition").is_none()),
            }
        }
        let logs = format!("${{{}LogGroup.Arn}}", function.logical);
        assert_eq!(texts(at(&statements[grants.len()], "Resource")), [logs]);
    }
}

#[test]
fn grants_name_only_what_the_template_has() {
    let template = rendered();
    let (resources, parameters) = (at(&template, "Resources"), at(&template, "Parameters"));
    let tags: Vec<_> =
        infra::API_GRANTS.iter().filter_map(|grant| grant.condition?.key.strip_prefix("aws:RequestTag/")).collect();
    assert_eq!(tags, [infra::TAG]);
    for grant in infra::API_GRANTS.iter().chain(infra::EVENTS_GRANTS) {
        for part in grant.resources.iter().flat_map(|resource| resource.split("${").skip(1)) {
            let logical = part.split(['}', '.']).next().unwrap();
            let known = resources.get(logical).or_else(|| parameters.get(logical)).is_some();
            assert!(logical.starts_with("AWS::") || known, "{logical} in {}", grant.sid);
        }
    }
}

#[test]
fn both_functions_get_every_variable() {
    let template = rendered();
    let expected = [
        variable::STACK_NAME,
        variable::ECS_CLUSTER,
        variable::SUBNET_IDS,
        variable::SECURITY_GROUP_ID,
        variable::ASSIGN_PUBLIC_IP,
        variable::TASK_ROLE_ARN,
        variable::TASK_EXECUTION_ROLE_ARN,
        variable::TASK_ARCHITECTURE,
        variable::DEFAULT_IMAGE,
        variable::PREPARE_IMAGE,
        variable::DEFAULT_SPOT,
        variable::EXECUTION_LOG_GROUP,
        variable::BUCKET,
        variable::JWT_SECRET_ID,
        variable::WEB_UI_URL,
    ];
    for function in [infra::API_FUNCTION, infra::EVENTS_FUNCTION] {
        let properties = at(&template, &format!("Resources/{}/Properties", function.logical));
        let variables = at(properties, "Environment/Variables");
        for name in expected.into_iter().chain(TABLES.map(|table| table.env)) {
            assert!(variables.get(name).is_some(), "{name} of {}", function.logical);
        }
        assert_eq!(variables.as_mapping().unwrap().len(), expected.len() + TABLES.len());
        assert_eq!(text(at(properties, "Handler")), function.handler);
        assert_eq!(at(properties, "Timeout").as_u64(), Some(function.timeout.into()));
        assert_eq!(text(at(properties, "LoggingConfig/LogGroup")), format!("{}LogGroup", function.logical));
    }
}

#[test]
fn the_sweep_says_what_it_is_and_dead_letters_have_a_place() {
    let template = rendered();
    let input = text(at(&template, "Resources/SweepRule/Properties/Targets/0/Input"));
    let input: Json = serde_json::from_str(input).unwrap();
    assert_eq!(input, serde_json::json!({ "detail-type": infra::SWEEP_DETAIL_TYPE }));
    let queue = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:acme-dead-letters";
    for rule in ["SweepRule", "TaskStateRule"] {
        let target = at(&template, &format!("Resources/{rule}/Properties/Targets/0"));
        assert_eq!(text(at(target, "DeadLetterConfig/Arn")), queue);
    }
    let retries = at(&template, "Resources/EventsFunctionRetries/Properties/DestinationConfig");
    assert_eq!(text(at(retries, "OnFailure/Destination")), queue);
}

#[test]
fn the_functions_url_has_both_permissions() {
    let template = rendered();
    let url = at(&template, "Resources/ApiUrlPermission/Properties");
    assert_eq!((text(at(url, "Action")), text(at(url, "FunctionUrlAuthType"))), ("lambda:InvokeFunctionUrl", "NONE"));
    let invoke = at(&template, "Resources/ApiInvokePermission/Properties");
    assert_eq!(text(at(invoke, "Action")), "lambda:InvokeFunction");
    assert_eq!(at(invoke, "InvokedViaFunctionUrl").as_bool(), Some(true));
}

#[test]
fn commands_may_do_what_was_chosen_and_never_touch_the_deployment() {
    for choice in TaskPermissions::ALL {
        let task_policy_arns = vec!["arn:aws:iam::123456789012:policy/deploy".to_owned()];
        let answers = Answers { task_permissions: choice, task_policy_arns, ..answers() };
        let template: Yaml = serde_yaml::from_str(&main("acme", &answers).unwrap()).unwrap();
        let role = at(&template, "Resources/TaskRole/Properties");
        let policies = role.get("ManagedPolicyArns").map(texts).unwrap_or_default();
        assert_eq!(policies, answers.task_policies());
        assert_eq!(policies.is_empty(), choice == TaskPermissions::None);
        let deny = at(role, "Policies/0/PolicyDocument/Statement/0");
        assert_eq!((text(at(deny, "Effect")), text(at(deny, "Action"))), ("Deny", "*"));
        let guarded = texts(at(deny, "Resource"));
        for table in TABLES {
            assert!(guarded.iter().any(|arn| arn.ends_with(&format!(":table/{}", table.name("acme")))));
        }
    }
}

#[test]
fn other_task_roles_are_fenced_off_alike_and_can_be_passed() {
    let policies = vec!["arn:aws:iam::aws:policy/PowerUserAccess".to_owned()];
    let answers = Answers { task_roles: [("deploy-net".to_owned(), policies.clone())].into(), ..answers() };
    let template: Yaml = serde_yaml::from_str(&main("acme", &answers).unwrap()).unwrap();
    let role = |name: &str| at(&template, &format!("Resources/{name}/Properties")).clone();
    let (usual, other) = (role("TaskRole"), role("TaskRoleDeployNet"));
    assert_eq!(texts(at(&other, "ManagedPolicyArns")), policies);
    assert_eq!(at(&other, "Policies"), at(&usual, "Policies"), "what keeps commands off the deployment");
    for function in ["ApiFunction", "EventsFunction"] {
        let function_role = role(&format!("{function}Role"));
        let statements = at(&function_role, "Policies/0/PolicyDocument/Statement").as_sequence().unwrap().iter();
        let passed: Vec<_> = statements
            .filter(|statement| texts(at(statement, "Action")) == ["iam:PassRole"])
            .inspect(|statement| assert!(at(statement, "Condition/StringEquals").as_mapping().is_some()))
            .flat_map(|statement| texts(at(statement, "Resource")))
            .collect();
        assert_eq!(passed, ["${TaskRole.Arn}", "${TaskExecutionRole.Arn}", "${TaskRoleDeployNet.Arn}"]);
        let variables = role(function);
        assert_eq!(text(at(&variables, "Environment/Variables/TASK_ROLES")), "deploy-net=${TaskRoleDeployNet.Arn}");
    }
}

#[test]
fn every_resource_is_described_and_answers_read_back() {
    let mut templates = variants().map(|(_, answers)| main("acme", &answers).unwrap()).to_vec();
    templates.push(bucket("acme", &answers()).unwrap());
    for template in templates {
        let parsed = serde_yaml::from_str::<Yaml>(&template).unwrap();
        let all = at(&parsed, "Resources").as_mapping().unwrap();
        assert_eq!(descriptions(&template).unwrap().len(), all.len());
        let known = resources(&template).unwrap();
        for (logical, resource) in all {
            let info = &known[logical.as_str().unwrap()];
            assert_eq!(text(at(resource, "Type")), info.kind);
            assert!(at(resource, "Metadata/runvoy").get("group").is_some(), "{logical:?}");
            // What holds data is what is not to go with a replacement.
            let kept = resource.get("UpdateReplacePolicy").and_then(Yaml::as_str) == Some("Retain");
            assert_eq!(info.holds_data, kept, "{logical:?}");
        }
    }
    for (_, answers) in variants() {
        assert_eq!(super::answers(&main("acme", &answers).unwrap()), Some(answers));
    }
    assert_eq!(super::answers("Resources: {}"), None);
}

#[test]
fn an_older_template_tells_enough() {
    let old = "Resources:
  LocksTable: { Type: AWS::DynamoDB::Table, UpdateReplacePolicy: Retain, Metadata: { runvoy: { description: locks } } }
  Vpc: { Type: AWS::EC2::VPC }";
    let known = resources(old).unwrap();
    let info = |kind: &str, description: &str, group, holds_data| ResourceInfo {
        kind: kind.into(),
        description: description.into(),
        group,
        holds_data,
    };
    assert_eq!(known["LocksTable"], info("AWS::DynamoDB::Table", "locks", Group::History, true));
    assert_eq!(known["Vpc"], info("AWS::EC2::VPC", "Vpc", Group::Network, false));
}

/// What each resource names, through every one that those name, without `logical` itself.
fn waits_for(template: &Yaml, logical: &str) -> BTreeSet<String> {
    fn texts_of(value: &Yaml, into: &mut Vec<String>) {
        match value {
            Yaml::String(text) => into.push(text.clone()),
            Yaml::Sequence(values) => values.iter().for_each(|value| texts_of(value, into)),
            Yaml::Mapping(map) => map.iter().for_each(|(_, value)| texts_of(value, into)),
            Yaml::Tagged(tagged) => texts_of(&tagged.value, into),
            _ => {}
        }
    }
    let resources = at(template, "Resources");
    let (mut found, mut open) = (BTreeSet::new(), vec![logical.to_owned()]);
    while let Some(next) = open.pop() {
        let resource = &resources[next.as_str()];
        let mut texts = Vec::new();
        texts_of(resource.get("Properties").unwrap_or(&Yaml::Null), &mut texts);
        texts_of(resource.get("DependsOn").unwrap_or(&Yaml::Null), &mut texts);
        let words = texts.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()));
        for word in words.filter(|word| resources.get(*word).is_some()) {
            if found.insert(word.to_owned()) {
                open.push(word.to_owned());
            }
        }
    }
    found
}

#[test]
fn functions_wait_for_nothing_slow() {
    for (variant, answers) in variants() {
        let template: Yaml = serde_yaml::from_str(&main("acme", &answers).unwrap()).unwrap();
        for function in ["ApiFunction", "EventsFunction"] {
            let waits = waits_for(&template, function);
            assert!(waits.contains("TaskRole"), "{waits:?}");
            let slow = |name: &&String| {
                ["Table", "Nat", "Endpoint", "Distribution", "Viewer", "Cluster", "Alarm"]
                    .iter()
                    .any(|part| name.contains(part))
            };
            assert_eq!(waits.iter().find(slow), None, "{function} of {variant}");
        }
    }
}

#[test]
fn a_public_network_becomes_one_with_nat_by_additions_alone() {
    let resources = |network| {
        let template = main("acme", &Answers { network, ..answers() }).unwrap();
        serde_yaml::from_str::<Yaml>(&template).unwrap()["Resources"].as_mapping().unwrap().clone()
    };
    let (public, nat) = (resources(Network::Public), resources(Network::Nat));
    let changed = public.iter().filter(|(logical, resource)| nat.get(logical) != Some(*resource));
    let changed: Vec<_> = changed.map(|(logical, _)| logical.as_str().unwrap()).collect();
    // The functions only learn of the other subnets, and the cluster has a note of the answers.
    assert_eq!(changed, ["Cluster", "ApiFunction", "EventsFunction"]);
}

#[test]
fn zones_are_rendered_as_they_were_chosen() {
    let zones = vec!["eu-west-1a".to_owned(), "eu-west-1c".to_owned()];
    let template = main("acme", &Answers { zones, network: Network::Nat, ..answers() }).unwrap();
    let template: Yaml = serde_yaml::from_str(&template).unwrap();
    for (subnet, zone) in [("SubnetA", "a"), ("SubnetB", "c"), ("PrivateSubnetA", "a"), ("PrivateSubnetB", "c")] {
        let path = format!("Resources/{subnet}/Properties/AvailabilityZone");
        assert_eq!(text(at(&template, &path)), format!("eu-west-1{zone}"));
    }
}

#[test]
fn templates_look_like_this() {
    samples::check("bucket.yaml", &bucket("acme", &answers()).unwrap());
    for (name, answers) in variants() {
        samples::check(&format!("{name}.yaml"), &main("acme", &answers).unwrap());
    }
}

/// Whatever the sandbox can't deploy is known and listed, and nothing is listed without need.
#[test]
fn the_sandbox_deploys_all_but_what_is_listed() {
    const LISTED: &str = include_str!("not-in-sandbox.txt");
    let engine = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/sandbox/engine/lib");
    let python = fs::read_dir(engine).expect("`cargo xtask test` sets the sandbox up").next().unwrap().unwrap();
    let source = "site-packages/ministack/services/cloudformation/provisioners.py";
    let source = fs::read_to_string(python.path().join(source)).unwrap();
    let deployable = |kind: &str| {
        source.contains(&format!("    \"{kind}\": {{\"create\""))
            || source.contains(&format!("    \"{kind}\": {{\n        \"create\""))
    };
    let mut missing = BTreeSet::new();
    for (_, answers) in variants() {
        let known = resources(&main("acme", &answers).unwrap()).unwrap();
        missing.extend(known.into_values().map(|info| info.kind).filter(|kind| !deployable(kind)));
    }
    let listed: BTreeSet<_> = LISTED.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    assert_eq!(missing, listed);
}

#[test]
fn outputs_are_the_contracts() {
    let outputs = |template: &str| serde_yaml::from_str::<Yaml>(template).unwrap()["Outputs"].clone();
    let names = outputs(&main("acme", &answers()).unwrap());
    assert!(names.get(output::API_ENDPOINT).is_some() && names.get(output::ARTIFACT_KEY).is_some());
    assert!(outputs(&bucket("acme", &answers()).unwrap()).get(output::BUCKET_NAME).is_some());
}

/// The templates, for every choice that changes their shape.
#[test]
fn cfn_lint_finds_nothing() {
    let lint = env::var_os("RUNVOY_LINT").map(PathBuf::from);
    let lint =
        lint.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../target/sandbox/lint/bin/cfn-lint").into());
    assert!(
        lint.exists(),
        "no cfn-lint at `{}`: `cargo xtask test` sets it up, or name one in RUNVOY_LINT",
        lint.display()
    );
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(directory.path().join(name), text).unwrap();
    write("bucket.yaml", bucket("acme", &answers()).unwrap());
    for (name, answers) in variants() {
        write(&format!("{name}.yaml"), main("acme", &answers).unwrap());
    }
    let (architecture, task_permissions) = (Architecture::X86_64, TaskPermissions::None);
    write("least.yaml", main("acme", &Answers { architecture, task_permissions, ..answers() }).unwrap());
    let files = fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().path());
    let output = Command::new(&lint)
        .arg("--ignore-checks")
        .args(checks::accepted("cfn-lint"))
        .arg("--")
        .args(files)
        .env("HOME", directory.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
