//! What a container needs before it can start: an image, directories, secrets, a log stream.

use serde_json::json;
use tokio::sync::watch;

use super::Inner;
use super::logs::Log;
use super::spec::Spec;
use super::task::Order;

/// What there is then.
#[derive(Default)]
pub(super) struct Ready {
    pub log: Option<Log>,
    /// Its secrets, and what its image sets.
    pub variables: Vec<(String, String)>,
}

impl Ready {
    /// The error is a task's `stoppedReason`.
    pub async fn make(inner: &Inner, spec: &Spec, order: &watch::Sender<Order>) -> Result<Self, String> {
        let credential = match &spec.registry_credential {
            None => None,
            Some(arn) => Some(value(inner, arn).await?),
        };
        inner.images.pull(&spec.image, credential.as_deref(), spec.architecture)?;
        for directory in spec.volumes.iter().chain([&spec.launch.dir]) {
            let created = tokio::fs::create_dir_all(directory).await;
            created.map_err(|error| format!("ResourceInitializationError: no disk for the container: {error}"))?;
        }
        let given = |name: &String| spec.launch.env.iter().any(|(own, _)| own == name && own != "PATH");
        let mut variables = inner.images.variables(&spec.image);
        variables.retain(|(name, _)| !given(name));
        for secret in &spec.secrets {
            variables.push((secret.name.clone(), value(inner, &secret.value_from).await?));
        }
        let log = match &spec.log {
            None => None,
            Some(stream) => Some(stream.open(&inner.engine, order.subscribe()).await?),
        };
        Ok(Self { log, variables })
    }
}

async fn value(inner: &Inner, arn: &str) -> Result<String, String> {
    let body = json!({ "SecretId": arn });
    let reply = inner.engine.json("secretsmanager", "secretsmanager.GetSecretValue", &body).await;
    let reply = reply.map_err(|error| {
        format!(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: \
             unable to retrieve secret from asm: service call has been retried 1 time(s): {error:#}"
        )
    })?;
    reply["SecretString"].as_str().map(str::to_owned).ok_or_else(|| {
        "ResourceInitializationError: unable to pull secrets or registry auth: the secret has no text".to_owned()
    })
}
