//! The choices that flags can make.

use runvoy_api::{image, infra, user::validate_email};

use crate::deploy::answers::{Architecture, Network, TaskPermissions, Viewer};

/// The days that CloudWatch Logs can keep things for.
const RETENTIONS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Each question of `runvoy init`, as a flag.
#[derive(clap::Args, Default, Clone)]
pub struct Flags {
    /// How containers reach the internet [default: public]
    #[arg(long, value_name = "KIND")]
    pub(super) network: Option<Network>,
    /// The network to use, with `--network existing`
    #[arg(long, value_name = "VPC", value_parser = vpc)]
    pub(super) vpc_id: Option<String>,
    /// A subnet of it for containers; more by repeating it or with commas
    #[arg(long = "subnet-id", value_name = "SUBNET", value_delimiter = ',', value_parser = subnet)]
    pub(super) subnet_ids: Vec<String>,
    /// Give containers public addresses there: public subnets have no other way out [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(super) public_ip: Option<bool>,
    /// CPU of functions and containers [default: arm64]
    #[arg(long)]
    pub architecture: Option<Architecture>,
    /// Run on spare capacity unless an execution says otherwise: cheaper, and AWS may interrupt it [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(super) spot: Option<bool>,
    /// What commands may do in the AWS account [default: read-only]
    #[arg(long, value_name = "WHAT")]
    pub(super) task_permissions: Option<TaskPermissions>,
    /// A policy that says what commands may do instead, by its ARN; more by repeating it
    #[arg(long = "task-policy-arn", value_name = "ARN", value_parser = policy)]
    pub(super) task_policy_arns: Vec<String>,
    /// Another role for commands, with a policy that says what it allows: `exec --task-role NAME` runs under it. More by
    /// repeating it, also for a role of several policies; `none` for no other roles any more
    #[arg(long = "task-role", value_name = "NAME=POLICY-ARN", value_parser = task_role)]
    pub(super) task_roles: Vec<TaskRole>,
    /// How long the commands' output is kept [default: 7]
    #[arg(long, value_name = "DAYS", value_parser = retention)]
    pub(super) log_retention_days: Option<u32>,
    /// Image of executions that name none; with `--network private`, one of the account's own ECR
    #[arg(long, value_parser = image_reference)]
    pub(super) image: Option<String>,
    /// Image of your own build, by `cargo xtask image`: it brings code, and runs executions unless there is `--image`
    #[arg(long, value_name = "IMAGE", value_parser = image_reference)]
    pub(super) executor_image: Option<String>,
    /// Who is told of trouble: alarms and a dashboard, about $1.10 a month; `none` for nobody
    #[arg(long, value_name = "EMAIL", value_parser = alarm_email)]
    pub(super) alarm_email: Option<AlarmEmail>,
    /// Where log links lead: to the API, or to CloudFront, which takes some minutes to set up [default: function-url]
    #[arg(long, value_name = "WHERE")]
    pub(super) viewer: Option<Viewer>,
    /// A domain for that address, with `--viewer cloudfront` and a certificate; `none` for AWS's own
    #[arg(long, value_name = "NAME", value_parser = domain)]
    pub(super) viewer_domain: Option<OrNone>,
    /// That domain's certificate in ACM, which must be in us-east-1
    #[arg(long, value_name = "ARN", value_parser = certificate)]
    pub(super) viewer_certificate: Option<String>,
    /// A policy that no role of the deployment may reach beyond, by its ARN; `none` for no such bound [default: none]
    #[arg(long, value_name = "ARN", value_parser = boundary)]
    pub(super) permissions_boundary: Option<OrNone>,
    /// A tag for everything that is made; more by repeating it. They add to those that the deployment has
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    pub(super) tags: Vec<(String, String)>,
    /// E-mail address of the first admin [default: git's `user.email`]
    #[arg(long, value_name = "EMAIL", value_parser = email)]
    pub admin_email: Option<String>,
}

/// A role's name and one of its policies; or none at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaskRole(pub Option<(String, String)>);

fn task_role(text: &str) -> Result<TaskRole, String> {
    if text == "none" {
        return Ok(TaskRole(None));
    }
    let (name, arn) = text.split_once('=').ok_or("must be NAME=POLICY-ARN")?;
    infra::validate_task_role(name)?;
    Ok(TaskRole(Some((name.to_owned(), policy(arn)?))))
}

/// An address, or nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AlarmEmail(pub Option<String>);

/// Something that can be chosen not to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OrNone(pub Option<String>);

/// A name in DNS, as browsers write it.
fn domain(text: &str) -> Result<OrNone, String> {
    if text == "none" {
        return Ok(OrNone(None));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
    };
    let shaped = text.len() <= 253 && text.contains('.') && text.split('.').all(label);
    shaped.then(|| OrNone(Some(text.to_owned()))).ok_or_else(|| "must look like `logs.example.com`".to_owned())
}

fn certificate(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("arn:aws:acm:us-east-1:").and_then(|rest| rest.split_once(":certificate/"));
    let shaped = rest.is_some_and(|(account, id)| {
        account.len() == 12
            && account.bytes().all(|c| c.is_ascii_digit())
            && !id.is_empty()
            && id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
    });
    shaped.then(|| text.to_owned()).ok_or_else(|| {
        "must look like `arn:aws:acm:us-east-1:123456789012:certificate/…`: CloudFront takes no other region's"
            .to_owned()
    })
}

fn boundary(text: &str) -> Result<OrNone, String> {
    if text == "none" { Ok(OrNone(None)) } else { policy(text).map(|arn| OrNone(Some(arn))) }
}

/// AWS's limits on tags, and its own and our names, which nobody else may set.
fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must look like `team=platform`")?;
    let plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c));
    if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 || !plain(key) || !plain(value) {
        return Err("a key has 1 to 128 letters, digits, spaces or any of `_.:/=+-@`, a value at most 256".to_owned());
    }
    if key.starts_with("aws:") || key.starts_with("runvoy:") {
        return Err("keys that begin with `aws:` or `runvoy:` are taken".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

pub(super) fn email(text: &str) -> Result<String, String> {
    validate_email(text).map(|()| text.to_owned()).map_err(|error| error.problem)
}

pub(super) fn alarm_email(text: &str) -> Result<AlarmEmail, String> {
    if matches!(text, "" | "none") { Ok(AlarmEmail(None)) } else { email(text).map(|email| AlarmEmail(Some(email))) }
}

pub(super) fn image_reference(text: &str) -> Result<String, String> {
    image::validate(text).map(|()| text.to_owned()).map_err(|error| error.problem)
}

pub(super) fn retention(text: &str) -> Result<u32, String> {
    let known = || RETENTIONS.map(|days| days.to_string()).join(", ");
    text.parse().ok().filter(|days| RETENTIONS.contains(days)).ok_or_else(|| format!("must be one of {}", known()))
}

pub(super) fn vpc(text: &str) -> Result<String, String> {
    ec2_id("vpc-", text)
}

pub(super) fn subnet(text: &str) -> Result<String, String> {
    ec2_id("subnet-", text)
}

/// Ids of EC2 are 8 or, since 2018, 17 hex digits.
fn ec2_id(prefix: &str, text: &str) -> Result<String, String> {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    let shaped = matches!(digits.len(), 8 | 17) && digits.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if shaped { Ok(text.to_owned()) } else { Err(format!("must look like `{prefix}0123456789abcdef0`")) }
}

/// An ARN of a managed policy: AWS's, or an account's own.
pub(super) fn policy(text: &str) -> Result<String, String> {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let name = |resource: &str| {
        let name = resource.strip_prefix("policy/").unwrap_or_default();
        !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"/+=,.@_-".contains(&c))
    };
    let owner = |owner: &str| owner == "aws" || owner.len() == 12 && owner.bytes().all(|c| c.is_ascii_digit());
    match parts[..] {
        ["arn", "aws" | "aws-cn" | "aws-us-gov", "iam", "", account, resource] if owner(account) && name(resource) => {
            Ok(text.to_owned())
        }
        _ => Err("must look like `arn:aws:iam::aws:policy/ReadOnlyAccess`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cloudwatch_knows_is_a_retention() {
        assert_eq!(retention("14"), Ok(14));
        for bad in ["0", "8", "x", "-7"] {
            assert!(retention(bad).unwrap_err().contains("one of 1, 3, 5, 7, 14"), "{bad}");
        }
    }

    #[test]
    fn ids_and_arns_have_a_shape() {
        for good in ["vpc-0a1b2c3d", "vpc-0123456789abcdef0"] {
            assert_eq!(vpc(good).as_deref(), Ok(good));
        }
        for bad in ["", "vpc-", "vpc-0123", "vpc-0A1B2C3D", "subnet-0a1b2c3d", "vpc-0a1b2c3d\n"] {
            assert!(vpc(bad).unwrap_err().contains("vpc-0123456789abcdef0"), "{bad}");
        }
        for good in
            ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", "arn:aws-cn:iam::123456789012:policy/deploy"]
        {
            assert_eq!(policy(good).as_deref(), Ok(good));
        }
        for bad in [
            "ReadOnlyAccess",
            "arn:aws:iam::12:policy/x",
            "arn:aws:iam::aws:role/x",
            "arn:aws:iam::aws:policy/",
            "arn:aws:iam::aws:policy/${AWS::StackName}",
        ] {
            assert!(policy(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn domains_certificates_and_tags_have_a_shape() {
        assert_eq!(domain("logs.example.com"), Ok(OrNone(Some("logs.example.com".into()))));
        assert_eq!((domain("none"), boundary("none")), (Ok(OrNone(None)), Ok(OrNone(None))));
        for bad in ["", "logs", "Logs.example.com", "-a.example.com", "a..b", "https://a.b"] {
            assert!(domain(bad).is_err(), "{bad}");
        }
        assert!(certificate("arn:aws:acm:us-east-1:123456789012:certificate/1a-2b").is_ok());
        for bad in ["arn:aws:acm:eu-west-1:123456789012:certificate/1", "arn:aws:acm:us-east-1:1:certificate/1"] {
            assert!(certificate(bad).is_err(), "{bad}");
        }
        assert!(boundary("arn:aws:iam::123456789012:policy/limit").is_ok() && boundary("limit").is_err());
        assert_eq!(tag("cost center=a=b"), Ok(("cost center".into(), "a=b".into())));
        for bad in ["team", "=x", "aws:x=y", "runvoy:stack=x", "a=\u{1}", "a!=b"] {
            assert!(tag(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn task_roles_have_a_name_and_a_policy() {
        let arn = "arn:aws:iam::aws:policy/PowerUserAccess";
        assert_eq!(task_role(&format!("deploy={arn}")), Ok(TaskRole(Some(("deploy".into(), arn.into())))));
        assert_eq!(task_role("none"), Ok(TaskRole(None)));
        for bad in ["deploy", "default=arn:aws:iam::aws:policy/x", "De=arn:aws:iam::aws:policy/x", "deploy=PowerUser"] {
            assert!(task_role(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nobody_can_be_told_of_trouble() {
        assert_eq!(alarm_email("none"), Ok(AlarmEmail(None)));
        assert_eq!(alarm_email("ops@example.com"), Ok(AlarmEmail(Some("ops@example.com".into()))));
        assert!(alarm_email("ops").is_err());
    }
}
