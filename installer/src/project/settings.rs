//! A command's settings, each from the first place that has it: flags, the environment, the task, the file, the git work
//! tree.

use std::{
    collections::BTreeMap,
    env, fmt,
    path::{Path, PathBuf},
};

use runvoy_api::execution::ExecutionRequest;
use serde_json::{Map, Value};

use super::{
    Project, code,
    keys::{ENV, KEYS, SECRETS, Values},
};
use crate::{
    access::variable,
    error::{Error, Result},
    exit,
    git::{self, WorkTree},
    ui,
};

/// What a command's first word begins with where it names a task.
const TASK: char = '@';

/// What is to run, and how.
pub struct Settings {
    /// What the container's shell runs.
    pub command: String,
    /// By name, each with where it comes from. What is not here takes the deployment's default.
    pub values: BTreeMap<String, (Value, Origin)>,
    /// The work tree that its repository comes from, if it does.
    pub work_tree: Option<WorkTree>,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment.
    Variable(&'static str),
    /// A task in `.runvoy.yaml`.
    Task(String, PathBuf),
    /// `.runvoy.yaml`.
    File(PathBuf),
    /// The git work tree, on this branch.
    Git(Option<String>),
    /// The record of an earlier execution.
    Record(String),
}

impl Settings {
    /// For these words of the command line, the first of which may name a task.
    pub fn find(words: &[String], flags: Values) -> Result<Self> {
        let project = Project::find()?;
        let task = words.split_first().and_then(|(first, rest)| Some((first.strip_prefix(TASK)?, rest)));
        let mut settings = Self { command: words.join(" "), values: BTreeMap::new(), work_tree: None };
        settings.add(flags, &Origin::Flag);
        settings.add_environment()?;
        if let Some((name, rest)) = task {
            let project = project.as_ref().ok_or_else(|| no_tasks(name))?;
            let task = project.task(name)?;
            settings.command = [std::slice::from_ref(&task.command), rest].concat().join(" ");
            settings.add(task.settings.clone(), &Origin::Task(name.to_owned(), project.path.clone()));
        }
        let here = env::current_dir().unwrap_or_default();
        // A task is written for the folder of its file, any other command for where it is typed.
        let file = project.as_ref().filter(|_| task.is_some()).map(|project| project.path.clone());
        let folder = file.as_deref().and_then(Path::parent).unwrap_or(&here).to_owned();
        if let Some(project) = project {
            settings.add(project.settings, &Origin::File(project.path));
        }
        code::one_place(&mut settings.values);
        if code::is_open(&settings.values) {
            settings.add_work_tree(&folder);
        }
        Ok(settings)
    }

    /// For a command that has run before, with what the flags change.
    pub fn again(command: String, flags: Values, record: Values, id: &str) -> Self {
        let mut settings = Self { command, values: BTreeMap::new(), work_tree: None };
        settings.add(flags, &Origin::Flag);
        settings.add(record, &Origin::Record(id.to_owned()));
        code::one_place(&mut settings.values);
        settings
    }

    /// Adds what no earlier place had.
    fn add(&mut self, values: Values, origin: &Origin) {
        for (name, value) in values {
            self.values.entry(name).or_insert_with(|| (value, origin.clone()));
        }
    }

    /// The code as the work tree's remote has it, and the folder of it that this one is.
    fn add_work_tree(&mut self, folder: &Path) {
        let Some(tree) = git::look(folder) else { return };
        let mut values = Values::from([("repo".to_owned(), tree.remote.clone().into())]);
        values.extend(tree.pushed.clone().map(|commit| ("ref".to_owned(), commit.into())));
        let path = folder.strip_prefix(&tree.root).ok().and_then(Path::to_str).filter(|path| !path.is_empty());
        values.extend(path.map(|path| ("path".to_owned(), path.into())));
        self.add(values, &Origin::Git(tree.branch.clone()));
        self.work_tree = Some(tree);
    }

    fn add_environment(&mut self) -> Result<()> {
        for (key, name) in KEYS.iter().filter_map(|key| Some((key, key.variable?))) {
            let Some(text) = variable(name) else { continue };
            let mut values = Values::new();
            let wrong = |problem| Error::new(format!("`{name}` {problem}")).hint("change the variable, or unset it");
            key.add_text(&text, &mut values).map_err(wrong)?;
            self.add(values, &Origin::Variable(name));
        }
        Ok(())
    }

    /// The request that starts it.
    pub fn request(&self) -> Result<ExecutionRequest> {
        let mut request = Map::from_iter([("command".to_owned(), self.command.clone().into())]);
        let (mut env, mut secrets) = (Map::new(), Map::new());
        self.check_wait()?;
        for (name, (value, _)) in self.values.iter().filter(|(name, (value, _))| !code::is_none(name, value)) {
            match (name.strip_prefix(ENV), name.strip_prefix(SECRETS)) {
                (Some(name), _) => env.insert(name.to_owned(), value.clone()),
                (_, Some(name)) => secrets.insert(name.to_owned(), value.clone()),
                (None, None) => request.insert(name.clone(), value.clone()),
            };
        }
        request.insert("env".to_owned(), env.into());
        request.insert("secrets".to_owned(), secrets.into());
        Ok(serde_json::from_value(request.into())?)
    }

    /// A wait without a lock is refused here, where it is known who asked for it.
    fn check_wait(&self) -> Result<()> {
        match self.values.get("wait_lock") {
            Some((_, origin)) if !self.values.contains_key("lock") => {
                Err(Error::new(format!("`wait_lock` (from {origin}) is for a lock, and there is none"))
                    .hint("nothing was run; name the lock with `--lock`, or take `wait_lock` out")
                    .exit(exit::USAGE))
            }
            _ => Ok(()),
        }
    }

    /// Where the setting that the API calls `field` comes from, if not from the command line, which its writer sees.
    pub fn origin_of(&self, field: &str) -> Option<&Origin> {
        let of_field = |name: &&String| name.split('.').next() == Some(field);
        let name = self.values.keys().find(of_field)?;
        self.values.get(name).map(|(_, origin)| origin).filter(|origin| **origin != Origin::Flag)
    }
}

fn no_tasks(name: &str) -> Error {
    let hint = format!(
        "in `{}`: `tasks: {{{name}: …}}`; a command that begins with `@` goes in quotes after a space",
        super::FILE
    );
    Error::new(format!("`@{name}` is a task, and there is no `{}` here", super::FILE)).hint(hint)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("the command line"),
            Self::Variable(name) => write!(f, "`{name}`"),
            Self::Task(name, path) => write!(f, "task `{name}` in `{}`", path.display()),
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Git(Some(branch)) => write!(f, "git: branch `{}`", ui::printable(branch)),
            Self::Git(None) => f.write_str("git"),
            Self::Record(id) => write!(f, "`{id}`"),
        }
    }
}
