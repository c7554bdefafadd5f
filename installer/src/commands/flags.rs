//! The settings of a command, as flags: of `exec`, `rerun` and `config explain`.

use clap_complete::engine::ArgValueCandidates;
use runvoy_api::timeout::Timeout;
use serde_json::Value;

use crate::{
    complete,
    project::keys::{ENV, Values},
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
    /// Set an environment variable for the command (not for secrets: values are kept on record)
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// Stop the command after this long: `600`, `10m`, `1h30m`
    #[arg(long, value_name = "TIME")]
    timeout: Option<Timeout>,
    /// Units of 1/1024 vCPU: 256, 512, 1024, 2048 …
    #[arg(long, value_name = "UNITS")]
    cpu: Option<u32>,
    /// Memory in MiB
    #[arg(long, value_name = "MIB")]
    memory: Option<u32>,
    /// Run on spare capacity: cheaper, and may be interrupted
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    spot: Option<bool>,
    /// Run under this one of the deployment's task roles, which says what the command may do in the AWS account
    #[arg(long, value_name = "NAME")]
    task_role: Option<String>,
}

impl Flags {
    /// Those that are given, by name.
    pub fn values(&self) -> Values {
        let given: [(&str, Option<Value>); 8] = [
            ("lock", self.lock.clone().map(Value::from)),
            ("wait_lock", self.wait_lock.map(|time| time.seconds().into())),
            ("image", self.image.clone().map(Value::from)),
            ("timeout", self.timeout.map(|timeout| timeout.seconds().into())),
            ("cpu", self.cpu.map(Value::from)),
            ("memory", self.memory.map(Value::from)),
            ("spot", self.spot.map(Value::from)),
            ("task_role", self.task_role.clone().map(Value::from)),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let env = self.env.iter().map(|(name, value)| (format!("{ENV}{name}"), value.as_str().into()));
        given.chain(env).collect()
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
