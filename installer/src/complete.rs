//! How a command line may go on, as far as it takes a look: executions, locks, tasks, profiles. A shell that asks is not
//! kept waiting, and not told of errors.

use std::{collections::BTreeMap, future::Future, time::Duration};

use clap_complete::CompletionCandidate;
use runvoy_api::{execution::ExecutionList, lock, lock::LockList};

use crate::{client::Client, config::Config, error::Result, project::Project, ui};

/// Set by the shell that asks; see `runvoy completions`.
pub const VARIABLE: &str = "RUNVOY_COMPLETE";

/// How long a Tab may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// The user's newest executions.
pub fn executions() -> Vec<CompletionCandidate> {
    let list = ask(async { Client::connect(None)?.get::<ExecutionList>("/executions?limit=20").await });
    let executions = list.map(|list| list.executions).unwrap_or_default();
    let newest = (!executions.is_empty()).then(|| candidate("last", "your newest one"));
    let each = executions.into_iter().map(|execution| {
        candidate(execution.execution_id.as_str(), &format!("{}: {}", execution.status, execution.command))
    });
    newest.into_iter().chain(each).collect()
}

/// The locks that are held, and those that the project names.
pub fn locks() -> Vec<CompletionCandidate> {
    let held = ask(async { Client::connect(None)?.get::<LockList>("/locks").await });
    let held = held.map(|list| list.locks).unwrap_or_default();
    let mut locks = BTreeMap::new();
    if let Some(project) = project() {
        let settings = project.tasks.into_values().map(|task| task.settings).chain([project.settings]);
        let named = settings.filter_map(|mut settings| settings.remove("lock")?.as_str().map(str::to_owned));
        locks.extend(named.map(|name| (name, "in .runvoy.yaml".to_owned())));
    }
    locks.extend(held.into_iter().map(|lock| (lock.lock_name, format!("held by {}", lock.user_email))));
    // What a shell would have to quote is no lock's name.
    locks.retain(|name, _| lock::validate(name).is_ok());
    locks.iter().map(|(name, help)| candidate(name, help)).collect()
}

/// The project's tasks.
pub fn tasks() -> Vec<CompletionCandidate> {
    let tasks = project().map(|project| project.tasks).unwrap_or_default();
    let each = tasks
        .iter()
        .map(|(name, task)| candidate(&format!("@{name}"), task.description.as_deref().unwrap_or(&task.command)));
    each.collect()
}

/// The deployments that this machine knows.
pub fn profiles() -> Vec<CompletionCandidate> {
    let config = Config::load().ok();
    let each = config.iter().flat_map(Config::profiles);
    each.map(|(name, profile)| candidate(name, profile.api_endpoint.as_deref().unwrap_or_default())).collect()
}

fn candidate(value: &str, help: &str) -> CompletionCandidate {
    CompletionCandidate::new(value).help(Some(ui::printable(help).into_owned().into()))
}

fn project() -> Option<Project> {
    Project::find().ok().flatten()
}

fn ask<T>(question: impl Future<Output = Result<T>>) -> Option<T> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, question).await });
    runtime.shutdown_background();
    answer.ok()?.ok()
}
