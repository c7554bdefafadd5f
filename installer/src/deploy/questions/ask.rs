//! The prompts: one a choice, each with what it costs or risks.

use super::{
    Vpc,
    flags::{self, AlarmEmail},
    found::Subnet,
};
use crate::{
    deploy::answers::{Answers, Architecture, Network, TaskPermissions, Viewer},
    error::Result,
    prompt::{self, confirm, input},
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

/// One of those that are there, or any other.
pub(super) fn vpc(default: Option<&str>, found: &[Vpc]) -> Result<String> {
    let items: Vec<_> =
        found.iter().map(|vpc| format!("{}: {}", vpc.id, vpc.about)).chain(["another".into()]).collect();
    if !found.is_empty() {
        let items: Vec<_> = items.iter().map(String::as_str).collect();
        let present = default.and_then(|default| found.iter().position(|vpc| vpc.id == default));
        let index = present.unwrap_or(if default.is_some() { found.len() } else { 0 });
        let question = "Network of yours: commands reach all that can be reached from there, at its ways out's price";
        if let Some(vpc) = found.get(prompt::select(question, &items, index)?) {
            return Ok(vpc.id.clone());
        }
    }
    input("Id of the network (vpc-…), whose ways out commands have", default, |text| flags::vpc(text).map(drop))
}

/// Some of those of the network, or what is typed.
pub(super) fn subnets(default: &[String], found: &[Subnet]) -> Result<Vec<String>> {
    let question = "Its subnets for containers; without a way to AWS's services, no command starts";
    if !found.is_empty() && default.iter().all(|id| found.iter().any(|subnet| subnet.id == *id)) {
        let items: Vec<_> = found.iter().map(|subnet| format!("{}: {}", subnet.id, subnet.about)).collect();
        let items: Vec<_> = items.iter().map(String::as_str).collect();
        let chosen: Vec<_> = found.iter().map(|subnet| default.contains(&subnet.id)).collect();
        let chosen = prompt::several(question, &items, &chosen)?;
        return Ok(chosen.into_iter().filter_map(|index| Some(found.get(index)?.id.clone())).collect());
    }
    let default = default.join(",");
    let check = |text: &str| text.split(',').try_for_each(|id| flags::subnet(id.trim()).map(drop));
    let default = (!default.is_empty()).then_some(default.as_str());
    let text = input(&format!("{question} (subnet-…, commas between)"), default, check)?;
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
    let text = input(
        "ARNs of these policies; whoever has a key may do all that they allow",
        (!default.is_empty()).then_some(default.as_str()),
        check,
    )?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

pub(super) fn image(answers: &Answers) -> Result<String> {
    // A private network can't reach the default one.
    let default = super::reachable(answers).then_some(answers.image.as_str());
    input(
        "Image of executions that name none, from this account's ECR; each pulls it anew, so that a large one starts late",
        default,
        |text| {
            let image = flags::image_reference(text)?;
            let reachable = super::reachable(&Answers { image, ..answers.clone() });
            if reachable { Ok(()) } else { Err(format!("must look like `{}`", super::ECR_EXAMPLE)) }
        },
    )
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
    input("E-mail address of the first admin (may do everything)", default, |text| flags::email(text).map(drop))
}

fn select<T: Copy + PartialEq>(question: &str, items: &[&str], values: &[T], default: T) -> Result<T> {
    let index = values.iter().position(|value| *value == default).unwrap_or_default();
    let chosen = prompt::select(question, items, index)?;
    Ok(values.get(chosen).copied().unwrap_or(default))
}
