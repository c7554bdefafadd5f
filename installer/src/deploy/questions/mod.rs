//! The admin's choices: from flags, else asked for, else from the deployment as it is, else the default.

mod ask;
mod flags;
mod place;

use std::process::Command;

use super::answers::{
    Answers, Architecture, DEFAULT_IMAGE, DEFAULT_LOG_RETENTION_DAYS, Network, TaskPermissions, Viewer,
};
use crate::{
    error::{Error, Result},
    exit,
};

pub use flags::Flags;
pub use place::{NameFlags, Place, default_region, place, region};

/// AWS attaches no more to a role, unless it is asked for a higher limit.
const MOST_POLICIES: usize = 10;

const ECR_EXAMPLE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/terraform:1.10.5";

/// The choices: `deployed` are those of the deployment as it is. Exit code 2 for choices that contradict each other, 5
/// for a change that a deployment can't make without harm to what runs.
pub fn answer(flags: Flags, deployed: Option<Answers>, remembered: Option<Answers>, ask: bool) -> Result<Answers> {
    let mut answers = deployed.clone().or(remembered).unwrap_or_else(defaults);
    answers.version = env!("CARGO_PKG_VERSION").to_owned();
    network(&flags, &mut answers, ask)?;
    answers.architecture = choose(flags.architecture, answers.architecture, ask, ask::architecture)?;
    answers.spot = choose(flags.spot, answers.spot, ask, ask::spot)?;
    permissions(&flags, &mut answers, ask)?;
    image(&flags, &mut answers, ask)?;
    answers.log_retention_days = choose(flags.log_retention_days, answers.log_retention_days, ask, ask::retention)?;
    let alarms = flags.alarm_email.map(|email| email.0);
    answers.alarm_email = choose(alarms, answers.alarm_email, ask, |email| ask::alarm_email(email.as_deref()))?;
    answers.viewer = choose(flags.viewer, answers.viewer, ask, ask::viewer)?;
    answers.admin_email = choose(flags.admin_email, answers.admin_email, ask, |email| ask::admin_email(&email))?;
    if answers.admin_email.is_empty() {
        return Err(usage("nobody is named as the first admin", "add `--admin-email you@example.com`"));
    }
    match deployed {
        Some(deployed) => keeps_running(&deployed, &answers).map(|()| answers),
        None => Ok(answers),
    }
}

/// What a flag says, else what is answered, else what it was.
fn choose<T>(flag: Option<T>, before: T, ask: bool, question: impl FnOnce(T) -> Result<T>) -> Result<T> {
    match flag {
        Some(value) => Ok(value),
        None if ask => question(before),
        None => Ok(before),
    }
}

fn network(flags: &Flags, answers: &mut Answers, ask: bool) -> Result<()> {
    answers.network = choose(flags.network, answers.network, ask, ask::network)?;
    let named = flags.vpc_id.is_some() || !flags.subnet_ids.is_empty() || flags.public_ip.is_some();
    if answers.network != Network::Existing {
        if named {
            let problem = "`--vpc-id`, `--subnet-id` and `--public-ip` are about a network that is there already";
            return Err(usage(problem, "add `--network existing`, or leave them out"));
        }
        (answers.vpc_id, answers.subnet_ids, answers.public_ip) = (None, vec![], false);
        return Ok(());
    }
    answers.vpc_id = match &flags.vpc_id {
        None if ask => Some(ask::vpc(answers.vpc_id.as_deref())?),
        given => given.clone().or_else(|| answers.vpc_id.take()),
    };
    if !flags.subnet_ids.is_empty() {
        answers.subnet_ids.clone_from(&flags.subnet_ids);
    } else if ask {
        answers.subnet_ids = ask::subnets(&answers.subnet_ids)?;
    }
    answers.public_ip = choose(flags.public_ip, answers.public_ip, ask, ask::public_ip)?;
    if answers.vpc_id.is_none() || answers.subnet_ids.is_empty() {
        let hint = "add `--vpc-id vpc-… --subnet-id subnet-…`; `aws ec2 describe-subnets` lists them";
        return Err(usage("`--network existing` needs a network and at least one of its subnets", hint));
    }
    Ok(())
}

fn permissions(flags: &Flags, answers: &mut Answers, ask: bool) -> Result<()> {
    let by_policies = (!flags.task_policy_arns.is_empty()).then_some(TaskPermissions::Policies);
    if by_policies.is_some() && flags.task_permissions.is_some_and(|choice| choice != TaskPermissions::Policies) {
        let problem = "`--task-policy-arn` and `--task-permissions` say different things";
        return Err(usage(problem, "leave `--task-permissions` out: AWS's own policies have ARNs too"));
    }
    let flag = by_policies.or(flags.task_permissions);
    answers.task_permissions = choose(flag, answers.task_permissions, ask, ask::permissions)?;
    if answers.task_permissions != TaskPermissions::Policies {
        answers.task_policy_arns.clear();
        return Ok(());
    }
    if by_policies.is_some() {
        answers.task_policy_arns.clone_from(&flags.task_policy_arns);
    } else if ask {
        answers.task_policy_arns = ask::policies(&answers.task_policy_arns)?;
    }
    match answers.task_policy_arns.len() {
        0 => Err(usage("no policy says what commands may do", "add `--task-policy-arn arn:aws:iam::…:policy/…`")),
        1..=MOST_POLICIES => Ok(()),
        more => Err(usage(
            &format!("{more} policies are too many: AWS attaches {MOST_POLICIES} to a role"),
            "join some of them into one",
        )),
    }
}

fn image(flags: &Flags, answers: &mut Answers, ask: bool) -> Result<()> {
    answers.prepare_image = flags.executor_image.clone().or(answers.prepare_image.take());
    if let Some(image) = flags.image.as_ref().or(flags.executor_image.as_ref()) {
        answers.image.clone_from(image);
    } else if ask && answers.network == Network::Private {
        answers.image = ask::image(answers)?;
    }
    if reachable(answers) {
        return Ok(());
    }
    let problem = format!("a private network reaches ECR only, and the default image is `{}`", answers.image);
    Err(usage(&problem, &format!("copy it there and add `--image {ECR_EXAMPLE}`, or take another `--network`")))
}

/// Whether the default image can be pulled at all.
fn reachable(answers: &Answers) -> bool {
    let host = answers.image.split('/').next().unwrap_or_default();
    answers.network != Network::Private || host.contains(".dkr.ecr.") && host.contains(".amazonaws.com")
}

/// Another network is another place for what runs: only what adds to the present one can be done under it.
fn keeps_running(before: &Answers, after: &Answers) -> Result<()> {
    let moved = match (before.network, after.network) {
        (Network::Public, Network::Nat) => false,
        (Network::Existing, Network::Existing) => before.vpc_id != after.vpc_id,
        (before, after) => before != after,
    };
    if !moved {
        return Ok(());
    }
    let problem = "a deployment can't move to another network while commands may be running in its own";
    let hint = "set up a second one with another `--stack-name`, or `runvoy destroy` this one and run `runvoy init` \
                again: users, history and output are kept and taken up";
    Err(Error::new(problem).hint(hint).exit(exit::REFUSED))
}

fn usage(problem: &str, hint: &str) -> Error {
    Error::new(problem).hint(hint).exit(exit::USAGE)
}

fn defaults() -> Answers {
    Answers {
        version: String::new(),
        network: Network::Public,
        architecture: Architecture::Arm64,
        task_permissions: TaskPermissions::ReadOnly,
        task_policy_arns: vec![],
        spot: false,
        log_retention_days: DEFAULT_LOG_RETENTION_DAYS,
        image: DEFAULT_IMAGE.to_owned(),
        prepare_image: None,
        admin_email: git_email().unwrap_or_default(),
        zones: vec![],
        vpc_id: None,
        subnet_ids: vec![],
        public_ip: false,
        alarm_email: None,
        viewer: Viewer::default(),
    }
}

/// Who git says we are, if that is an address at all.
fn git_email() -> Option<String> {
    let output = Command::new("git").args(["config", "--get", "user.email"]).output().ok()?;
    flags::email(String::from_utf8(output.stdout).ok()?.trim()).ok()
}

#[cfg(test)]
mod tests;
