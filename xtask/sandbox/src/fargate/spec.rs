//! What one container runs: the definition with the overrides laid over it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::definition::{ContainerDefinition, Dependency, Secret, TaskDefinition, Variable};
use super::logs::Stream;
use super::refusal::Refusal;

/// What Docker gives a container when its image sets no PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// ECS's default between SIGTERM and SIGKILL, and the most on Fargate.
const STOP_TIMEOUT: u64 = 30;
const STOP_TIMEOUT_LIMIT: u64 = 120;

#[derive(Deserialize)]
pub(super) struct ContainerOverride {
    #[serde(default)]
    pub name: String,
    pub command: Option<Vec<String>>,
    #[serde(default)]
    pub environment: Vec<Variable>,
}

pub(super) struct Spec {
    pub essential: bool,
    /// Indexes into the task's containers.
    pub depends_on: Vec<(usize, Dependency)>,
    pub stop_timeout: Duration,
    pub log: Option<Stream>,
    pub image: String,
    /// ARN of what the image's registry is given.
    pub registry_credential: Option<String>,
    /// What the image must be for.
    pub architecture: &'static str,
    pub secrets: Vec<Secret>,
    /// Directories that it shares with others of its task.
    pub volumes: Vec<PathBuf>,
    pub launch: Launch,
}

/// What a process is started from.
pub(super) struct Launch {
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    pub dir: PathBuf,
    /// In the environment of all that the container starts, and of nothing else.
    pub marker: String,
    /// Whether an init process is PID 1, so that the command gets signals' default actions.
    pub init: bool,
}

/// One per container, in the definition's order.
pub(super) fn specs(
    definition: &TaskDefinition,
    overrides: &[ContainerOverride],
    task: &str,
    dir: &Path,
    region: &str,
) -> Result<Vec<Spec>, Refusal> {
    let containers = &definition.container_definitions;
    if let Some(stray) = overrides.iter().find(|given| containers.iter().all(|own| own.name != given.name)) {
        let message = format!("Override for container named {} is not a container in the TaskDefinition.", stray.name);
        return Err(Refusal::invalid(message));
    }
    let spec = |container: &ContainerDefinition| {
        let given = overrides.iter().find(|given| given.name == container.name);
        let position = |on: &Dependency| containers.iter().position(|own| own.name == on.container_name);
        let stop_timeout = container.stop_timeout.unwrap_or(STOP_TIMEOUT);
        if stop_timeout > STOP_TIMEOUT_LIMIT {
            return Err(Refusal::client(format!(
                "stopTimeout must be at most {STOP_TIMEOUT_LIMIT} seconds on Fargate."
            )));
        }
        Ok(Spec {
            essential: container.essential.unwrap_or(true),
            depends_on: container.depends_on.iter().filter_map(|on| Some((position(on)?, on.clone()))).collect(),
            stop_timeout: Duration::from_secs(stop_timeout),
            log: Stream::of(container, task)?,
            image: container.image.clone(),
            registry_credential: (container.repository_credentials.as_ref())
                .map(|own| own.credentials_parameter.clone()),
            architecture: definition.architecture(),
            secrets: container.secrets.clone(),
            volumes: container.mount_points.iter().map(|mount| volume(dir, &mount.source_volume)).collect(),
            launch: launch(container, given, task, dir, region),
        })
    };
    containers.iter().map(spec).collect()
}

fn launch(
    container: &ContainerDefinition,
    given: Option<&ContainerOverride>,
    task: &str,
    root: &Path,
    region: &str,
) -> Launch {
    let dir = root.join(&container.name);
    // Nothing listens there, so whoever asks for metadata is refused at once; as on Fargate it names this container alone.
    let marker = format!("http://127.0.0.1:9/v4/{task}/{}", container.name);
    let mut env = vec![
        ("PATH".to_owned(), PATH.to_owned()),
        ("HOME".to_owned(), dir.display().to_string()),
        ("HOSTNAME".to_owned(), hostname(task, region)),
        ("AWS_REGION".to_owned(), region.to_owned()),
        ("AWS_DEFAULT_REGION".to_owned(), region.to_owned()),
        ("AWS_EXECUTION_ENV".to_owned(), "AWS_ECS_FARGATE".to_owned()),
    ];
    let variables = container.environment.iter().chain(given.iter().flat_map(|given| &given.environment));
    env.extend(variables.map(|variable| (variable.name.clone(), variable.value.clone())));
    env.push(("ECS_CONTAINER_METADATA_URI_V4".to_owned(), marker.clone()));
    let command = given.and_then(|given| given.command.as_ref()).unwrap_or(&container.command);
    // Processes share the machine's root, so nothing is mounted: an argument of the entry point that is a mount's path
    // names the directory instead. The command, which may be a user's, stays as it is.
    let place = |argument: &String| {
        let mount = container.mount_points.iter().find(|mount| mount.container_path == *argument);
        mount.map_or_else(|| argument.clone(), |mount| volume(root, &mount.source_volume).display().to_string())
    };
    let argv = container.entry_point.iter().map(place).chain(command.iter().cloned()).collect();
    let init = container.linux_parameters.as_ref().is_some_and(|linux| linux.init_process_enabled == Some(true));
    Launch { argv, env, dir, marker, init }
}

fn volume(root: &Path, name: &str) -> PathBuf {
    root.join("volumes").join(name)
}

/// An address within the VPC, as Fargate names its hosts.
fn hostname(task: &str, region: &str) -> String {
    let byte = |at: usize| task.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or_default();
    format!("ip-10-0-{}-{}.{region}.compute.internal", byte(0), byte(2))
}
