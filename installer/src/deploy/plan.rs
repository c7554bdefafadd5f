//! What `init` is about to do, in the admin's words.

use std::collections::BTreeMap;

use console::style;
use runvoy_api::infra::{TABLES, name};
use serde_json::{Value, json};

use super::{
    answers::{Answers, Network, TaskPermissions},
    cost::{self, ASSUMED, Cost},
    rates::Rates,
};
use crate::{
    aws::Aws,
    error::Result,
    fold::{self, NARROW, wrap},
    templates::{self, Group, ResourceInfo},
    ui,
};

/// Columns of a label and a count.
const LABEL: usize = 18;
const COUNT: usize = 2;
/// Longer lines are hard to read.
const WIDEST: usize = 100;

/// Shows the plan on stderr.
pub fn show(aws: &Aws, stack: &str, answers: &Answers, rates: &Rates, exists: bool) -> Result<()> {
    let plan = Plan::of(place(aws), stack, answers, rates, exists)?;
    ui::note(plan.text(fold::columns().map_or(WIDEST, |columns| columns.min(WIDEST))));
    Ok(())
}

/// The same as JSON, with each resource.
pub fn json(aws: &Aws, stack: &str, answers: &Answers, rates: &Rates, exists: bool) -> Result<Value> {
    Ok(Plan::of(place(aws), stack, answers, rates, exists)?.json())
}

/// Where and by whom.
#[derive(Clone, Copy)]
struct Place<'a> {
    account: &'a str,
    region: &'a str,
    identity: &'a str,
}

fn place(aws: &Aws) -> Place<'_> {
    Place { account: &aws.account, region: &aws.region, identity: &aws.identity }
}

struct Plan<'a> {
    place: Place<'a>,
    stack: &'a str,
    answers: &'a Answers,
    rates: &'a Rates,
    exists: bool,
    cost: Cost,
    groups: BTreeMap<Group, Vec<(String, ResourceInfo)>>,
}

/// One entry: what it is about, of how many resources, and whether it is shown in red.
struct Row {
    label: String,
    count: Option<usize>,
    text: String,
    alert: bool,
}

impl<'a> Plan<'a> {
    fn of(place: Place<'a>, stack: &'a str, answers: &'a Answers, rates: &'a Rates, exists: bool) -> Result<Self> {
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for template in [templates::bucket(stack, answers)?, templates::main(stack, answers)?] {
            for (logical, info) in templates::resources(&template)? {
                groups.entry(info.group).or_default().push((logical, info));
            }
        }
        Ok(Self { place, stack, answers, rates, exists, cost: Cost::of(answers, rates), groups })
    }

    /// Wrapped to `width` columns.
    fn text(&self, width: usize) -> String {
        let verb = if self.exists { "Update" } else { "Set up" };
        let Place { account, region, identity } = self.place;
        let title = format!("{verb} runvoy `{}` in account {account}, region {region}, as {identity}", self.stack);
        let title = wrap(&title, width).into_iter().map(|line| style(line).for_stderr().bold().to_string());
        let rows = self.resource_rows().into_iter().chain(self.other_rows());
        let rows = rows.flat_map(|row| row.lines(width));
        title.chain([String::new()]).chain(rows).collect::<Vec<_>>().join("\n")
    }

    fn resource_rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for (group, resources) in &self.groups {
            let text = self.describe(*group, resources);
            rows.push(Row { label: group.to_string(), count: Some(resources.len()), text, alert: false });
            if *group == Group::Permissions {
                let text = format!("commands may {}", self.answers.describe_permissions());
                let alert = self.answers.task_permissions == TaskPermissions::Administrator;
                rows.push(Row { label: String::new(), count: None, text, alert });
                for (name, policies) in &self.answers.task_roles {
                    let text = format!("with `--task-role {name}`, do what {} allow", policies.join(", "));
                    rows.push(Row { label: String::new(), count: None, text, alert: false });
                }
            }
        }
        rows
    }

    fn describe(&self, group: Group, resources: &[(String, ResourceInfo)]) -> String {
        let Self { stack, answers, place, .. } = self;
        match group {
            Group::Network => network(answers),
            Group::Commands => {
                let capacity = if answers.spot { "spare capacity (Spot)" } else { "on demand" };
                format!("on Fargate, {}, {capacity}; image {}", answers.architecture.lambda(), answers.image)
            }
            Group::Permissions => format!("roles: {}", roles(resources).join(", ")),
            Group::History => {
                let tables = TABLES.map(|table| table.description).join(", ");
                let days = answers.log_retention_days;
                format!("{tables}, and the output of {days} days; exported first if the deployment is destroyed")
            }
            Group::Api => "a function behind a public address that asks for a key".to_owned(),
            Group::Events => "a function that follows containers and repairs what was missed".to_owned(),
            Group::Secrets => "what log links are signed with".to_owned(),
            Group::Code => format!("bucket {}", name::bucket(stack, place.account, place.region)),
            Group::Alarms => format!("mails to {}", answers.alarm_email.as_deref().unwrap_or("nobody")),
            Group::Viewer => "CloudFront and a bucket for the page that log links lead to".to_owned(),
        }
    }

    fn other_rows(&self) -> Vec<Row> {
        let row = |label: &str, text: String| Row { label: label.to_owned(), count: None, text, alert: false };
        let Rates { region, date, estimated, .. } = self.rates;
        let here = self.place.region;
        let note = match (estimated, region == here) {
            (false, _) => String::new(),
            (true, true) => ", some of us-east-1".to_owned(),
            (true, false) => format!("; {here} may cost a little more or less"),
        };
        let mut rows = vec![row("first admin", self.answers.admin_email.clone())];
        let Answers { tags, permissions_boundary, .. } = self.answers;
        if let Some(boundary) = permissions_boundary {
            rows.push(row("bound of all roles", boundary.clone()));
        }
        if !tags.is_empty() {
            let tags = tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>();
            rows.push(row("tags", tags.join(", ")));
        }
        rows.extend([
            row("a month idle", cost::describe(&self.cost.at_rest)),
            row("100 executions", format!("{}, of {ASSUMED}", cost::describe(&self.cost.per_hundred))),
            row("prices", format!("of {region}, {date}{note}")),
        ]);
        rows
    }

    fn json(&self) -> Value {
        let groups = self.groups.iter().map(|(group, resources)| {
            let each = resources.iter().map(|(logical, info)| {
                let ResourceInfo { kind, description, holds_data, .. } = info;
                json!({ "logical": logical, "kind": kind, "description": description, "holds_data": holds_data })
            });
            let text = self.describe(*group, resources);
            json!({ "group": group, "description": text, "resources": each.collect::<Vec<_>>() })
        });
        let Place { account, region, identity } = self.place;
        json!({
            "stack": self.stack,
            "account": account,
            "region": region,
            "identity": identity,
            "exists": self.exists,
            "answers": self.answers,
            "groups": groups.collect::<Vec<_>>(),
            "commands_may": self.answers.describe_permissions(),
            "cost": self.cost.json(self.rates),
        })
    }
}

impl Row {
    fn lines(&self, width: usize) -> Vec<String> {
        let narrow = width < NARROW;
        let indent = if narrow { 4 } else { 2 + LABEL + COUNT + 2 };
        let text = |text: String| {
            let text = style(text).for_stderr();
            if self.alert { text.red().bold() } else { text }
        };
        let line = |line| format!("{:indent$}{}", "", text(line)).trim_end().to_owned();
        let mut lines: Vec<_> = wrap(&self.text, width.saturating_sub(indent)).into_iter().map(line).collect();
        let count = self.count.map(|count| count.to_string()).unwrap_or_default();
        let title = |text: String| style(text).for_stderr().dim();
        let label = format!("{:<LABEL$}{count:>COUNT$}", self.label);
        match lines.first_mut() {
            Some(first) if !narrow => {
                *first = format!("  {}  {}", title(label), first.trim_start()).trim_end().to_owned()
            }
            _ if self.label.is_empty() => {}
            _ => lines.insert(0, format!("  {}", title(label.trim_end().to_owned()))),
        }
        lines
    }
}

fn network(answers: &Answers) -> String {
    let described = answers.network.describe();
    match (answers.network, answers.vpc_id.as_deref()) {
        (Network::Existing, Some(vpc)) => {
            let addresses = if answers.public_ip { "public" } else { "no public" };
            let subnets = answers.subnet_ids.join(", ");
            format!("{described}: {vpc}, subnets {subnets}; containers get {addresses} addresses")
        }
        _ => described.to_owned(),
    }
}

/// What each role is for. They are all described as `permissions …`.
fn roles(resources: &[(String, ResourceInfo)]) -> Vec<&str> {
    let roles = resources.iter().filter(|(_, info)| info.kind == "AWS::IAM::Role");
    roles.map(|(_, info)| info.description.trim_start_matches("permissions ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::samples;

    const PLACE: Place = Place {
        account: "123456789012",
        region: "eu-west-1",
        identity: "arn:aws:sts::123456789012:assumed-role/admins/alice@example.com",
    };

    fn text(answers: &Answers, width: usize) -> String {
        let rates = Rates::for_region(PLACE.region);
        let text = Plan::of(PLACE, "runvoy", answers, &rates, false).unwrap().text(width);
        console::strip_ansi_codes(&text).into_owned()
    }

    #[test]
    fn the_plans_look_like_this() {
        let plans = samples::variants().map(|(name, answers)| {
            let text = text(&answers, 100);
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
            format!("--- {name}\n{text}\n")
        });
        samples::check("plan.txt", &plans.join("\n"));
    }

    #[test]
    fn narrow_terminals_get_more_lines() {
        for (_, answers) in samples::variants() {
            for width in [39, 59, 60, 79] {
                let text = text(&answers, width);
                assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            }
        }
    }

    #[test]
    fn json_has_every_resource_and_the_sums() {
        let answers = samples::answers();
        let rates = Rates::for_region(PLACE.region);
        let json = Plan::of(PLACE, "runvoy", &answers, &rates, true).unwrap().json();
        let resources = |group: &Value| group["resources"].as_array().unwrap().len();
        let counted: usize = json["groups"].as_array().unwrap().iter().map(resources).sum();
        let main = templates::resources(&templates::main("runvoy", &answers).unwrap()).unwrap();
        assert_eq!(counted, main.len() + 2);
        let history = json["groups"].as_array().unwrap().iter().find(|group| group["group"] == "history").unwrap();
        assert!(history["resources"].as_array().unwrap().iter().all(|resource| resource["holds_data"] == true));
        assert_eq!(json["cost"]["month_at_rest"]["usd"], 0.4);
        assert_eq!(json["cost"]["rates"]["estimated"], true);
    }
}
