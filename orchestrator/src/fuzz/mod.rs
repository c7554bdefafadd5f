//! Whatever anybody sends is answered: nothing that comes from outside makes the orchestrator panic, and what it takes is
//! what its rules allow. Each target replays its corpus and then tries for a moment; `cargo xtask fuzz` tries for longer.

mod mutate;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bolero::check;
use runvoy_api::{
    argv,
    config::{Config, ConfigChange},
    execution::{Execution, ExecutionRequest},
    fargate,
    id::ExecutionId,
    key::ApiKey,
    lock::{self, LockRelease},
    policy::Policy,
    timeout::Timeout,
    user::{self, UserChange, UserRequest},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use time::macros::datetime;

use self::mutate::{input, text};
use crate::{app::App, events, finish, handlers, json, router, store, tasks::RunTask, token};

/// For one target in the usual tests; `BOLERO_RANDOM_TEST_TIME_MS` says otherwise.
const MOMENT: Duration = Duration::from_millis(300);
const ID: &str = "exec_20251026143210_a1b2c3";

fn execution(request: ExecutionRequest) -> Execution {
    let (cpu, memory) = fargate::size(request.cpu, request.memory).unwrap();
    serde_json::from_value(json!({
        "execution_id": ID, "status": "starting", "user_email": "a@example.com", "command": request.command,
        "image": request.image.unwrap_or_else(|| "alpine".into()), "lock_name": request.lock, "cpu": cpu,
        "started_at": "2025-10-26T14:32:10Z", "memory": memory,
        "timeout_seconds": request.timeout.unwrap_or(Timeout::DEFAULT).seconds(),
    }))
    .unwrap()
}

/// Reads a body; what was taken means the same when it is written and read again.
fn read<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let read: T = json::parse(bytes).ok()?;
    let again: T = json::parse(&serde_json::to_vec(&read).unwrap()).unwrap();
    assert_eq!(read, again);
    Some(read)
}

#[test]
fn requests() {
    const SEEDS: &[&str] = &[
        r#"{"command":"terraform apply","image":"team/tool:1","env":{"STAGE":"dev"},"lock":"prod/db","wait_lock":"10m"}"#,
        r#"{"command":"x","timeout":600,"cpu":1024,"memory":2048,"spot":true}"#,
        r#"{"email":"a@example.com","role":"member"}"#,
        r#"{"role":"viewer","policy":{"images":["team/*"],"locks":["a*b"],"require_lock":true,"max_timeout":"1h"}}"#,
        r#"{"policy":{"images":["*"],"commands":["make *","terraform plan **"],"env":["A*"],"max_running":3}}"#,
        r#"{"draining":true,"default_image":null,"default_timeout":"1h30m","max_running":7,"shared_logs":false}"#,
        r#"{"reason":"it hangs"}"#,
    ];
    check!(name = "requests").with_test_time(MOMENT).with_max_len(128).for_each(|bytes: &[u8]| {
        let bytes = input(SEEDS, bytes);
        if let Some(request) = read::<ExecutionRequest>(&bytes)
            && request.validate().is_ok()
        {
            assert!(
                !request.command.contains('\0')
                    && request.lock.as_deref().is_none_or(|name| lock::validate(name).is_ok())
            );
            let env = request.env.clone();
            let line = request.command.clone();
            RunTask::new(&execution(request), line, env).fenced(u64::MAX).fits();
        }
        if let Some(request) = read::<UserRequest>(&bytes) {
            let _ = user::validate_email(&request.email);
        }
        if let Some(change) = read::<UserChange>(&bytes) {
            let _ = change.validate();
        }
        if let Some(change) = read::<ConfigChange>(&bytes) {
            let _ = Config::default().with(change);
        }
        let _ = read::<LockRelease>(&bytes).map(|request| request.validate());
    });
}

#[test]
fn keys_and_tokens() {
    let id: ExecutionId = ID.parse().unwrap();
    let now = datetime!(2025-10-26 14:32:10 UTC);
    let good = token::sign("secret", &id, now + time::Duration::HOUR);
    let key = ApiKey::from_random([0xa5; 32]).reveal().to_owned();
    let seeds = [good.as_str(), key.as_str(), ID, "1h30m", "Bearer sk_live_"];
    check!(name = "keys_and_tokens").with_test_time(MOMENT).with_max_len(64).for_each(|bytes: &[u8]| {
        let text = text(&seeds, bytes);
        // Nobody without the secret makes another good one, not even by another spelling of the same bytes.
        assert_eq!(token::verify("secret", &text, &id, now), text == good, "{text:?}");
        if let Ok(key) = text.parse::<ApiKey>() {
            assert_eq!((key.reveal(), key.hash().len()), (text.as_str(), 64));
        }
        if let Ok(id) = text.parse::<ExecutionId>() {
            assert_eq!((id.as_str(), id.started_at().len()), (text.as_str(), 20));
        }
        if let Ok(timeout) = text.parse::<Timeout>() {
            assert!((1..=Timeout::MAX.seconds()).contains(&timeout.seconds()));
        }
    });
}

#[test]
fn task_events() {
    const SEEDS: &[&str] = &[
        r#"{"detail-type":"ECS Task State Change","detail":{"taskArn":"arn:aws:ecs:us-east-1:1:task/runvoy/0","lastStatus":"STOPPED","version":5,"startedBy":"exec_20251026143210_a1b2c3","stopCode":"EssentialContainerExited","stoppedReason":"Essential container in task exited","pullStartedAt":"2025-10-26T14:32:30.5Z","startedAt":"2025-10-26T14:33:00.123Z","executionStoppedAt":"2025-10-26T14:34:00Z","stoppedAt":"2025-10-26T14:34:10Z","containers":[{"name":"executor","exitCode":124,"reason":"OutOfMemoryError: killed"}]}}"#,
        r#"{"detail":{"taskArn":"t","lastStatus":"STOPPED","stopCode":"TaskFailedToStart","containers":[],"stoppedReason":"CannotPullContainerError: no"}}"#,
        r#"{"detail":{"taskArn":"t","lastStatus":"RUNNING","version":2,"containers":[{"name":"executor"}]}}"#,
    ];
    let app = AssertUnwindSafe(App::for_tests());
    let request = ExecutionRequest { command: "true".into(), ..ExecutionRequest::default() };
    let row = store::row::Row::launched(execution(request), "runvoy-0".into());
    check!(name = "task_events").with_test_time(MOMENT).with_max_len(64).for_each(|bytes: &[u8]| {
        let Ok(event) = serde_json::from_slice::<Value>(&input(SEEDS, bytes)) else { return };
        let Ok(task) = events::task(event) else { return };
        task.execution_id();
        let end = finish::end_of(&app, &row, &task);
        assert!(end.status.is_terminal() && end.cost.as_ref().is_none_or(|(dollars, _)| *dollars >= 0.0), "{end:?}");
        store::executions::finish(&app, row.id(), &end, store::executions::LAUNCHED).unwrap();
    });
}

#[test]
fn cursors_and_times() {
    const SEEDS: &[&str] = &[
        "eyJhZnRlciI6eyJjb21wbGV0ZWQiOiJleGVjXzIwMjUxMDI2MTQzMjEwX2ExYjJjMyIsImZhaWxlZCI6bnVsbH19",
        "2025-10-26T14:32:10Z#a1b2c3d4e5f6",
        "2025-10-26U",
        "2025-10-26T14:32:10.5+02:00",
        "20",
    ];
    check!(name = "cursors_and_times").with_test_time(MOMENT).with_max_len(64).for_each(|bytes: &[u8]| {
        let text = text(SEEDS, bytes);
        store::history::accepts_cursor(&text);
        let _ = store::history::limit(Some(&text)).map(|limit| assert!((1..=100).contains(&limit)));
        let _ = store::audit::Before::from_cursor(&text);
        // What sort keys are compared with is as long as they are.
        let _ = handlers::since(Some(&text)).map(|since| assert_eq!(since.unwrap().len(), 20));
    });
}

#[test]
fn commands_and_patterns() {
    const SEEDS: &[&str] =
        &["terraform plan **\nterraform plan -out 'a b'", "prod/*\nprod/db", "a*b*c\naXbYc", "make *\nmake 'it'\"'s\""];
    check!(name = "commands_and_patterns").with_test_time(MOMENT).with_max_len(64).for_each(|bytes: &[u8]| {
        let text = text(SEEDS, bytes);
        let (pattern, command) = text.split_once('\n').unwrap_or((&text, &text));
        if let Ok(words) = argv::split(command) {
            let line = argv::without_shell(&words);
            assert!(unquoted(&line) == words, "{line:?} is not {words:?}");
        }
        let (pattern, command) = (pattern.to_owned(), command.to_owned());
        let rules = Policy { locks: Some(vec![pattern.clone()]), ..Policy::default() };
        let under = Execution { lock_name: Some(command.clone()), ..execution(ExecutionRequest::default()) };
        assert_eq!(rules.check(&under, [].iter()).is_ok(), glob(pattern.as_bytes(), command.as_bytes()), "{text:?}");
        let rules = Policy { images: Some(vec!["*".into()]), commands: Some(vec![pattern]), ..Policy::default() };
        let allowed = rules.check(&execution(ExecutionRequest { command, ..Default::default() }), [].iter());
        assert!(rules.validate().is_err() || allowed.is_err() || allowed.is_ok_and(|line| line.is_some()));
    });
}

/// `*` stands for any run, by the plainest rule there is.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skipped| glob(rest, &name[skipped..])),
        Some((first, rest)) => name.first() == Some(first) && glob(rest, &name[1..]),
    }
}

/// The words after `exec` as a shell reads them: in single quotes nothing is special, and outside only a quoted quote.
fn unquoted(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (Vec::new(), false);
    let mut word: Option<String> = None;
    let mut chars = line.strip_prefix("exec ").unwrap().chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if !quoted => word.get_or_insert_default().extend(chars.next()),
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    assert!(!quoted, "{line}");
    words.extend(word);
    words
}

/// Requests of strangers: without a good key no AWS call is made, so the whole router can be tried.
#[test]
fn strangers() {
    const SEEDS: &[&str] = &[
        "GET /api/v1/executions?limit=5&cursor=x HTTP/1.1\nx-api-key: sk_live_0",
        "POST /prod/api/v1/executions HTTP/1.1\nauthorization: Bearer sk_live_0\n\n{\"command\":\"true\"}",
        "DELETE /locks/a/b HTTP/1.1\nx-forwarded-for: 1.2.3.4, 5.6.7.8",
        "GET /api/logs/exec_20251026143210_a1b2c3 HTTP/1.1",
        "PATCH /users/a@example.com HTTP/1.1\n\n{\"role\":\"admin\"}",
        "GET /greet/you HTTP/1.1\nhost: x",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let server = AssertUnwindSafe((runtime, router::router(Arc::new(App::for_tests()))));
    check!(name = "strangers").with_test_time(MOMENT).with_max_len(64).for_each(|bytes: &[u8]| {
        let (runtime, router) = &*server;
        let Some(request) = request(&text(SEEDS, bytes)) else { return };
        let shown = format!("{request:?}");
        let (status, body) = runtime.block_on(async {
            let reply = tower::ServiceExt::oneshot(router.clone(), request).await.unwrap();
            (reply.status(), axum::body::to_bytes(reply.into_body(), usize::MAX).await.unwrap())
        });
        assert!(!status.is_server_error(), "{status}: {shown}");
        if status.is_client_error() {
            let error: Value = serde_json::from_slice(&body).unwrap_or_default();
            assert!(error["error"]["request_id"].is_string(), "{status} without a reason: {shown}");
        }
    });
}

fn request(text: &str) -> Option<axum::extract::Request> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let mut request = axum::http::Request::builder().method(first.next()?).uri(first.next()?);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        request = request.header(name, value);
    }
    request.body(axum::body::Body::from(body.to_owned())).ok()
}
