//! What there is of a deployment, whatever state it is in. Looking changes nothing.

use serde_json::{Value, json};

use super::{
    Data, Permitted, Site,
    buckets::{self, Bucket},
    definitions::{self, Definitions},
    drain,
    executions::{self, Running},
    logs::{self, LogGroup},
    secrets,
    stacks::{self, Found},
    tables::{self, FoundTable},
};
use crate::error::Result;

/// Everything that belongs to a deployment.
pub struct Inventory {
    /// The main stack.
    pub main: Option<Found>,
    /// The bucket stack.
    pub bucket: Option<Found>,
    /// Containers that have not ended.
    pub running: Vec<Running>,
    /// Task definitions that were registered at run time.
    pub definitions: Definitions,
    /// Buckets.
    pub buckets: Vec<Bucket>,
    /// Tables, which outlive the main stack.
    pub tables: Vec<FoundTable>,
    /// The commands' output, which does too.
    pub output: Option<LogGroup>,
    /// Log groups of the functions.
    pub function_logs: Vec<LogGroup>,
    /// Secrets that the API has made.
    pub secrets: Vec<String>,
    /// How many keys work.
    pub keys: usize,
    /// When a removal began that did not come to its end, RFC 3339.
    pub unfinished: Option<String>,
}

impl Inventory {
    /// Looks for all of it.
    ///
    /// # Errors
    /// A stack of that name that is somebody else's, with exit code 5.
    pub async fn take(site: Site<'_>) -> Result<Self> {
        // First of all: nothing else counts if these are not ours.
        let (main, bucket) = stacks::find(site).await?;
        let ((running, definitions, buckets), (tables, output, function_logs), (secrets, unfinished)) = tokio::try_join!(
            async { tokio::try_join!(executions::find(site), definitions::find(site), buckets::find(site)) },
            async { tokio::try_join!(tables::find(site), logs::output(site), function_logs(site)) },
            async { tokio::try_join!(secrets::find(site), drain::since(site)) },
        )?;
        let mut found = Self {
            main,
            bucket,
            running,
            definitions,
            buckets,
            tables,
            output,
            function_logs,
            secrets,
            keys: 0,
            unfinished,
        };
        if found.has_keys_table() {
            found.keys = tables::keys(site).await?;
        }
        Ok(found)
    }

    /// Whether there is nothing to remove but data, and functions' logs, which a function's last words may have brought back.
    pub fn is_gone(&self) -> bool {
        let definitions = &self.definitions;
        self.main.is_none()
            && self.bucket.is_none()
            && self.buckets.is_empty()
            && self.secrets.is_empty()
            && definitions.active.is_empty()
            && definitions.inactive.is_empty()
    }

    /// Whether there is data that outlives the stacks.
    pub fn has_data(&self) -> bool {
        !self.tables.is_empty() || self.output.is_some()
    }

    /// Whether launches have a row to look at.
    pub fn has_keys_table(&self) -> bool {
        self.tables.iter().any(|table| table.name.ends_with(runvoy_api::infra::API_KEYS.suffix))
    }

    /// The refusal of what is protected or runs, if it takes a flag that is not there. Nothing has been changed by then.
    pub fn check(&self, permitted: Permitted) -> Result<()> {
        let mut stacks = self.main.iter().chain(&self.bucket);
        if let Some(stack) = stacks.find(|stack| stack.protected)
            && !permitted.unprotect
        {
            return Err(stacks::refusal(&stack.name));
        }
        if !self.running.is_empty() && !permitted.stop_running {
            return Err(executions::refusal(&self.running));
        }
        Ok(())
    }

    /// All of it for programs, with what becomes of it.
    pub fn json(&self, site: Site<'_>, data: &Data) -> Value {
        let stacks = self.main.iter().chain(&self.bucket).map(|stack| {
            json!({ "name": stack.name, "status": stack.status, "protected": stack.protected, "resources": stack.resources })
        });
        let (fate, directory) = match data {
            Data::Export(directory) => ("export", Some(directory.display().to_string())),
            Data::Keep => ("keep", None),
            Data::Delete => ("delete", None),
        };
        let mut plan = json!({
            "action": "destroy", "deployment": site.deployment, "account": site.aws.account, "region": site.aws.region,
            "stacks": stacks.collect::<Vec<_>>(), "running": self.running, "task_definitions": self.definitions,
            "buckets": self.buckets, "tables": self.tables, "output": self.output, "function_logs": self.function_logs,
            "secrets": self.secrets, "keys": self.keys, "data": fate,
        });
        if let Some(directory) = directory {
            plan["export"] = directory.into();
        }
        if let Some(since) = &self.unfinished {
            plan["unfinished_since"] = since.as_str().into();
        }
        plan
    }
}

async fn function_logs(site: Site<'_>) -> Result<Vec<LogGroup>> {
    use runvoy_api::infra::{API_FUNCTION, EVENTS_FUNCTION, name};
    let names = [API_FUNCTION, EVENTS_FUNCTION].map(|function| name::function_log_group(site.deployment, &function));
    let mut found = Vec::new();
    for name in names {
        found.extend(logs::under(site, &name).await?.into_iter().filter(|group| group.name == name));
    }
    Ok(found)
}
