//! What commands may run under.

use runvoy_api::infra::{self, env};
use serde_json::{Value, json};

use crate::deploy::answers::Answers;

/// The roles of commands: the usual one and the others, each as the template walks through it.
pub(super) fn all(answers: &Answers) -> Vec<Value> {
    let usual = json!({ "logical": "TaskRole", "description": "permissions of the commands",
        "policies": answers.task_policies() });
    let other = |(name, policies): (&String, &Vec<String>)| {
        json!({ "logical": logical(name), "description": format!("permissions of the commands under `{name}`"),
            "policies": policies })
    };
    [usual].into_iter().chain(answers.task_roles.iter().map(other)).collect()
}

/// The logical id of another role: `deploy-net` is `TaskRoleDeployNet`. No two names of roles have the same.
fn logical(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    format!("TaskRole{}", name.split('-').map(word).collect::<String>())
}

/// A statement of its own for what [`infra`] can't know: which other roles there are.
pub(super) fn pass_others(answers: &Answers) -> Vec<Value> {
    let Some(pass) = infra::API_GRANTS.iter().find(|grant| grant.actions == ["iam:PassRole"]) else { return vec![] };
    let arns: Vec<_> = answers.task_roles.keys().map(|name| format!("${{{}.Arn}}", logical(name))).collect();
    let statement = json!({ "sid": "PassOtherTaskRoles", "actions": pass.actions, "resources": arns,
        "condition": pass.condition });
    if arns.is_empty() { vec![] } else { vec![statement] }
}

/// The environment variable that tells the functions of the others, if there are any.
pub(super) fn variable(answers: &Answers) -> Option<(&'static str, String)> {
    let roles = answers.task_roles.keys().map(|name| format!("{name}=${{{}.Arn}}", logical(name)));
    let roles = roles.collect::<Vec<_>>().join(" ");
    (!roles.is_empty()).then_some((env::TASK_ROLES, roles))
}
