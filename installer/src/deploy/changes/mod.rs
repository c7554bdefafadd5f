//! What an update changes, in the admin's words; and what it must not change without being told to.

mod diff;
mod indexes;
mod show;

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{
    Change as AwsChange, ChangeAction, ChangeSource, PolicyAction, Replacement as AwsReplacement, ResourceChange,
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    error::{Error, Result},
    exit,
    templates::{self, Group, ResourceInfo},
};
pub use diff::of_templates;
pub use indexes::{Stage, stages};
pub use show::show;

/// The flag that allows what [`check_data`] refuses.
const FLAG: &str = "--allow-replacing";

/// What becomes of one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Its logical id.
    pub logical: String,
    /// Its type.
    pub kind: String,
    /// What it is, in the admin's words.
    pub what: String,
    /// What it belongs to.
    pub group: Group,
    /// Whether something would be lost with it.
    pub holds_data: bool,
    /// What happens to it.
    pub action: Action,
    /// Whether it becomes another one on the way.
    pub replacement: Replacement,
    /// The properties that change.
    pub properties: Vec<String>,
    /// Whether AWS looks at it again only because something that it refers to changes.
    pub derived: bool,
    /// Whether the old one is left in the account where the stack lets go of it.
    pub kept: bool,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is made.
    Add,
    /// It changes.
    Modify,
    /// The stack lets go of it.
    Remove,
    /// It is there already and becomes the stack's.
    Import,
}

/// Whether a change makes another resource of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Replacement {
    /// It stays the same one.
    No,
    /// AWS knows only when it gets there.
    Maybe,
    /// It becomes another one.
    Yes,
}

/// What templates tell of their resources; the newer one counts.
struct Resources {
    new: BTreeMap<String, ResourceInfo>,
    old: BTreeMap<String, ResourceInfo>,
    /// Also of those that do not say what they belong to, as those of older releases don't.
    descriptions: BTreeMap<String, String>,
}

impl Resources {
    fn read(old: Option<&str>, new: &str) -> Result<Self> {
        let before = old.map(templates::descriptions).transpose()?.unwrap_or_default();
        let old = old.map(templates::resources).transpose()?.unwrap_or_default();
        let mut descriptions = before;
        descriptions.extend(templates::descriptions(new)?);
        Ok(Self { new: templates::resources(new)?, old, descriptions })
    }

    /// A change of this resource, with nothing in it yet.
    fn change(&self, logical: &str, kind: &str, action: Action) -> Change {
        let info = self.new.get(logical).or_else(|| self.old.get(logical));
        // That it held data in the deployed template is enough.
        let held =
            [&self.new, &self.old].into_iter().filter_map(|infos| infos.get(logical)).any(|info| info.holds_data);
        Change {
            logical: logical.to_owned(),
            kind: kind.to_owned(),
            what: self.descriptions.get(logical).cloned().unwrap_or_else(|| format!("`{logical}`")),
            group: info.map_or_else(|| group_of_kind(kind), |info| info.group),
            holds_data: held || info.is_none() && kind_holds_data(kind),
            action,
            replacement: Replacement::No,
            properties: vec![],
            derived: false,
            kept: false,
        }
    }
}

/// What a resource belongs to whose template does not say.
fn group_of_kind(kind: &str) -> Group {
    match kind.split("::").nth(1).unwrap_or_default() {
        "EC2" => Group::Network,
        "IAM" => Group::Permissions,
        "DynamoDB" | "Logs" => Group::History,
        "Lambda" => Group::Api,
        "Events" | "SQS" => Group::Events,
        "SecretsManager" | "KMS" => Group::Secrets,
        "S3" => Group::Code,
        "CloudWatch" | "SNS" => Group::Alarms,
        "CloudFront" => Group::Viewer,
        _ => Group::Commands,
    }
}

/// Whether a resource of this type can hold data.
pub fn kind_holds_data(kind: &str) -> bool {
    matches!(kind, "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" | "AWS::S3::Bucket" | "AWS::Logs::LogGroup")
}

/// A change set's changes.
///
/// # Errors
/// A template that can't be read.
pub fn of_change_set(changes: &[AwsChange], old: Option<&str>, new: &str) -> Result<Vec<Change>> {
    let resources = Resources::read(old, new)?;
    Ok(changes.iter().filter_map(|change| of_resource(change.resource_change()?, &resources)).collect())
}

fn of_resource(found: &ResourceChange, resources: &Resources) -> Option<Change> {
    let action = match found.action()? {
        ChangeAction::Add => Action::Add,
        ChangeAction::Remove => Action::Remove,
        ChangeAction::Import => Action::Import,
        // `SyncWithActual` touches CloudFormation's own records alone.
        ChangeAction::SyncWithActual => return None,
        // `Dynamic`: AWS knows only when it gets there. What a later API adds is no safer.
        _ => Action::Modify,
    };
    let mut change = resources.change(found.logical_resource_id()?, found.resource_type().unwrap_or_default(), action);
    let names = found.details().iter().filter_map(|detail| detail.target()?.name());
    change.properties = names.map(str::to_owned).collect();
    change.properties.sort();
    change.properties.dedup();
    change.replacement = match found.replacement() {
        _ if action != Action::Modify => Replacement::No,
        Some(AwsReplacement::True) => Replacement::Yes,
        Some(AwsReplacement::False) => Replacement::No,
        None if found.action() == Some(&ChangeAction::Modify) => Replacement::No,
        _ if diff::is_in_place(&change.kind, &change.properties) => Replacement::No,
        _ => Replacement::Maybe,
    };
    change.derived = change.replacement != Replacement::Yes
        && !found.details().is_empty()
        && found.details().iter().all(|detail| {
            matches!(detail.change_source(), Some(ChangeSource::ResourceAttribute | ChangeSource::ResourceReference))
        });
    change.kept = matches!(
        found.policy_action(),
        Some(
            PolicyAction::Retain
                | PolicyAction::ReplaceAndRetain
                | PolicyAction::Snapshot
                | PolicyAction::ReplaceAndSnapshot
        )
    );
    Some(change)
}

impl Change {
    /// Whether only what people read of it changes, or what the deployment remembers.
    fn is_note(&self) -> bool {
        self.action == Action::Modify && self.replacement == Replacement::No && self.properties.is_empty()
    }
}

/// Whether nothing but the functions' code becomes another.
pub fn is_code_only(changes: &[Change]) -> bool {
    let direct: Vec<_> = changes.iter().filter(|change| !change.derived && !change.is_note()).collect();
    let is_code = |change: &&Change| {
        change.kind == "AWS::Lambda::Function"
            && change.action == Action::Modify
            && change.replacement == Replacement::No
            && change.properties == ["Code"]
    };
    !direct.is_empty() && direct.iter().all(is_code)
}

/// Refuses changes that take data away: what the deployment knows would be gone from it.
///
/// # Errors
/// The resources and what would be lost, unless their logical ids are all `allowed`.
pub fn check_data(changes: &[Change], allowed: &[String]) -> Result<()> {
    let risky = |change: &&Change| {
        change.holds_data
            && (change.action == Action::Remove || change.replacement != Replacement::No)
            && !allowed.contains(&change.logical)
    };
    let risky: Vec<_> = changes.iter().filter(risky).collect();
    if risky.is_empty() {
        return Ok(());
    }
    let each: Vec<_> = risky.iter().map(|change| loss(change)).collect();
    let flags: Vec<_> = risky.iter().map(|change| format!("{FLAG} {}", change.logical)).collect();
    let problem = format!("refused, for data would be lost: {}", each.join("; "));
    let hint = format!("nothing was changed; if that is what you want, add `{}`", flags.join(" "));
    Err(Error::new(problem).hint(hint).exit(exit::REFUSED))
}

fn loss(change: &Change) -> String {
    let Change { what, logical, group, .. } = change;
    let event = match (change.action, change.replacement) {
        (Action::Remove, _) => "is removed",
        (_, Replacement::Maybe) => "may be replaced by an empty one",
        _ => "is replaced by an empty one",
    };
    let fate = if change.kept { "the old one stays in the account, unused" } else { "what is in it is deleted" };
    format!("{what} (`{logical}`, {group}) {event}, and {fate}")
}

/// Whether all of these changes are among those that were `allowed`, and no worse.
pub fn covers(allowed: &[Change], changes: &[Change]) -> bool {
    let is_allowed = |change: &Change| {
        let same = |one: &&Change| one.logical == change.logical && one.action == change.action;
        allowed.iter().find(same).is_some_and(|one| one.replacement >= change.replacement)
    };
    changes.iter().all(is_allowed)
}

/// The changes as data, with the updates that they take if it is more than one.
pub fn json(changes: &[Change], stages: &[Stage]) -> Value {
    let mut json = serde_json::json!({ "code_only": is_code_only(changes), "resources": changes });
    if !stages.is_empty() {
        json["stages"] = stages.iter().map(|stage| stage.what.as_str()).collect();
    }
    json
}

#[cfg(test)]
mod tests;
