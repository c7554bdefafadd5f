//! Names that the deployment needs, and what an earlier one left under them.

use runvoy_api::infra::{API_FUNCTION, EVENTS_FUNCTION, TABLES, name};
use serde_json::{Value, json};

use super::{Outcome, Subject, stacks::Owner};
use crate::aws::{Aws, CallError, Method, Service, explain};

/// What is under a name that the template gives away.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Free,
    /// What it is, and the command that makes room.
    Taken(String, String),
    Unknown(String),
}

/// The bucket's name: free, this deployment's, left behind, or somebody else's.
pub async fn bucket(subject: &Subject<'_>) -> Outcome {
    let aws = subject.aws;
    let bucket = name::bucket(subject.deployment, &aws.account, &aws.region);
    let (ours, reply) =
        tokio::join!(subject.stacks.bucket(), async { aws.s3().head_bucket().bucket(&bucket).send().await });
    let status = match reply {
        Ok(_) => 200,
        Err(error) => error.raw_response().map_or(0, |reply| reply.status().as_u16()),
    };
    decide_bucket(&bucket, &aws.region, status, ours)
}

fn decide_bucket(bucket: &str, region: &str, status: u16, stack: Option<Owner>) -> Outcome {
    let look = format!("`aws s3api head-bucket --bucket {bucket} --region {region}` shows more");
    match (status, stack) {
        (404, Some(Owner::Settled)) => Outcome::fail(
            format!("the bucket `{bucket}` is gone, though the deployment's stack should have it"),
            format!("create it again: `aws s3 mb s3://{bucket} --region {region}`"),
        ),
        (404, _) => Outcome::Pass(format!("the name `{bucket}` is free")),
        (200, Some(Owner::Settled | Owner::Unsettled)) => Outcome::Pass(format!("`{bucket}` is this deployment's")),
        (200, Some(Owner::Nobody)) => Outcome::fail(
            format!("an earlier deployment left the bucket `{bucket}` behind"),
            format!("look what is in it, then `aws s3 rb s3://{bucket} --force --region {region}`"),
        ),
        (403, Some(Owner::Settled | Owner::Unsettled)) => {
            Outcome::unknown(format!("`{bucket}` may not be looked at"), "allow `s3:ListBucket` on it")
        }
        (403, _) => Outcome::fail(
            format!("the bucket `{bucket}` exists and is closed to you: it is somebody else's, or left behind"),
            "choose another name with `--stack-name`, or allow `s3:ListBucket` on it to see more",
        ),
        _ => Outcome::unknown(format!("nothing useful was said about the bucket `{bucket}`"), look),
    }
}

/// Tables and the commands' output that an earlier deployment left: they are kept and adopted.
pub async fn data(subject: &Subject<'_>) -> Outcome {
    let (aws, deployment) = (subject.aws, subject.deployment);
    let group = name::execution_log_group(deployment);
    let [a, b, c, d] = TABLES.map(|table| table.name(deployment));
    let (ours, a, b, c, d, logs) = tokio::join!(
        subject.stacks.main_exists(),
        table(aws, &a),
        table(aws, &b),
        table(aws, &c),
        table(aws, &d),
        log_group(aws, &group),
    );
    decide_data(ours, [a, b, c, d, logs].into_iter().collect())
}

/// The names of what is there already, or why that can't be told.
fn decide_data(ours: Option<bool>, found: Result<Vec<Option<String>>, String>) -> Outcome {
    let found: Vec<String> = match found {
        Ok(found) => found.into_iter().flatten().collect(),
        Err(why) => return Outcome::unknown(why, "run it again, or go on without knowing"),
    };
    match ours {
        _ if found.is_empty() => Outcome::Pass("no data of an earlier deployment".into()),
        Some(true) => Outcome::Pass("tables and logs are this deployment's".into()),
        Some(false) => {
            Outcome::Pass(format!("left by an earlier deployment, will be adopted: `{}`", found.join("`, `")))
        }
        None => Outcome::unknown(
            format!("there is `{}`, and whether it is this deployment's can't be told", found.join("`, `")),
            "allow `cloudformation:DescribeStacks`",
        ),
    }
}

/// The table's name if it is there.
async fn table(aws: &Aws, name: &str) -> Result<Option<String>, String> {
    match aws.dynamodb().describe_table().table_name(name).send().await {
        Ok(_) => Ok(Some(name.to_owned())),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => Ok(None),
        Err(error) => Err(format!("can't look at the table `{name}`: {}", explain(error))),
    }
}

/// The log group's name if it is there.
async fn log_group(aws: &Aws, name: &str) -> Result<Option<String>, String> {
    let reply = aws.logs().describe_log_groups().log_group_name_prefix(name).send().await;
    let reply = reply.map_err(|error| format!("can't look at the log group `{name}`: {}", explain(error)))?;
    Ok(reply.log_groups().iter().any(|group| group.log_group_name() == Some(name)).then(|| name.to_owned()))
}

/// What CloudFormation can't adopt (it keeps nothing) and would only stumble over.
pub async fn leftovers(subject: &Subject<'_>) -> Outcome {
    let (aws, deployment) = (subject.aws, subject.deployment);
    let (ours, api, events, api_logs, events_logs, secret) = tokio::join!(
        subject.stacks.main_exists(),
        function(aws, format!("{deployment}-{}", API_FUNCTION.suffix)),
        function(aws, format!("{deployment}-{}", EVENTS_FUNCTION.suffix)),
        function_logs(aws, name::function_log_group(deployment, &API_FUNCTION)),
        function_logs(aws, name::function_log_group(deployment, &EVENTS_FUNCTION)),
        secret(aws, format!("{deployment}/internal/jwt")),
    );
    decide_leftovers(ours, vec![api, events, api_logs, events_logs, secret])
}

fn decide_leftovers(ours: Option<bool>, found: Vec<Found>) -> Outcome {
    if ours == Some(true) {
        return Outcome::Pass("the deployment has its names already".into());
    }
    let (mut things, mut commands, mut unknown) = (vec![], vec![], vec![]);
    for found in found {
        match found {
            Found::Free => {}
            Found::Taken(thing, command) => {
                things.push(thing);
                commands.push(command);
            }
            Found::Unknown(why) => unknown.push(why),
        }
    }
    if things.is_empty() {
        return match unknown.is_empty() {
            true => Outcome::Pass("all other names are free".into()),
            false => Outcome::unknown(unknown.join("; "), "run it again, or go on without knowing"),
        };
    }
    let hint = format!("make room with `{}`", commands.join(" && "));
    match ours {
        Some(_) => Outcome::fail(format!("in the way, from an earlier deployment: {}", things.join(", ")), hint),
        None => Outcome::unknown(
            format!("there is {}, and whether it is this deployment's can't be told", things.join(", ")),
            "allow `cloudformation:DescribeStacks`",
        ),
    }
}

async fn function(aws: &Aws, name: String) -> Found {
    let path = format!("/2015-03-31/functions/{name}/configuration");
    match aws.rest(Service::Lambda, Method::GET, &path, None).await {
        Ok(_) => Found::Taken(
            format!("function `{name}`"),
            format!("aws lambda delete-function --function-name {name} --region {}", aws.region),
        ),
        Err(error) => absent(&error, "lambda:GetFunctionConfiguration"),
    }
}

/// A function's last lines, written after its log group was deleted, bring the group back.
async fn function_logs(aws: &Aws, name: String) -> Found {
    match log_group(aws, &name).await {
        Ok(None) => Found::Free,
        Ok(Some(name)) => Found::Taken(
            format!("log group `{name}`"),
            format!("aws logs delete-log-group --log-group-name {name} --region {}", aws.region),
        ),
        Err(why) => Found::Unknown(why),
    }
}

async fn secret(aws: &Aws, name: String) -> Found {
    let about = json!({ "SecretId": name });
    match aws.json(Service::SecretsManager, "secretsmanager.DescribeSecret", &about).await {
        Ok(reply) => taken_secret(&reply, &name, &aws.region),
        Err(error) => absent(&error, "secretsmanager:DescribeSecret"),
    }
}

/// A secret that waits for its end keeps its name until then.
fn taken_secret(reply: &Value, name: &str, region: &str) -> Found {
    let dying =
        if reply["DeletedDate"].is_null() { "" } else { " (scheduled for deletion, which keeps its name taken)" };
    Found::Taken(
        format!("secret `{name}`{dying}"),
        format!(
            "aws secretsmanager delete-secret --force-delete-without-recovery --secret-id {name} --region {region}"
        ),
    )
}

fn absent(error: &CallError, action: &str) -> Found {
    if error.code == "ResourceNotFoundException" { Found::Free } else { Found::Unknown(format!("`{action}`: {error}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_fine_only_if_it_is_free_or_ours() {
        let decide = |status, ours| decide_bucket("b", "eu-west-1", status, ours);
        assert!(matches!(decide(404, Some(Owner::Nobody)), Outcome::Pass(_)));
        assert!(matches!(decide(200, Some(Owner::Settled)), Outcome::Pass(_)));
        assert!(
            matches!(decide(200, Some(Owner::Nobody)), Outcome::Fail { hint, .. } if hint.contains("aws s3 rb s3://b --force"))
        );
        assert!(matches!(decide(403, Some(Owner::Nobody)), Outcome::Fail { .. }));
        assert!(matches!(decide(404, Some(Owner::Settled)), Outcome::Fail { .. }));
        for (status, ours) in [
            (200, None),
            (0, Some(Owner::Nobody)),
            (301, Some(Owner::Nobody)),
            (500, None),
            (403, Some(Owner::Settled)),
        ] {
            assert!(matches!(decide(status, ours), Outcome::Unknown { .. }), "{status} {ours:?}");
        }
    }

    #[test]
    fn survivors_with_data_are_adopted() {
        let some = || Ok(vec![None, Some("acme-executions".to_owned())]);
        assert!(
            matches!(decide_data(Some(false), some()), Outcome::Pass(text) if text.contains("adopted: `acme-executions`"))
        );
        assert!(matches!(decide_data(Some(true), some()), Outcome::Pass(text) if !text.contains("adopted")));
        assert!(matches!(decide_data(None, some()), Outcome::Unknown { .. }));
        assert!(matches!(decide_data(None, Ok(vec![None])), Outcome::Pass(_)));
        assert!(matches!(decide_data(Some(false), Err("no".into())), Outcome::Unknown { .. }));
    }

    #[test]
    fn what_is_in_the_way_has_to_go_and_all_of_it_is_named() {
        let secret = |reply| taken_secret(&reply, "acme/internal/jwt", "eu-west-1");
        let found = || vec![Found::Free, secret(json!({ "DeletedDate": 1.7e9 })), Found::Unknown("no idea".into())];
        let Outcome::Fail { problem, hint } = decide_leftovers(Some(false), found()) else { panic!() };
        assert!(
            problem.contains("scheduled for deletion") && hint.contains("--force-delete-without-recovery"),
            "{hint}"
        );
        assert!(
            matches!(secret(json!({ "DeletedDate": null })), Found::Taken(thing, _) if !thing.contains("scheduled"))
        );
        assert!(matches!(decide_leftovers(Some(true), found()), Outcome::Pass(_)));
        assert!(matches!(decide_leftovers(None, found()), Outcome::Unknown { .. }));
        assert!(matches!(decide_leftovers(Some(false), vec![Found::Unknown("x".into())]), Outcome::Unknown { .. }));
        assert!(matches!(decide_leftovers(Some(false), vec![Found::Free]), Outcome::Pass(_)));
        let denied = CallError { code: "AccessDeniedException".into(), message: String::new(), status: 403 };
        assert!(matches!(absent(&denied, "lambda:GetFunctionConfiguration"), Found::Unknown(_)));
    }
}
