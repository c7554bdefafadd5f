//! The admin's choices: from flags, else asked for, else from the deployment as it is, else the default.

mod ask;
mod flags;
mod found;
mod place;

use std::{collections::BTreeMap, process::Command};

use runvoy_api::image;

use super::answers::{
    Answers, Architecture, DEFAULT_IMAGE, DEFAULT_LOG_RETENTION_DAYS, Domain, Network, TaskPermissions, Viewer,
};
use crate::{
    error::{Error, Result},
    exit,
};

pub use flags::Flags;
use flags::TaskRole;
pub use found::{Vpc, networks};
pub use place::{DEFAULT_NAME, NameFlags, Place, default_region, place, region};

/// AWS attaches no more to a role, unless it is asked for a higher limit.
const MOST_POLICIES: usize = 10;

/// AWS allows 50 on a resource. One is ours, three are CloudFormation's, and networks have a name.
const MOST_TAGS: usize = 45;

const ECR_EXAMPLE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/terraform:1.10.5";

/// The choices: `deployed` are those of the deployment as it is. Exit code 2 for choices that contradict each other, 5
/// for a change that a deployment can't make without harm to what runs. Whoever is to be asked has these networks to choose
/// from.
pub fn answer(
    flags: Flags,
    deployed: Option<Answers>,
    remembered: Option<Answers>,
    asked: Option<&[Vpc]>,
) -> Result<Answers> {
    let ask = asked.is_some();
    let mut answers = deployed.clone().or(remembered).unwrap_or_else(defaults);
    answers.version = env!("CARGO_PKG_VERSION").to_owned();
    network(&flags, &mut answers, asked)?;
    answers.architecture = choose(flags.architecture, answers.architecture, ask, ask::architecture)?;
    answers.spot = choose(flags.spot, answers.spot, ask, ask::spot)?;
    permissions(&flags, &mut answers, ask)?;
    task_roles(&flags, &mut answers)?;
    image(&flags, &mut answers, ask)?;
    answers.log_retention_days = choose(flags.log_retention_days, answers.log_retention_days, ask, ask::retention)?;
    let alarms = flags.alarm_email.clone().map(|email| email.0);
    answers.alarm_email = choose(alarms, answers.alarm_email, ask, |email| ask::alarm_email(email.as_deref()))?;
    answers.viewer = choose(flags.viewer, answers.viewer, ask, ask::viewer)?;
    domain(&flags, &mut answers)?;
    if let Some(boundary) = flags.permissions_boundary {
        answers.permissions_boundary = boundary.0;
    }
    answers.tags.extend(flags.tags);
    if answers.tags.len() > MOST_TAGS {
        let problem = format!("{} tags are too many: AWS takes 50, and some of them are runvoy's", answers.tags.len());
        return Err(usage(&problem, &format!("name at most {MOST_TAGS}")));
    }
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

impl Flags {
    /// Whether they leave open which of the networks that are there it could be.
    pub fn leave_network_open(&self) -> bool {
        matches!(self.network, None | Some(Network::Existing)) && (self.vpc_id.is_none() || self.subnet_ids.is_empty())
    }
}

fn network(flags: &Flags, answers: &mut Answers, asked: Option<&[Vpc]>) -> Result<()> {
    let ask = asked.is_some();
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
        None => match asked {
            Some(found) => Some(ask::vpc(answers.vpc_id.as_deref(), found)?),
            None => answers.vpc_id.take(),
        },
        given => given.clone(),
    };
    if !flags.subnet_ids.is_empty() {
        answers.subnet_ids.clone_from(&flags.subnet_ids);
    } else if let Some(found) = asked {
        let vpc = found.iter().find(|vpc| Some(&vpc.id) == answers.vpc_id.as_ref());
        answers.subnet_ids = ask::subnets(&answers.subnet_ids, vpc.map_or(&[], |vpc| &vpc.subnets))?;
    }
    answers.public_ip = choose(flags.public_ip, answers.public_ip, ask, ask::public_ip)?;
    if answers.vpc_id.is_none() || answers.subnet_ids.is_empty() {
        let hint = "add `--vpc-id vpc-… --subnet-id subnet-…`; `aws ec2 describe-subnets` lists them";
        return Err(usage("`--network existing` needs a network and at least one of its subnets", hint));
    }
    Ok(())
}

/// A name for the viewer's address. It goes with the address.
fn domain(flags: &Flags, answers: &mut Answers) -> Result<()> {
    let named = flags.viewer_domain.as_ref().is_some_and(|name| name.0.is_some()) || flags.viewer_certificate.is_some();
    if answers.viewer != Viewer::Cloudfront {
        answers.viewer_domain = None;
        let problem = "only a viewer by CloudFront can have a domain";
        return if named { Err(usage(problem, "add `--viewer cloudfront`")) } else { Ok(()) };
    }
    let before = answers.viewer_domain.take();
    let name = match &flags.viewer_domain {
        Some(name) => name.0.clone(),
        None => before.as_ref().map(|domain| domain.name.clone()),
    };
    let certificate = flags.viewer_certificate.clone().or(before.map(|domain| domain.certificate_arn));
    answers.viewer_domain = match (name, certificate) {
        (Some(name), Some(certificate_arn)) => Some(Domain { name, certificate_arn }),
        (Some(_), None) => {
            let hint = "add `--viewer-certificate arn:aws:acm:us-east-1:…:certificate/…`";
            return Err(usage("a domain needs a certificate that names it", hint));
        }
        (None, _) if flags.viewer_certificate.is_some() => {
            return Err(usage("a certificate needs a domain that it names", "add `--viewer-domain logs.example.com`"));
        }
        (None, _) => None,
    };
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
        count => not_too_many(count),
    }
}

fn not_too_many(policies: usize) -> Result<()> {
    if policies <= MOST_POLICIES {
        return Ok(());
    }
    let problem = format!("{policies} policies are too many: AWS attaches {MOST_POLICIES} to a role");
    Err(usage(&problem, "join some of them into one"))
}

/// Those that are named replace those that were: what is left out is gone.
fn task_roles(flags: &Flags, answers: &mut Answers) -> Result<()> {
    if flags.task_roles.is_empty() {
        return Ok(());
    }
    answers.task_roles.clear();
    for TaskRole(role) in &flags.task_roles {
        let Some((name, policy)) = role else {
            if flags.task_roles.len() == 1 {
                continue;
            }
            return Err(usage("`--task-role none` stands beside other task roles", "leave it out"));
        };
        answers.task_roles.entry(name.clone()).or_default().push(policy.clone());
    }
    answers.task_roles.values().try_for_each(|policies| not_too_many(policies.len()))
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
    answers.network != Network::Private || image::ecr(&answers.image).is_some()
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
        task_roles: BTreeMap::new(),
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
        viewer_domain: None,
        permissions_boundary: None,
        tags: BTreeMap::new(),
    }
}

/// Who git says we are, if that is an address at all.
fn git_email() -> Option<String> {
    let output = Command::new("git").args(["config", "--get", "user.email"]).output().ok()?;
    flags::email(String::from_utf8(output.stdout).ok()?.trim()).ok()
}

#[cfg(test)]
mod tests;
