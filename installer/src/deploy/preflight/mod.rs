//! What can be known before anything is changed: within seconds, and honestly. What could not be looked at is unknown,
//! which is never the same as fine.

mod identity;
mod names;
mod permissions;
mod quotas;
mod region;
mod service_role;
mod stacks;
mod toolchain;
pub mod xml;

use std::{future::Future, path::Path, time::Duration};

use console::style;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    answers::{Answers, Architecture},
    estimate::Learned,
};
use crate::{
    aws::{Aws, CallError},
    ui,
};
pub use quotas::VPCS;
pub use service_role::create_service_linked_role;

/// A check that takes longer is unknown. With process start and network it keeps the whole under 5 seconds.
const LIMIT: Duration = Duration::from_secs(4);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Stable, for machines: `permissions`.
    pub name: &'static str,
    /// What was found.
    pub outcome: Outcome,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Fine, and what exactly is.
    Pass(String),
    /// The deployment can't work.
    Fail {
        /// What is wrong.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// It could not be looked at.
    Unknown {
        /// What was in the way.
        why: String,
        /// How to find out.
        hint: String,
    },
}

/// All checks, and what they learned on the way.
pub struct Report {
    /// In the order in which they are shown.
    pub checks: Vec<Check>,
    /// Whether ECS's service-linked role exists for sure.
    pub service_linked_role: bool,
    /// Two availability zones that Fargate works in, by name; empty if unknown.
    pub zones: Vec<String>,
    /// How long things took in this account before.
    pub learned: Learned,
}

/// What one check looks at.
struct Subject<'a> {
    aws: &'a Aws,
    deployment: &'a str,
    stacks: stacks::Stacks<'a>,
}

/// Checks everything, at once. `toolchain` is the checkout to build from, if one is. A deployment that `exists` needs no
/// room. Changes nothing, and ends within five seconds, whatever hangs.
pub async fn run(
    aws: &Aws,
    deployment: &str,
    toolchain: Option<&Path>,
    architecture: Option<Architecture>,
    exists: bool,
) -> Report {
    let subject = &Subject { aws, deployment, stacks: stacks::Stacks::new(aws, deployment) };
    let toolchain = async {
        match toolchain {
            Some(checkout) => Some(check("toolchain", toolchain::check(checkout, architecture)).await),
            None => None,
        }
    };
    let room = async { if exists { (vec![], None) } else { room(subject).await } };
    let (toolchain, region, permissions, (role, service_linked_role), (room, zones), learned) = tokio::join!(
        toolchain,
        check("region", region::check(aws)),
        check("permissions", permissions::check(aws, deployment)),
        with("service-linked-role", service_role::check(aws)),
        Box::pin(room),
        timeout(LIMIT, Box::pin(subject.stacks.learned())),
    );
    let identity = Check { name: "identity", outcome: identity::describe(&aws.account, &aws.identity) };
    let who_and_where = [identity, region, permissions, role];
    Report {
        checks: toolchain.into_iter().chain(who_and_where).chain(room).collect(),
        service_linked_role: service_linked_role.unwrap_or_default(),
        zones: zones.unwrap_or_default(),
        learned: learned.unwrap_or_else(|_| Learned::none()),
    }
}

/// Whether there is room for a new deployment, and in which zones.
async fn room(subject: &Subject<'_>) -> (Vec<Check>, Option<Vec<String>>) {
    let ((zones_check, zones), vpcs, fargate, lambda, bucket, data, names) = tokio::join!(
        with("zones", region::zones(subject.aws)),
        check(VPCS, quotas::vpcs(subject)),
        check("fargate-vcpus", quotas::fargate(subject.aws)),
        check("lambda-concurrency", quotas::lambda(subject.aws)),
        check("bucket", names::bucket(subject)),
        check("data", names::data(subject)),
        check("names", names::leftovers(subject)),
    );
    (vec![zones_check, vpcs, fargate, lambda, bucket, data, names], zones)
}

async fn check(name: &'static str, look: impl Future<Output = Outcome>) -> Check {
    with(name, async { (look.await, ()) }).await.0
}

/// A check that also finds something, unless it takes too long.
async fn with<T>(name: &'static str, look: impl Future<Output = (Outcome, T)>) -> (Check, Option<T>) {
    within(LIMIT, name, look).await
}

async fn within<T>(
    limit: Duration,
    name: &'static str,
    look: impl Future<Output = (Outcome, T)>,
) -> (Check, Option<T>) {
    // Boxed: side by side on one stack, the SDK's calls would overflow it.
    match timeout(limit, Box::pin(look)).await {
        Ok((outcome, found)) => (Check { name, outcome }, Some(found)),
        Err(_) => (Check { name, outcome: Outcome::slow(limit) }, None),
    }
}

impl Report {
    /// Whether anything is in the way for sure.
    pub fn failed(&self) -> bool {
        self.checks.iter().any(|check| matches!(check.outcome, Outcome::Fail { .. }))
    }

    /// Adds what the admin's choices take beyond what every deployment takes.
    pub async fn check_choices(&mut self, aws: &Aws, deployment: &str, answers: &Answers) {
        let look = permissions::check_choices(aws, deployment, answers);
        if let Some(outcome) = timeout(LIMIT, look).await.unwrap_or_else(|_| Some(Outcome::slow(LIMIT))) {
            self.checks.push(Check { name: "choices", outcome });
        }
    }

    /// Drops a check that doesn't matter for what the admin has chosen, such as [`VPCS`] in an existing network.
    pub fn drop_check(&mut self, name: &str) {
        self.checks.retain(|check| check.name != name);
    }

    /// A line for each check on stderr, with a hint where there is something to do.
    pub fn show(&self) {
        for check in &self.checks {
            let (mark, text, hint) = match &check.outcome {
                Outcome::Pass(text) => (style("✓").green(), text, None),
                Outcome::Fail { problem, hint } => (style("✗").red().bold(), problem, Some(hint)),
                Outcome::Unknown { why, hint } => (style("?").yellow().bold(), why, Some(hint)),
            };
            ui::note(format_args!("{} {:<19} {}", mark.for_stderr(), check.name, ui::printable(text)));
            if let Some(hint) = hint {
                ui::note(format_args!("  {:<19} {} {hint}", "", style("hint:").for_stderr().cyan()));
            }
        }
    }

    /// The checks for machines: `[{"name", "outcome": "pass" | "fail" | "unknown", "text", "hint"?}]`.
    pub fn json(&self) -> Value {
        self.checks.iter().map(Check::json).collect()
    }
}

impl Check {
    fn json(&self) -> Value {
        let name = self.name;
        match &self.outcome {
            Outcome::Pass(text) => json!({ "name": name, "outcome": "pass", "text": text }),
            Outcome::Fail { problem, hint } => {
                json!({ "name": name, "outcome": "fail", "text": problem, "hint": hint })
            }
            Outcome::Unknown { why, hint } => json!({ "name": name, "outcome": "unknown", "text": why, "hint": hint }),
        }
    }
}

impl Outcome {
    fn fail(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Fail { problem: problem.into(), hint: hint.into() }
    }

    fn unknown(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Unknown { why: why.into(), hint: hint.into() }
    }

    fn slow(limit: Duration) -> Self {
        Self::unknown(format!("no answer within {limit:?}"), "run it again, or go on without knowing")
    }

    /// A call that was to tell has failed. `action` is what one has to be allowed to make it.
    fn unread(action: &str, error: &CallError) -> Self {
        let hint = if error.is_denied() {
            format!("allow `{action}` to have it checked; init can go on without")
        } else {
            "run it again, or go on without knowing".into()
        };
        Self::unknown(format!("`{action}`: {error}"), hint)
    }

    /// A reply that makes no sense tells nothing.
    fn unreadable(action: &str) -> Self {
        Self::unknown(
            format!("`{action}` gave an answer that this release can't read"),
            "use a newer release of runvoy",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: Vec<Outcome>) -> Report {
        let checks = outcomes.into_iter().map(|outcome| Check { name: "x", outcome }).collect();
        Report { checks, service_linked_role: false, zones: vec![], learned: Learned::none() }
    }

    #[test]
    fn unknown_is_neither_pass_nor_failure() {
        let mut report = report(vec![Outcome::Pass("fine".into()), Outcome::unknown("no idea", "look")]);
        assert!(!report.failed());
        assert_eq!(report.json()[1], json!({ "name": "x", "outcome": "unknown", "text": "no idea", "hint": "look" }));
        report.checks.push(Check { name: "vpcs", outcome: Outcome::fail("full", "make room") });
        assert!(report.failed());
        report.drop_check("vpcs");
        assert!(!report.failed());
    }

    #[tokio::test]
    async fn what_hangs_is_unknown_in_time() {
        let (check, found) = within(Duration::from_millis(1), "x", std::future::pending::<(Outcome, ())>()).await;
        assert!(matches!(check.outcome, Outcome::Unknown { .. }), "{check:?}");
        assert_eq!(found, None);
    }

    #[test]
    fn what_may_not_be_asked_is_unknown_and_says_so() {
        let denied = CallError { code: "AccessDenied".into(), message: "no".into(), status: 403 };
        let Outcome::Unknown { why, hint } = Outcome::unread("iam:GetRole", &denied) else { panic!() };
        assert!(why.contains("iam:GetRole") && hint.contains("iam:GetRole"), "{why} {hint}");
    }
}
