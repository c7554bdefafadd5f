//! `.runvoy.yaml`: what a project's commands need, and its runbook of named tasks.

pub mod code;
pub mod keys;
pub mod schema;
pub mod settings;

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use self::keys::{KEYS, Values};
use crate::{
    error::{Error, Result, ResultExt as _},
    git, suggest, ui,
};

/// The file's name.
pub const FILE: &str = ".runvoy.yaml";

/// The file, read and checked.
pub struct Project {
    /// Where it is.
    pub path: PathBuf,
    /// The deployment that it is for.
    pub profile: Option<String>,
    /// What holds for each of its commands.
    pub settings: Values,
    /// Its commands with a name.
    pub tasks: BTreeMap<String, Task>,
}

/// A command with a name: `runvoy exec @name`.
pub struct Task {
    /// What it runs.
    pub command: String,
    /// What it is for.
    pub description: Option<String>,
    /// What holds for this one.
    pub settings: Values,
}

impl Project {
    /// The nearest file, from the current folder up to the top of its git work tree. Outside of one only the current
    /// folder counts: whose files lie further up is anybody's guess.
    pub fn find() -> Result<Option<Self>> {
        // A folder that has been removed under us has no file.
        let Ok(here) = env::current_dir() else { return Ok(None) };
        let top = git::root(&here).unwrap_or(&here);
        for folder in here.ancestors() {
            let path = folder.join(FILE);
            match fs::read_to_string(&path) {
                Ok(text) => return Self::parse(&path, &text).map(Some),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).context(format!("can't read `{}`", path.display())),
            }
            if folder == top {
                break;
            }
        }
        Ok(None)
    }

    /// The task of this name, or an error that says which ones there are.
    pub fn task(&self, name: &str) -> Result<&Task> {
        let missing = || {
            let known = self.tasks.keys().map(String::as_str);
            let hint = if self.tasks.is_empty() { "add it under `tasks`".into() } else { suggest::hint(name, known) };
            Error::new(format!("`{}` has no task `{}`", self.path.display(), ui::printable(name))).hint(hint)
        };
        self.tasks.get(name).ok_or_else(missing)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let tree = serde_yaml::from_str::<serde_yaml::Value>(text).map_err(anyhow::Error::from);
        let tree = tree.and_then(|tree| Ok(serde_json::to_value(tree)?));
        let tree = tree.context(format!("`{}` is not YAML", path.display())).hint("mend it, or move it away")?;
        let mut entries = match tree {
            Value::Null => Map::new(),
            tree => mapping(path, "the file", tree)?,
        };
        let profile = take_text(path, &mut entries, "", "profile")?;
        let tasks = match entries.remove("tasks") {
            None | Some(Value::Null) => Map::new(),
            Some(tasks) => mapping(path, "`tasks`", tasks)?,
        };
        let tasks = tasks.into_iter().map(|(name, task)| Ok((name.clone(), Task::parse(path, &name, task)?)));
        let tasks = tasks.collect::<Result<_>>()?;
        let settings = settings(path, "", entries, &["profile", "tasks"])?;
        Ok(Self { path: path.to_owned(), profile, settings, tasks })
    }
}

impl Task {
    fn parse(path: &Path, name: &str, tree: Value) -> Result<Self> {
        let prefix = format!("tasks.{name}.");
        let mut entries = match tree {
            // Short for a command without settings of its own.
            Value::String(command) => Map::from_iter([("command".to_owned(), command.into())]),
            tree => mapping(path, &format!("`tasks.{}`", ui::printable(name)), tree)?,
        };
        let description = take_text(path, &mut entries, &prefix, "description")?;
        let command = take_text(path, &mut entries, &prefix, "command")?;
        let missing = || broken(path, &format!("`{}command` is missing", ui::printable(&prefix)));
        let settings = settings(path, &prefix, entries, &["command", "description"])?;
        Ok(Self { command: command.ok_or_else(missing)?, description, settings })
    }
}

fn settings(path: &Path, prefix: &str, entries: Map<String, Value>, others: &[&str]) -> Result<Values> {
    let mut values = Values::new();
    for (name, value) in entries {
        let shown = ui::printable(&format!("{prefix}{name}")).into_owned();
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            let known = KEYS.iter().map(|key| key.name).chain(others.iter().copied());
            return Err(broken(path, &format!("there is no setting `{shown}`")).hint(suggest::hint(&name, known)));
        };
        key.add(value, &mut values).map_err(|problem| broken(path, &format!("`{shown}` {problem}")))?;
    }
    Ok(values)
}

fn take_text(path: &Path, entries: &mut Map<String, Value>, prefix: &str, name: &str) -> Result<Option<String>> {
    match entries.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(broken(path, &format!("`{}{name}` must be text", ui::printable(prefix)))),
    }
}

fn mapping(path: &Path, what: &str, tree: Value) -> Result<Map<String, Value>> {
    match tree {
        Value::Object(entries) => Ok(entries),
        _ => Err(broken(path, &format!("{what} must be a mapping"))),
    }
}

fn broken(path: &Path, problem: &str) -> Error {
    Error::new(format!("`{}`: {problem}", path.display())).hint("`runvoy config schema` tells all that may be in it")
}
