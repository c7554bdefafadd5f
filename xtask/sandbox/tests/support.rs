//! What the tests share.

use std::path::Path;
use std::process::Output;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use runvoy_sandbox::{Layout, Sandbox, setup};

/// A sandbox of the test's own.
pub async fn sandbox(name: &str) -> Sandbox {
    let layout = Layout::named(&format!("test-{name}")).unwrap();
    Sandbox::start(&layout).await.unwrap()
}

/// Ends it and removes what it has written.
pub async fn done(sandbox: Sandbox) {
    let run = sandbox.layout().run().to_owned();
    sandbox.stop().await;
    std::fs::remove_dir_all(run).unwrap();
}

/// One value of its environment.
pub fn variable(sandbox: &Sandbox, name: &str) -> String {
    sandbox.environment().into_iter().find(|(key, _)| key == name).unwrap().1
}

/// Runs a Python script, which has botocore, on the sandbox; its output must be `ok`.
pub async fn python(sandbox: &Sandbox, script: &str, arguments: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let mut command = tokio::process::Command::new(setup::ENGINE.bin(sandbox.layout()).join("python"));
    command.arg(path).args(arguments).kill_on_drop(true);
    sandbox.apply(&mut command);
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    assert!(status.success(), "{script}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// One request, exactly as given.
pub async fn send(request: Request<&'static str>) -> Response<String> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = request.map(|body| Full::new(Bytes::from(body)));
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap())
}

/// The processes that carry `text` in their environment.
pub fn processes_with(text: &str) -> Vec<i32> {
    let carries = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(text)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(carries).collect()
}
