//! Which deployment is meant: its name and its region.

use aws_config::{
    environment::EnvironmentVariableRegionProvider, meta::region::RegionProviderChain,
    profile::ProfileFileRegionProvider,
};
use runvoy_api::infra::validate_stack_name;

use crate::{
    error::{Error, Result},
    exit, prompt,
};

/// The name of a deployment that nobody named.
pub const DEFAULT_NAME: &str = "runvoy";

/// Where most are; any other can be typed.
const REGIONS: [(&str, &str); 10] = [
    ("us-east-1", "N. Virginia"),
    ("us-east-2", "Ohio"),
    ("us-west-2", "Oregon"),
    ("ca-central-1", "Canada"),
    ("eu-west-1", "Ireland"),
    ("eu-west-2", "London"),
    ("eu-central-1", "Frankfurt"),
    ("ap-southeast-1", "Singapore"),
    ("ap-southeast-2", "Sydney"),
    ("ap-northeast-1", "Tokyo"),
];

/// Which deployment is meant.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name: the main stack's, and the profile's that is saved for it.
    pub stack: String,
    /// AWS region.
    pub region: String,
}

/// How flags name a deployment.
#[derive(clap::Args, Default, Clone)]
pub struct NameFlags {
    /// Name of the deployment, and of the profile that is saved for it [default: runvoy]
    #[arg(long, value_name = "NAME", value_parser = stack_name, conflicts_with_all = ["company", "environment"])]
    stack_name: Option<String>,
    /// Short for `--stack-name runvoy-COMPANY-ENVIRONMENT`
    #[arg(long, requires = "environment")]
    company: Option<String>,
    /// See `--company`
    #[arg(long, requires = "company")]
    environment: Option<String>,
}

impl NameFlags {
    /// Whether they name one.
    pub fn is_given(&self) -> bool {
        self.stack_name.is_some() || self.company.is_some()
    }

    /// The name, if one is given.
    pub fn name(self) -> Result<Option<String>> {
        let (Some(company), Some(environment)) = (self.company, self.environment) else { return Ok(self.stack_name) };
        let name = format!("runvoy-{company}-{environment}");
        let usage = |problem| Error::new(problem).hint("name it yourself with `--stack-name`").exit(exit::USAGE);
        stack_name(&name).map(Some).map_err(usage)
    }
}

/// Which deployment is meant, by flags, else asked for if we `can_ask`, else the default name in `region_default`, the
/// region of the AWS profile.
pub fn place(
    stack_flag: Option<String>,
    region_flag: Option<String>,
    region_default: Option<String>,
    can_ask: bool,
) -> Result<Place> {
    let stack = match stack_flag {
        None if can_ask => ask_name()?,
        given => given.unwrap_or_else(|| DEFAULT_NAME.to_owned()),
    };
    let region = match region_flag {
        None if can_ask => Some(ask_region(region_default.as_deref())?),
        given => given.or(region_default),
    };
    let missing = || {
        Error::new("no AWS region is set")
            .hint("add `--region eu-west-1` (or another), or set `AWS_REGION`")
            .exit(exit::USAGE)
    };
    Ok(Place { stack, region: region.ok_or_else(missing)? })
}

/// The region of the environment or the AWS profile, if one is set.
pub async fn default_region() -> Option<String> {
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new());
    chain.or_else(ProfileFileRegionProvider::new()).region().await.map(|region| region.to_string())
}

/// Refuses what is no region's name, before it becomes part of an address.
pub fn region(text: &str) -> Result<String, String> {
    let shaped = (8..=24).contains(&text.len())
        && text.split('-').count() >= 3
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
    if shaped { Ok(text.to_owned()) } else { Err("must look like `eu-west-1`".to_owned()) }
}

fn stack_name(text: &str) -> Result<String, String> {
    validate_stack_name(text).map(|()| text.to_owned())
}

fn ask_name() -> Result<String> {
    prompt::input("Name of the deployment; it can't be changed later", Some(DEFAULT_NAME), |text| {
        stack_name(text).map(drop)
    })
}

/// The profile's region comes first, then the usual ones, then any.
fn ask_region(default: Option<&str>) -> Result<String> {
    let usual = REGIONS.iter().filter(|(name, _)| Some(*name) != default);
    let first = default.map(|name| (name, "the default of your AWS settings"));
    let choices: Vec<_> = first.into_iter().chain(usual.copied()).collect();
    let items = choices.iter().map(|(name, what)| format!("{name:<15} {what}")).chain(["another".to_owned()]);
    let items: Vec<_> = items.collect();
    let items: Vec<_> = items.iter().map(String::as_str).collect();
    match choices.get(prompt::select("AWS region; it can't be changed later, and prices differ a little", &items, 0)?) {
        Some((name, _)) => Ok((*name).to_owned()),
        None => prompt::input("AWS region", None, |text| region(text).map(drop)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn flags_come_before_settings_and_those_before_the_default() {
        let expected = |stack: &str, region: &str| Place { stack: stack.into(), region: region.into() };
        let place = |stack, region, default| place(stack, region, default, false);
        assert_eq!(place(None, None, text("eu-west-1")).unwrap(), expected("runvoy", "eu-west-1"));
        assert_eq!(place(text("x1"), text("us-west-2"), text("eu-west-1")).unwrap(), expected("x1", "us-west-2"));
        assert_eq!(place(None, None, None).unwrap_err().code(), exit::USAGE);
    }

    #[test]
    fn company_and_environment_make_a_name() {
        let flags = |company, environment| NameFlags { stack_name: None, company, environment };
        assert_eq!(flags(text("acme"), text("prod")).name().unwrap(), text("runvoy-acme-prod"));
        assert_eq!(flags(text("Acme Ltd"), text("prod")).name().unwrap_err().code(), exit::USAGE);
        assert_eq!(NameFlags::default().name().unwrap(), None);
    }

    #[test]
    fn regions_have_a_shape() {
        for good in REGIONS.map(|(name, _)| name).into_iter().chain(["us-gov-west-1", "cn-north-1"]) {
            assert_eq!(region(good).as_deref(), Ok(good));
        }
        for bad in ["", "eu", "eu-west", "EU-WEST-1", "eu-west-1.evil.example", "eu-west-1/"] {
            assert!(region(bad).is_err(), "{bad}");
        }
    }
}
