//! Whether whoever runs this may do what a deployment takes, as far as IAM's own simulator can tell. CloudFormation works
//! with the caller's permissions, so they are needed for every resource.

mod needed;
mod verdict;

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::{Outcome, identity::Principal, xml};
use crate::{
    aws::{Aws, CallError, Service},
    deploy::answers::Answers,
};
use needed::{Group, NEEDED};
use verdict::{Decision, Verdict};

const HINT: &str = "go on without knowing: what is not allowed will show, and running init again goes on from there";

/// Asks the simulator about every action that any deployment takes.
pub async fn check(aws: &Aws, deployment: &str) -> Outcome {
    ask(aws, deployment, NEEDED.iter().collect()).await
}

/// Asks about those that only these choices take; none if there are none.
pub async fn check_choices(aws: &Aws, deployment: &str, answers: &Answers) -> Option<Outcome> {
    let groups = needed::chosen(answers);
    if groups.is_empty() { None } else { Some(ask(aws, deployment, groups).await) }
}

async fn ask(aws: &Aws, deployment: &str, groups: Vec<&'static Group>) -> Outcome {
    let principal = match principal(aws).await {
        Ok(arn) => arn,
        Err(unknown) => return unknown,
    };
    let mut asked = JoinSet::new();
    for group in groups {
        let (aws, principal, deployment) = (aws.clone(), principal.clone(), deployment.to_owned());
        asked.spawn(async move { simulate(&aws, &principal, &deployment, group).await });
    }
    let mut decisions = Vec::new();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok(Ok(Some(found))) => decisions.extend(found),
            Ok(Ok(None)) => return Outcome::unreadable("iam:SimulatePrincipalPolicy"),
            Ok(Err(error)) => return Outcome::unread("iam:SimulatePrincipalPolicy", &error),
            Err(error) => return Outcome::unknown(format!("the check ended early: {error}"), HINT),
        }
    }
    decide(&decisions)
}

/// The ARN that the simulator knows the caller by.
async fn principal(aws: &Aws) -> Result<String, Outcome> {
    match Principal::of(&aws.identity) {
        Principal::User(arn) => Ok(arn),
        Principal::Role(role) => match aws.query(Service::Iam, "GetRole", &[("RoleName", role.as_str())]).await {
            Ok(reply) => role_arn(&reply).ok_or_else(|| Outcome::unreadable("iam:GetRole")),
            // The roles of IAM Identity Center have paths that can't be guessed; most others have none.
            Err(error) if error.is_denied() && !role.starts_with("AWSReservedSSO_") => {
                Ok(format!("arn:{}:iam::{}:role/{role}", aws.partition(), aws.account))
            }
            Err(error) => Err(Outcome::unread("iam:GetRole", &error)),
        },
        Principal::Root => {
            Err(Outcome::unknown("the root user's permissions can't be simulated; usually it may do everything", HINT))
        }
        Principal::Other => Err(Outcome::unknown("only users' and roles' permissions can be simulated", HINT)),
    }
}

fn role_arn(reply: &str) -> Option<String> {
    let reply = xml::parse(reply)?;
    let role = xml::all(reply.root(), "Role").next()?;
    xml::text(role, "Arn").map(str::to_owned)
}

/// None if the reply makes no sense.
async fn simulate(
    aws: &Aws,
    principal: &str,
    deployment: &str,
    group: &Group,
) -> Result<Option<Vec<Decision>>, CallError> {
    let resources = group.resources(aws, deployment);
    let context = [
        ("aws:RequestedRegion", aws.region.as_str()),
        ("iam:PassedToService", "lambda.amazonaws.com"),
        ("iam:AWSServiceName", "ecs.amazonaws.com"),
    ];
    let mut parameters = vec![("PolicySourceArn".to_owned(), principal), ("MaxItems".to_owned(), "1000")];
    let numbered = |list: &str, number: usize| format!("{list}.member.{}", number + 1);
    for (number, action) in group.actions.iter().enumerate() {
        parameters.push((numbered("ActionNames", number), *action));
    }
    for (number, arn) in resources.iter().enumerate() {
        parameters.push((numbered("ResourceArns", number), arn));
    }
    for (number, (key, value)) in context.into_iter().enumerate() {
        let entry = numbered("ContextEntries", number);
        parameters.push((format!("{entry}.ContextKeyName"), key));
        parameters.push((format!("{entry}.ContextKeyType"), "string"));
        parameters.push((format!("{entry}.ContextKeyValues.member.1"), value));
    }
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let reply = aws.query(Service::Iam, "SimulatePrincipalPolicy", &parameters).await?;
    Ok(verdict::read(&reply, group.actions))
}

fn decide(decisions: &[Decision]) -> Outcome {
    let named = |wanted: fn(&Verdict) -> bool| -> BTreeSet<&str> {
        decisions.iter().filter(|decision| wanted(&decision.verdict)).map(|decision| decision.action.as_str()).collect()
    };
    let list = |actions: BTreeSet<&str>| format!("`{}`", actions.into_iter().collect::<Vec<_>>().join("`, `"));
    let by_organization = named(|verdict| *verdict == Verdict::DeniedByOrganization);
    let by_boundary = named(|verdict| *verdict == Verdict::DeniedByBoundary);
    let denied = named(|verdict| *verdict == Verdict::Denied);
    let parts: Vec<String> = [
        (denied, "not allowed to you"),
        (by_boundary, "cut off by your permissions boundary"),
        (by_organization, "denied by your organization (a service control policy)"),
    ]
    .into_iter()
    .filter(|(actions, _)| !actions.is_empty())
    .map(|(actions, how)| format!("{how}: {}", list(actions)))
    .collect();
    if !parts.is_empty() {
        return Outcome::fail(parts.join("; "), "have them allowed, or run init as somebody who may");
    }
    let open = named(|verdict| *verdict == Verdict::Depends);
    if !open.is_empty() {
        return Outcome::unknown(format!("depends on conditions that can't be simulated: {}", list(open)), HINT);
    }
    Outcome::Pass(format!("all {} actions that init needs are allowed", decisions.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(action: &str, verdict: Verdict) -> Decision {
        Decision { action: action.into(), verdict }
    }

    #[test]
    fn denied_actions_are_named_with_what_denies_them() {
        let decisions = [
            decision("s3:CreateBucket", Verdict::Allowed),
            decision("iam:CreateRole", Verdict::DeniedByBoundary),
            decision("ec2:CreateVpc", Verdict::DeniedByOrganization),
            decision("sqs:CreateQueue", Verdict::Denied),
            decision("iam:PassRole", Verdict::Depends),
        ];
        let Outcome::Fail { problem, .. } = decide(&decisions) else { panic!() };
        assert!(problem.contains("not allowed to you: `sqs:CreateQueue`;"), "{problem}");
        assert!(
            problem.contains("boundary: `iam:CreateRole`") && problem.contains("policy): `ec2:CreateVpc`"),
            "{problem}"
        );
        assert!(!problem.contains("s3:") && !problem.contains("PassRole"), "{problem}");
        assert!(matches!(decide(&decisions[4..]), Outcome::Unknown { why, .. } if why.contains("iam:PassRole")));
        assert_eq!(decide(&decisions[..1]), Outcome::Pass("all 1 actions that init needs are allowed".into()));
    }

    #[test]
    fn a_role_is_known_by_its_full_arn() {
        let arn = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123";
        let reply = format!(
            r#"<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role>
            <Path>/aws-reserved/</Path><Arn>{arn}</Arn></Role></GetRoleResult></GetRoleResponse>"#
        );
        assert_eq!(role_arn(&reply).as_deref(), Some(arn));
        assert_eq!(role_arn("<GetRoleResponse/>"), None);
    }
}
