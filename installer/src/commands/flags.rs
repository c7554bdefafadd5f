//! The settings of a command, as flags: of `exec`, `rerun` and `config explain`.

use clap_complete::engine::ArgValueCandidates;
use runvoy_api::timeout::Timeout;
use serde_json::Value;

use crate::{
    complete,
    project::keys::{ENV, SECRETS, Values},
};

/// A command's settings.
#[derive(clap::Args)]
pub struct Flags {
    /// Run alone under this name: nobody else's command runs with the same lock meanwhile
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::locks))]
    lock: Option<String>,
    // Not `requires = "lock"`: the lock may come from the project's file.
    /// If the lock is held, queue for it at most this long instead of giving up: `10m`
    #[arg(long, value_name = "TIME")]
    wait_lock: Option<Timeout>,
    /// Run in this container image
    #[arg(long)]
    image: Option<String>,
    /// Set an environment variable for the command (not for secrets: ECS shows the values of tasks)
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// Set an environment variable to a secret, by the alias that an admin has given it
    #[arg(long, value_name = "NAME=ALIAS", value_parser = variable)]
    secret: Vec<(String, String)>,
    /// Run in this git repository: https://host/path or user@host:path
    #[arg(long, value_name = "URL")]
    repo: Option<String>,
    /// The branch, tag or full commit id of the repository
    #[arg(long = "ref", visible_alias = "branch", value_name = "REF")]
    git_ref: Option<String>,
    /// Run in this folder of the code
    #[arg(long, value_name = "FOLDER")]
    path: Option<String>,
    /// With the repository's submodules
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    submodules: Option<bool>,
    /// With the large files that the repository keeps in Git LFS
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    lfs: Option<bool>,
    // With `=` only, or it would take the command for its folder.
    /// Run with a folder's files as they are, by default the whole work tree's; .gitignore and .runvoyignore are heeded
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with = "repo")]
    upload: Option<String>,
    /// Run without code, wherever this is
    #[arg(long, conflicts_with_all = ["repo", "git_ref", "path", "upload"])]
    no_repo: bool,
    /// Stop the command after this long: `600`, `10m`, `1h30m`
    #[arg(long, value_name = "TIME")]
    timeout: Option<Timeout>,
    /// Units of 1/1024 vCPU: 256, 512, 1024, 2048 …
    #[arg(long, value_name = "UNITS")]
    cpu: Option<u32>,
    /// Memory in MiB
    #[arg(long, value_name = "MIB")]
    memory: Option<u32>,
    /// Storage in GiB, from 21 to 200; 20 without it
    #[arg(long, value_name = "GIB")]
    disk: Option<u32>,
    /// Run on spare capacity: cheaper, and may be interrupted
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    spot: Option<bool>,
    /// Run under this one of the deployment's task roles, which says what the command may do in the AWS account
    #[arg(long, value_name = "NAME")]
    task_role: Option<String>,
}

impl Flags {
    /// Whether they ask for an upload without a folder.
    pub fn uploads_usual(&self) -> bool {
        self.upload.as_deref() == Some("")
    }

    /// Those that are given, by name.
    pub fn values(&self) -> Values {
        let upload = self.upload.as_deref().map(|folder| if folder.is_empty() { true.into() } else { folder.into() });
        let repo = if self.no_repo { Some(String::new()) } else { self.repo.clone() };
        let given: [(&str, Option<Value>); 15] = [
            ("lock", self.lock.clone().map(Value::from)),
            ("wait_lock", self.wait_lock.map(|time| time.seconds().into())),
            ("image", self.image.clone().map(Value::from)),
            ("timeout", self.timeout.map(|timeout| timeout.seconds().into())),
            ("cpu", self.cpu.map(Value::from)),
            ("memory", self.memory.map(Value::from)),
            ("disk", self.disk.map(Value::from)),
            ("spot", self.spot.map(Value::from)),
            ("task_role", self.task_role.clone().map(Value::from)),
            ("repo", repo.map(Value::from)),
            ("ref", self.git_ref.clone().map(Value::from)),
            ("path", self.path.clone().map(Value::from)),
            ("submodules", self.submodules.map(Value::from)),
            ("lfs", self.lfs.map(Value::from)),
            ("upload", upload),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let env = self.env.iter().map(|(name, value)| (format!("{ENV}{name}"), value.as_str().into()));
        let secrets = self.secret.iter().map(|(name, alias)| (format!("{SECRETS}{name}"), alias.as_str().into()));
        given.chain(env).chain(secrets).collect()
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
