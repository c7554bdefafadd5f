//! The prompts: one a choice, each with what it costs or risks.

use dialoguer::{Confirm, Input, Select};

use super::flags::{self, AlarmEmail};
use crate::{
    deploy::answers::{Answers, Architecture, Network, TaskPermissions, Viewer},
    error::Result,
};

pub(super) fn network(default: Network) -> Result<Network> {
    let items = [
        "public: containers have addresses of their own, nothing comes in; $0 while idle",
        "nat: private subnets and one NAT gateway, the same address for all; about $37 a month",
        "private: no internet, only AWS's services, images from your ECR alone; about $58 a month",
        "existing: a network of yours and its ways out; nothing added but a firewall",
    ];
    select("Containers reach the internet by", &items, &Network::ALL, default)
}

pub(super) fn vpc(default: Option<&str>) -> Result<String> {
    input("Id of the network (vpc-…)", default, |text| flags::vpc(text).map(drop))
}

pub(super) fn subnets(default: &[String]) -> Result<Vec<String>> {
    let default = default.join(",");
    let check = |text: &str| text.split(',').try_for_each(|id| flags::subnet(id.trim()).map(drop));
    let default = (!default.is_empty()).then_some(default.as_str());
    let text = input("Its subnets for containers (subnet-…, commas between)", default, check)?;
    Ok(text.split(',').map(|id| id.trim().to_owned()).collect())
}

pub(super) fn public_ip(default: bool) -> Result<bool> {
    confirm("Are these public subnets? Then containers need public addresses to reach anything", default)
}

pub(super) fn architecture(default: Architecture) -> Result<Architecture> {
    let items = ["arm64: a fifth cheaper", "x86_64: for images that exist for nothing else"];
    select("Containers run on", &items, &[Architecture::Arm64, Architecture::X86_64], default)
}

pub(super) fn spot(default: bool) -> Result<bool> {
    confirm("Run on spare capacity by default? About 70% cheaper, and AWS may interrupt commands at any time", default)
}

pub(super) fn permissions(default: TaskPermissions) -> Result<TaskPermissions> {
    let items = [
        "do nothing in this AWS account: enough for builds and scripts",
        "read everything in it, the contents of buckets and tables too",
        "change everything in it but users and permissions",
        "change everything in it: whoever has a key to runvoy can become its administrator",
        "do what policies of yours allow",
    ];
    select("Commands may", &items, &TaskPermissions::ALL, default)
}

pub(super) fn policies(default: &[String]) -> Result<Vec<String>> {
    let default = default.join(" ");
    let check = |text: &str| match text.split_whitespace().count() {
        0 => Err("name at least one".to_owned()),
        _ => text.split_whitespace().try_for_each(|arn| flags::policy(arn).map(drop)),
    };
    let text = input("ARNs of these policies", (!default.is_empty()).then_some(default.as_str()), check)?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

pub(super) fn image(answers: &Answers) -> Result<String> {
    // A private network can't reach the default one.
    let default = super::reachable(answers).then_some(answers.image.as_str());
    input("Image of executions that name none, from this account's ECR", default, |text| {
        let image = flags::image_reference(text)?;
        let reachable = super::reachable(&Answers { image, ..answers.clone() });
        if reachable { Ok(()) } else { Err(format!("must look like `{}`", super::ECR_EXAMPLE)) }
    })
}

pub(super) fn retention(default: u32) -> Result<u32> {
    let prompt = "Days that the commands' output is kept (about $0.03 per GB and month)";
    let text = input(prompt, Some(&default.to_string()), |text| flags::retention(text).map(drop))?;
    Ok(flags::retention(&text).unwrap_or(default))
}

pub(super) fn alarm_email(default: Option<&str>) -> Result<Option<String>> {
    let prompt = "E-mail address that is told of trouble, or `none` (11 alarms and a dashboard, about $1.10 a month)";
    let text = input(prompt, Some(default.unwrap_or("none")), |text| flags::alarm_email(text).map(drop))?;
    Ok(flags::alarm_email(&text).map_or(None, |AlarmEmail(email)| email))
}

pub(super) fn viewer(default: Viewer) -> Result<Viewer> {
    let items = [
        "the API's own address: nothing more to set up",
        "an address of CloudFront's: logs stay off the API's; some minutes more to set up, next to nothing a month",
    ];
    select("Log links lead to", &items, &[Viewer::FunctionUrl, Viewer::Cloudfront], default)
}

pub(super) fn admin_email(default: &str) -> Result<String> {
    let default = (!default.is_empty()).then_some(default);
    input("E-mail address of the first admin", default, |text| flags::email(text).map(drop))
}

fn select<T: Copy + PartialEq>(prompt: &str, items: &[&str], values: &[T], default: T) -> Result<T> {
    let index = values.iter().position(|value| *value == default).unwrap_or_default();
    let chosen = Select::new().with_prompt(prompt).items(items).default(index).interact()?;
    Ok(values.get(chosen).copied().unwrap_or(default))
}

fn confirm(prompt: &str, default: bool) -> Result<bool> {
    Ok(Confirm::new().with_prompt(prompt).default(default).interact()?)
}

fn input(prompt: &str, default: Option<&str>, check: impl Fn(&str) -> Result<(), String>) -> Result<String> {
    let input = Input::<String>::new().with_prompt(prompt);
    let input = match default {
        Some(default) => input.default(default.to_owned()),
        None => input,
    };
    Ok(input.validate_with(|text: &String| check(text)).interact_text()?)
}
