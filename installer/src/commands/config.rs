//! `runvoy config`: what is in force, and who says so.

use clap_complete::engine::ArgValueCandidates;
use serde::Serialize;
use serde_json::Value;

use super::flags::Flags;
use crate::{
    access, complete,
    error::Result,
    project::{
        Project, Task,
        keys::KEYS,
        schema::schema,
        settings::{Origin, Settings},
    },
    table::Table,
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy config explain
  runvoy config explain @plan --image alpine:3
  runvoy config explain --json

The first place that has a setting decides: flags, then the environment, then the
task, then `.runvoy.yaml`, then the git work tree, then the deployment.";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  runvoy config schema > .runvoy.schema.json

With this as its first line, editors check and complete `.runvoy.yaml`:
  # yaml-language-server: $schema=.runvoy.schema.json";

const TASKS_EXAMPLES: &str = "\
Examples:
  runvoy config tasks
  runvoy exec @plan

A `.runvoy.yaml` with a task:
  tasks:
    plan:
      description: Show what would change
      command: terraform plan
      lock: infra-prod";

/// What can be asked of the settings.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Show each setting's value and where it comes from
    Explain(Box<Args>),
    /// List the tasks of `.runvoy.yaml`
    #[command(after_help = TASKS_EXAMPLES)]
    Tasks {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON schema of `.runvoy.yaml`
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
}

/// Arguments of `runvoy config explain`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    /// The task, as `exec` would be given it
    #[arg(value_name = "@TASK", add = ArgValueCandidates::new(complete::tasks))]
    task: Option<String>,
}

/// One setting, as it is explained.
#[derive(Serialize)]
struct Line {
    name: String,
    /// Null where the deployment decides.
    value: Option<Value>,
    origin: String,
}

/// Runs it.
pub fn run(command: Command, profile: Option<&str>) -> Result<()> {
    match command {
        Command::Explain(args) => explain(&args, profile),
        Command::Tasks { json } => tasks(json),
        Command::Schema => ui::json(&schema()),
    }
}

fn explain(args: &Args, profile: Option<&str>) -> Result<()> {
    let words: Vec<_> = args.task.iter().map(|name| format!("@{}", name.trim_start_matches('@'))).collect();
    let settings = Settings::find(&words, args.flags.values())?;
    let mut lines: Vec<_> = access::explain(profile)?
        .into_iter()
        .map(|(name, value, origin)| Line { name: name.to_owned(), value: value.map(Value::from), origin })
        .collect();
    lines.extend(words.first().map(|task| Line {
        name: "command".into(),
        value: Some(settings.command.clone().into()),
        origin: format!("task `{}`", task.trim_start_matches('@')),
    }));
    lines.extend(of_command(&settings));
    if args.json {
        return ui::json(&serde_json::json!({ "settings": lines }));
    }
    let mut table = Table::new(["SETTING", "VALUE", "FROM"]);
    for Line { name, value, origin } in &lines {
        let value = value.as_ref().map_or_else(|| "-".to_owned(), shown);
        table.push([name.into(), value.into(), origin.into()]);
    }
    table.print()
}

fn tasks(json: bool) -> Result<()> {
    let tasks = Project::find()?.map(|project| project.tasks).unwrap_or_default();
    if json {
        let entry = |(name, task): (&String, &Task)| serde_json::json!({"name": name, "command": task.command, "description": task.description});
        return ui::json(&serde_json::json!({"tasks": tasks.iter().map(entry).collect::<Vec<_>>()}));
    }
    if tasks.is_empty() {
        ui::note("no tasks: a `.runvoy.yaml` has them, here or further up in the git work tree");
        return Ok(());
    }
    let mut table = Table::new(["TASK", "WHAT IT IS FOR", "COMMAND"]);
    for (name, task) in &tasks {
        let about = task.description.as_deref().unwrap_or("-");
        table.push([format!("@{name}").into(), about.into(), (&task.command).into()]);
    }
    table.print()
}

/// Those that are set, and those that the deployment decides, in the order of the schema.
fn of_command(settings: &Settings) -> Vec<Line> {
    let line = |name: &String, value: &Value, origin: &Origin| Line {
        name: name.clone(),
        value: Some(value.clone()),
        origin: origin.to_string(),
    };
    let mut lines = Vec::new();
    for key in &KEYS {
        let ours = |name: &str| name.split('.').next() == Some(key.name);
        let set = settings.values.iter().filter(|(name, _)| ours(name));
        let before = lines.len();
        lines.extend(set.map(|(name, (value, origin))| line(name, value, origin)));
        let origin = match key.name {
            _ if lines.len() > before => continue,
            "image" | "timeout" | "cpu" | "memory" | "disk" | "spot" => "the deployment's default",
            "lock" | "wait_lock" | "repo" => "not set",
            _ => continue,
        };
        lines.push(Line { name: key.name.to_owned(), value: None, origin: origin.into() });
    }
    lines
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
