//! The CloudFormation templates: rendered from the contract's data, and read back.

mod context;
mod resources;
pub mod viewer;

use std::collections::BTreeMap;

use handlebars::{Handlebars, handlebars_helper, no_escape};
use serde_json::Value as Json;
use serde_yaml::Value as Yaml;

use crate::{
    deploy::answers::Answers,
    error::{Result, ResultExt as _},
};

pub use context::parameter;
pub use resources::{Group, ResourceInfo, resources};

macro_rules! template {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../templates/", $name, ".yaml.hbs")))
    };
}

/// Where a template holds its stack's tags, under `Metadata`.
const TAGS: &str = "runvoy-tags";

const BUCKET: (&str, &str) = template!("bucket");
const MAIN: (&str, &str) = template!("main");
const BY_HAND: (&str, &str) = ("by-hand", include_str!("../../../templates/by-hand.md.hbs"));
const PARTIALS: [(&str, &str); 14] = [
    template!("partials/network"),
    template!("partials/firewall"),
    template!("partials/nat"),
    template!("partials/endpoints"),
    template!("partials/cluster"),
    template!("partials/task-roles"),
    template!("partials/tables"),
    template!("partials/secrets"),
    template!("partials/logs"),
    template!("partials/functions"),
    template!("partials/function-url"),
    template!("partials/events"),
    template!("partials/alarms"),
    template!("partials/viewer"),
];

/// The bucket stack's template.
pub fn bucket(stack: &str, answers: &Answers) -> Result<String> {
    render(BUCKET, &context::bucket(stack, answers))
}

/// The main stack's template.
pub fn main(stack: &str, answers: &Answers) -> Result<String> {
    render(MAIN, &context::main(stack, answers)?)
}

/// How to deploy both by hand, in Markdown; `time` says how long the main one takes, and why.
pub fn by_hand(stack: &str, answers: &Answers, time: Json) -> Result<String> {
    render(BY_HAND, &context::by_hand(stack, answers, time))
}

// JSON is YAML too, so any text and list can be written in its place without a thought for quoting.
handlebars_helper!(json: |value: Json| value.to_string());

// `Fn::Sub` only where there is something to fill in: it is an error elsewhere.
handlebars_helper!(sub: |text: str| {
    let quoted = Json::from(text).to_string();
    if text.contains("${") { format!("!Sub {quoted}") } else { quoted }
});

fn render((name, source): (&str, &str), context: &Json) -> Result<String> {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(no_escape);
    engine.register_helper("json", Box::new(json));
    engine.register_helper("sub", Box::new(sub));
    for (name, source) in PARTIALS {
        let name = name.trim_start_matches("partials/");
        engine.register_partial(name, source).context(format!("can't read the partial `{name}`"))?;
    }
    engine.render_template(source, context).context(format!("can't render the template `{name}`"))
}

/// What each resource is in the admin's words, by logical id.
pub fn descriptions(template: &str) -> Result<BTreeMap<String, String>> {
    let template: Yaml = serde_yaml::from_str(template)?;
    let resources = template.get("Resources").and_then(Yaml::as_mapping);
    let described = resources.into_iter().flatten().filter_map(|(logical, resource)| {
        let text = resource.get("Metadata")?.get("runvoy")?.get("description")?.as_str()?;
        Some((logical.as_str()?.to_owned(), text.to_owned()))
    });
    Ok(described.collect())
}

/// The tags that a template's stack has beside ours. They travel in the template, as the answers do.
pub fn tags(template: &str) -> BTreeMap<String, String> {
    let template: Yaml = serde_yaml::from_str(template).unwrap_or_default();
    let tags = template.get("Metadata").and_then(|metadata| metadata.get(TAGS)).cloned();
    tags.and_then(|tags| serde_yaml::from_value(tags).ok()).unwrap_or_default()
}

/// The answers that a deployed template was rendered from; none if it is not one of ours.
pub fn answers(template: &str) -> Option<Answers> {
    let template: Yaml = serde_yaml::from_str(template).ok()?;
    serde_yaml::from_value(template.get("Metadata")?.get("runvoy")?.clone()).ok()
}

/// The template as CloudFormation gives it back: perhaps with another end, and with a question mark for each character
/// beyond ASCII.
pub fn returned(template: &str) -> String {
    template.trim_end().replace(|c: char| !c.is_ascii(), "?")
}

#[cfg(test)]
mod checks;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
