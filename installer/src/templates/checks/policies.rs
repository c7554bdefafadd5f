//! The roles: what they may do is listed case by case, and evaluated as IAM would.

use runvoy_sandbox::iam::{Policies, Policy, Request};

use super::{
    cases::{CASES, Case},
    *,
};

/// `*` as a resource is for what AWS offers nothing finer for. Each has its reason beside it, where it is granted.
const ALL_RESOURCES: [&str; 2] = ["FindTasks", "SignInToRegistries"];

/// A role's policies. AWS's own `AdministratorAccess` is known here; other managed ones grant nothing.
fn policies(template: &Yaml, role: &str) -> Policies {
    let properties = &template["Resources"][role]["Properties"];
    let own = properties["Policies"].as_sequence().unwrap().iter().map(|policy| {
        let document = resolved(template, &policy["PolicyDocument"]);
        Policy::parse(policy["PolicyName"].as_str().unwrap(), &document.to_string()).unwrap()
    });
    let attached = resolved(template, &properties["ManagedPolicyArns"]);
    let is_admin = attached
        .as_array()
        .is_some_and(|arns| arns.iter().any(|arn| arn == "arn:aws:iam::aws:policy/AdministratorAccess"));
    let all = r#"{"Statement":{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let admin = is_admin.then(|| Policy::parse("AdministratorAccess", all).unwrap());
    Policies { identity: own.chain(admin).collect(), boundary: None }
}

fn request(case: &Case) -> Request {
    let resource = case.resource.replace("ACCOUNT", ACCOUNT).replace("REGION", REGION);
    case.context.iter().fold(Request::new(case.action, resource), |request, (key, value)| {
        request.with(key, value.replace("ACCOUNT", ACCOUNT).replace("REGION", REGION))
    })
}

#[test]
fn roles_may_do_this_and_not_that() {
    let template = template("alarms-and-viewer");
    for case in CASES {
        let policies = policies(&template, case.role);
        let decision = policies.decide(&request(case));
        assert_eq!(decision.is_allowed(), case.allowed, "{case:?}: {decision:?}");
    }
    let allowed = CASES.iter().filter(|case| case.allowed).count();
    assert!(allowed >= 30 && CASES.len() - allowed >= 60, "{allowed} of {}", CASES.len());
}

/// What one statement allows, each as text.
fn allowing(template: &Yaml) -> Vec<(String, Json)> {
    let resources = template["Resources"].as_mapping().unwrap();
    let roles = resources.values().filter(|resource| resource["Type"] == "AWS::IAM::Role");
    let policies = roles.flat_map(|role| role["Properties"]["Policies"].as_sequence().unwrap());
    let statements = policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_sequence().unwrap());
    let allowing = statements.filter(|statement| statement["Effect"] == "Allow");
    allowing.map(|one| (one["Sid"].as_str().unwrap().to_owned(), resolved(template, one))).collect()
}

fn texts(value: &Json) -> Vec<&str> {
    value
        .as_array()
        .map_or_else(|| value.as_str().into_iter().collect(), |all| all.iter().filter_map(Json::as_str).collect())
}

#[test]
fn nothing_is_granted_by_a_star() {
    for (variant, template) in templates() {
        for (sid, statement) in allowing(&template) {
            assert!(!texts(&statement["Action"]).iter().any(|action| action.contains('*')), "{variant}: {sid}");
            let all = texts(&statement["Resource"]).contains(&"*");
            assert_eq!(all, ALL_RESOURCES.contains(&sid.as_str()), "{variant}: {sid}");
            // A pattern that starts in the middle of somebody else's names would grant those too.
            let ours = |arn: &&str| *arn == "*" || arn.contains(STACK) || arn.contains(":repository/");
            assert!(texts(&statement["Resource"]).iter().all(ours), "{variant}: {sid}");
        }
    }
}

#[test]
fn who_may_take_a_role_is_one_service() {
    for (variant, template) in templates() {
        for (logical, resource) in template["Resources"].as_mapping().unwrap() {
            if resource["Type"] != "AWS::IAM::Role" {
                continue;
            }
            let logical = logical.as_str().unwrap();
            let trust = resolved(&template, &resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]);
            let service = trust[0]["Principal"]["Service"].as_str().unwrap();
            let expected = if logical.starts_with("Task") { "ecs-tasks.amazonaws.com" } else { "lambda.amazonaws.com" };
            assert_eq!((service, trust.as_array().unwrap().len()), (expected, 1), "{variant}: {logical}");
        }
    }
}

/// Queues, buckets and functions that services call: only on behalf of what is this deployment's.
#[test]
fn services_act_for_this_deployment_only() {
    for (variant, template) in templates() {
        for (logical, resource) in template["Resources"].as_mapping().unwrap() {
            let name = format!("{variant}: {}", logical.as_str().unwrap());
            let properties = resolved(&template, &resource["Properties"]);
            match resource["Type"].as_str().unwrap() {
                "AWS::Lambda::Permission" if properties["Principal"] == "events.amazonaws.com" => {
                    assert_eq!(properties["FunctionName"], "EventsFunction-of-acme", "{name}");
                    assert!(properties["SourceArn"].as_str().unwrap().contains(":rule/acme-"), "{name}");
                }
                "AWS::Lambda::Permission" => {
                    assert_eq!(properties["FunctionName"], "ApiFunction-of-acme", "{name}");
                    let by_url =
                        properties["FunctionUrlAuthType"] == "NONE" || properties["InvokedViaFunctionUrl"] == true;
                    assert!(by_url && properties["Principal"] == "*", "{name}");
                }
                "AWS::SQS::QueuePolicy" | "AWS::S3::BucketPolicy" | "AWS::SNS::TopicPolicy" => {
                    if let Some(queues) = properties["Queues"].as_array() {
                        assert_eq!(queues, &["DeadLetterQueue-of-acme"], "{name}");
                    }
                    for statement in properties["PolicyDocument"]["Statement"].as_array().unwrap() {
                        assert!(statement["Effect"] == "Deny" || statement["Condition"].is_object(), "{name}");
                        assert!(statement["Effect"] == "Deny" || statement["Principal"] != "*", "{name}");
                    }
                }
                _ => {}
            }
        }
    }
}
