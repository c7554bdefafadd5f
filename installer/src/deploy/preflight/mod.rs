//! What can be known before anything is changed: within seconds, and honestly. What could not be looked at is unknown,
//! which is never the same as fine.

mod identity;
mod images;
mod names;
mod permissions;
mod quotas;
mod region;
mod service_role;
mod stacks;
mod toolchain;
pub mod xml;

use std::{
    future::Future,
    path::Path,
    time::{Duration, Instant},
};

use console::style;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{answers::Answers, estimate::Learned};
use crate::{
    aws::{Aws, CallError},
    fold::{self, NARROW, wrap},
    ui,
};
pub use service_role::create_service_linked_role;

/// A check that takes longer is unknown, in seconds, where nothing else is said. With process start and network it keeps the
/// whole under 5 seconds.
pub const LIMIT: &str = "4";
/// What the admin's choices take is looked at when they are known. If all else has taken its time, so long is left for it.
const LEAST: Duration = Duration::from_millis(500);

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

/// The checks, and what they learned on the way.
pub struct Report {
    /// In the order in which they are shown.
    pub checks: Vec<Check>,
    /// Whether ECS's service-linked role exists for sure.
    pub service_linked_role: bool,
    /// Two availability zones that Fargate works in, by name; empty if unknown.
    pub zones: Vec<String>,
    /// How long things took in this account before.
    pub learned: Learned,
    /// How long it took to look.
    pub took: Duration,
}

/// What one check looks at.
struct Subject<'a> {
    aws: &'a Aws,
    deployment: &'a str,
    stacks: stacks::Stacks<'a>,
    /// What a check that takes longer finds does not count.
    limit: Duration,
}

/// Checks what does not depend on the admin's choices, all at once. A deployment that `exists` needs no room. Changes
/// nothing, and ends within the limit, whatever hangs.
pub async fn run(aws: &Aws, deployment: &str, exists: bool, limit: Duration) -> Report {
    let began = Instant::now();
    let subject = &Subject { aws, deployment, stacks: stacks::Stacks::new(aws, deployment), limit };
    let room = async { if exists { (vec![], None) } else { room(subject).await } };
    let (region, permissions, (role, service_linked_role), (room, zones), learned) = tokio::join!(
        check(limit, "region", region::check(aws)),
        check(limit, "permissions", permissions::check(aws, deployment)),
        within(limit, "service-linked-role", service_role::check(aws)),
        Box::pin(room),
        timeout(limit, Box::pin(subject.stacks.learned())),
    );
    let identity = Check { name: "identity", outcome: identity::describe(&aws.account, &aws.identity) };
    Report {
        checks: [identity, region, permissions, role].into_iter().chain(room).collect(),
        service_linked_role: service_linked_role.unwrap_or_default(),
        zones: zones.unwrap_or_default(),
        learned: learned.unwrap_or_else(|_| Learned::none()),
        took: began.elapsed(),
    }
}

/// Whether there is room for a new deployment, and in which zones.
async fn room(subject: &Subject<'_>) -> (Vec<Check>, Option<Vec<String>>) {
    let limit = subject.limit;
    let ((zones_check, zones), fargate, lambda, bucket, data, names) = tokio::join!(
        within(limit, "zones", region::zones(subject.aws)),
        check(limit, "fargate-vcpus", quotas::fargate(subject.aws)),
        check(limit, "lambda-concurrency", quotas::lambda(subject.aws)),
        check(limit, "bucket", names::bucket(subject)),
        check(limit, "data", names::data(subject)),
        check(limit, "names", names::leftovers(subject)),
    );
    (vec![zones_check, fargate, lambda, bucket, data, names], zones)
}

/// Checks what the admin's choices take: images within reach; what builds the code for their architecture, from this checkout
/// if it is built; room for a network of their own; and what only these choices must be allowed. AWS has what of its time is not `spent` yet.
pub async fn choices(
    aws: &Aws,
    deployment: &str,
    answers: &Answers,
    checkout: Option<&Path>,
    exists: bool,
    [limit, spent]: [Duration; 2],
) -> Vec<Check> {
    let left = limit.saturating_sub(spent).max(LEAST);
    let subject = Subject { aws, deployment, stacks: stacks::Stacks::new(aws, deployment), limit: left };
    let toolchain = async {
        let checkout = checkout?;
        Some(check(limit, "toolchain", toolchain::check(checkout, answers.architecture)).await)
    };
    let vpcs = async {
        if exists || !answers.makes_network() {
            return None;
        }
        let look = async { (quotas::vpcs(&subject).await, ()) };
        Some(within(left, "vpcs", look).await.0)
    };
    let allowed = async {
        let look = permissions::check_choices(aws, deployment, answers);
        let outcome = timeout(left, look).await.unwrap_or_else(|_| Some(Outcome::slow(left)))?;
        Some(Check { name: "choices", outcome })
    };
    let images = images::check(&aws.account, &aws.region, answers).map(|outcome| Check { name: "images", outcome });
    let (toolchain, vpcs, allowed) = tokio::join!(toolchain, vpcs, allowed);
    [images, toolchain, vpcs, allowed].into_iter().flatten().collect()
}

async fn check(limit: Duration, name: &'static str, look: impl Future<Output = Outcome>) -> Check {
    within(limit, name, async { (look.await, ()) }).await.0
}

/// A check that also finds something, unless it takes too long.
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

/// Whether anything is in the way for sure.
pub fn failed(checks: &[Check]) -> bool {
    checks.iter().any(|check| matches!(check.outcome, Outcome::Fail { .. }))
}

/// A line for each check on stderr, with a hint where there is something to do; more where the terminal is narrow.
pub fn show(checks: &[Check]) {
    let width = fold::columns();
    checks.iter().flat_map(|check| check.lines(width)).for_each(ui::note);
}

/// The checks for machines: `[{"name", "outcome": "pass" | "fail" | "unknown", "text", "hint"?}]`.
pub fn json(checks: &[Check]) -> Value {
    checks.iter().map(Check::json).collect()
}

/// Columns of a mark and a name.
const LABEL: usize = 22;

impl Check {
    fn lines(&self, width: Option<usize>) -> Vec<String> {
        let (mark, text, hint) = match &self.outcome {
            Outcome::Pass(text) => (style("✓").green(), text, None),
            Outcome::Fail { problem, hint } => (style("✗").red().bold(), problem, Some(hint)),
            Outcome::Unknown { why, hint } => (style("?").yellow().bold(), why, Some(hint)),
        };
        let hint = hint.map(|hint| format!("{} {hint}", style("hint:").for_stderr().cyan()));
        let texts = [Some(ui::printable(text).into_owned()), hint];
        let narrow = width.is_some_and(|width| width < NARROW);
        let indent = if narrow { 4 } else { LABEL };
        let lines = texts.into_iter().flatten().flat_map(|text| match width {
            Some(width) => wrap(&text, width.saturating_sub(indent)),
            None => vec![text],
        });
        let mut lines: Vec<_> = lines.map(|line| format!("{:indent$}{line}", "")).collect();
        let title = format!("{} {:<19} ", mark.for_stderr(), self.name);
        match lines.first_mut() {
            Some(first) if !narrow => *first = title + first.trim_start(),
            _ => lines.insert(0, title.trim_end().to_owned()),
        }
        lines
    }

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
        Self::unknown(
            format!("no answer within {:.1} seconds", limit.as_secs_f64()),
            "run it again, with a longer `--preflight-seconds` where the line is slow, or go on without knowing",
        )
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

    #[test]
    fn unknown_is_neither_pass_nor_failure() {
        let check = |outcome| Check { name: "x", outcome };
        let mut checks = vec![check(Outcome::Pass("fine".into())), check(Outcome::unknown("no idea", "look"))];
        assert!(!failed(&checks));
        assert_eq!(json(&checks)[1], json!({ "name": "x", "outcome": "unknown", "text": "no idea", "hint": "look" }));
        checks.push(check(Outcome::fail("full", "make room")));
        assert!(failed(&checks));
    }

    #[test]
    fn checks_fit_their_terminal() {
        let check =
            Check { name: "permissions", outcome: Outcome::unknown("one may not ask", "allow `iam:Simulate` first") };
        let lines = |width| {
            let lines = check.lines(width);
            lines.iter().map(|line| console::strip_ansi_codes(line).into_owned()).collect::<Vec<_>>()
        };
        let hint = format!("{:22}hint: allow `iam:Simulate` first", "");
        assert_eq!(lines(None), ["? permissions         one may not ask".to_owned(), hint]);
        assert_eq!(
            lines(Some(20)),
            ["? permissions", "    one may not ask", "    hint: allow", "    `iam:Simulate`", "    first"]
        );
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
