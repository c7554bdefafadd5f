//! One container's life: wait for what it depends on, run, stop when told, leave nothing behind.

use std::time::Duration;

use super::lifecycle::Run;
use super::process::Process;
use super::ready::Ready;
use super::task::Order;

/// After a container's end nobody holds its pipes; should one that escaped us do so, its output is not waited for.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// How a container ended.
#[derive(Default)]
pub(super) struct End {
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
    pub start_failed: bool,
}

impl End {
    /// ECS gives a container whose dependency failed the code of a SIGTERM, though it never ran.
    pub fn dependency(name: &str) -> Self {
        let reason = format!("dependency graph: container dependency {name} was not met");
        Self { exit_code: Some(143), reason: Some(reason), start_failed: false }
    }
}

pub(super) async fn live(run: &Run, index: usize, ready: Ready) -> End {
    let Ready { mut log, variables } = ready;
    let waited = tokio::select! {
        biased;
        () = run.ordered(Order::Stop) => return End::default(),
        waited = run.dependencies(index) => waited,
    };
    if let Err(end) = waited {
        return end;
    }
    let spec = run.spec(index);
    let spawned = match run.has_shell(index) {
        true => Process::spawn(&spec.launch, &variables, log.is_some()).await,
        false => Err("exec: \"/bin/sh\": stat /bin/sh: no such file or directory: unknown".to_owned()),
    };
    let mut process = match spawned {
        Ok(process) => process,
        // An init process always starts. It ends with the shells' code for what is not there; its one line, which would say
        // so, is a log's last, which is forgotten.
        Err(_) if spec.launch.init => {
            run.started(index);
            return End { exit_code: Some(127), ..End::default() };
        }
        Err(problem) => {
            let reason = Some(format!("CannotStartContainerError: {problem}"));
            return End { exit_code: None, reason, start_failed: true };
        }
    };
    run.started(index);
    if let Some(log) = &mut log {
        process.output().into_iter().for_each(|pipe| log.follow(pipe));
    }
    let exit_code = supervise(run, &mut process, spec.stop_timeout).await;
    process.purge().await;
    if let Some(log) = log {
        log.close(LAST_WORDS).await;
    }
    End { exit_code: Some(exit_code), ..End::default() }
}

async fn supervise(run: &Run, process: &mut Process, stop_timeout: Duration) -> i32 {
    tokio::select! {
        code = process.wait() => return code,
        () = run.ordered(Order::Stop) => process.terminate(),
    }
    tokio::select! {
        code = process.wait() => return code,
        () = tokio::time::sleep(stop_timeout) => {}
        () = run.ordered(Order::Kill) => {}
    }
    process.kill().await
}
