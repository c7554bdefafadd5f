//! The admin's choices: from flags, else from the deployment as it is, else asked for, else the default.

use std::process::Command;

use dialoguer::{Confirm, Input, Select};
use runvoy_api::{image, user::validate_email};

use super::answers::{Answers, Architecture, DEFAULT_IMAGE, DEFAULT_LOG_RETENTION_DAYS, Network, TaskPermissions};
use crate::error::{Error, Result};

/// Exit code of what was asked for wrongly.
const USAGE: u8 = 2;

/// The days that CloudWatch Logs can keep things for.
const RETENTIONS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// The choices that flags can make.
#[derive(clap::Args)]
pub struct Flags {
    /// CPU of functions and containers [default: arm64]
    #[arg(long)]
    pub architecture: Option<Architecture>,
    /// E-mail address of the first admin [default: git's `user.email`]
    #[arg(long, value_name = "EMAIL", value_parser = email)]
    pub admin_email: Option<String>,
    /// What commands may do in the AWS account [default: read-only]
    #[arg(long, value_name = "WHAT")]
    task_permissions: Option<TaskPermissions>,
    /// Run on spare capacity unless an execution says otherwise: cheaper, and AWS may interrupt it [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    spot: Option<bool>,
    /// How long the commands' output is kept [default: 7]
    #[arg(long, value_name = "DAYS", value_parser = retention)]
    log_retention_days: Option<u32>,
    /// Image of executions that name none
    #[arg(long, value_parser = image_reference)]
    image: Option<String>,
}

/// The choices: `deployed` are those of the deployment as it is. Only a first deployment asks, and only if it `can_ask`.
pub fn answer(flags: Flags, deployed: Option<Answers>, can_ask: bool) -> Result<Answers> {
    let ask = can_ask && deployed.is_none();
    let mut answers = match deployed {
        Some(deployed) => deployed,
        None => Answers { admin_email: git_email().unwrap_or_default(), ..defaults() },
    };
    answers.version = env!("CARGO_PKG_VERSION").to_owned();
    answers.log_retention_days = flags.log_retention_days.unwrap_or(answers.log_retention_days);
    answers.image = flags.image.unwrap_or(answers.image);
    answers.admin_email = match flags.admin_email {
        None if ask => ask_email(&answers.admin_email)?,
        given => given.unwrap_or(answers.admin_email),
    };
    answers.task_permissions = match flags.task_permissions {
        None if ask => ask_permissions(answers.task_permissions)?,
        given => given.unwrap_or(answers.task_permissions),
    };
    answers.architecture = match flags.architecture {
        None if ask => ask_architecture()?,
        given => given.unwrap_or(answers.architecture),
    };
    answers.spot = match flags.spot {
        None if ask => ask_spot()?,
        given => given.unwrap_or(answers.spot),
    };
    if answers.admin_email.is_empty() {
        return Err(Error::new("nobody is named as the first admin")
            .hint("add `--admin-email you@example.com`")
            .exit(USAGE));
    }
    Ok(answers)
}

fn defaults() -> Answers {
    Answers {
        version: String::new(),
        network: Network::Public,
        architecture: Architecture::Arm64,
        task_permissions: TaskPermissions::ReadOnly,
        spot: false,
        log_retention_days: DEFAULT_LOG_RETENTION_DAYS,
        image: DEFAULT_IMAGE.to_owned(),
        admin_email: String::new(),
    }
}

/// Who git says we are, if that is an address at all.
fn git_email() -> Option<String> {
    let output = Command::new("git").args(["config", "--get", "user.email"]).output().ok()?;
    email(String::from_utf8(output.stdout).ok()?.trim()).ok()
}

fn ask_email(default: &str) -> Result<String> {
    let prompt = Input::<String>::new().with_prompt("E-mail address of the first admin");
    let prompt = if default.is_empty() { prompt } else { prompt.default(default.to_owned()) };
    let check = |text: &String| email(text).map(drop);
    Ok(prompt.validate_with(check).interact_text()?)
}

fn ask_permissions(default: TaskPermissions) -> Result<TaskPermissions> {
    let index = TaskPermissions::ALL.iter().position(|choice| *choice == default).unwrap_or_default();
    let items = TaskPermissions::ALL.map(TaskPermissions::describe);
    let chosen = Select::new().with_prompt("Commands may").items(items).default(index).interact()?;
    Ok(TaskPermissions::ALL[chosen])
}

fn ask_architecture() -> Result<Architecture> {
    let items = ["arm64: a fifth cheaper", "x86_64: for images that exist for nothing else"];
    let chosen = Select::new().with_prompt("Containers run on").items(items).default(0).interact()?;
    Ok([Architecture::Arm64, Architecture::X86_64][chosen])
}

fn ask_spot() -> Result<bool> {
    let prompt = "Run on spare capacity by default? It is cheaper, and AWS may interrupt commands at any time";
    Ok(Confirm::new().with_prompt(prompt).default(false).interact()?)
}

fn email(text: &str) -> Result<String, String> {
    validate_email(text).map(|()| text.to_owned()).map_err(|error| error.problem)
}

fn image_reference(text: &str) -> Result<String, String> {
    image::validate(text).map(|()| text.to_owned()).map_err(|error| error.problem)
}

fn retention(text: &str) -> Result<u32, String> {
    let known = || RETENTIONS.map(|days| days.to_string()).join(", ");
    text.parse().ok().filter(|days| RETENTIONS.contains(days)).ok_or_else(|| format!("must be one of {}", known()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> Flags {
        Flags {
            architecture: None,
            admin_email: None,
            task_permissions: None,
            spot: None,
            log_retention_days: None,
            image: None,
        }
    }

    #[test]
    fn a_deployments_own_answers_stay_unless_a_flag_says_otherwise() {
        let first = Flags { admin_email: Some("a@example.com".into()), spot: Some(true), ..flags() };
        let deployed = answer(first, None, false).unwrap();
        assert_eq!((deployed.architecture, deployed.spot), (Architecture::Arm64, true));
        assert_eq!(answer(flags(), Some(deployed.clone()), true).unwrap(), deployed);
        let changed = Flags { task_permissions: Some(TaskPermissions::None), ..flags() };
        let changed = answer(changed, Some(deployed.clone()), false).unwrap();
        assert_eq!(changed, Answers { task_permissions: TaskPermissions::None, ..deployed });
    }

    #[test]
    fn only_what_cloudwatch_knows_is_a_retention() {
        assert_eq!(retention("14"), Ok(14));
        for bad in ["0", "8", "x", "-7"] {
            assert!(retention(bad).unwrap_err().contains("one of 1, 3, 5, 7, 14"), "{bad}");
        }
    }
}
