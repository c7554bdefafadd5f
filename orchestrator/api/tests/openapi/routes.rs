//! What is at which path, with a sample of each body.

use runvoy_api::{
    API_KEY_HEADER, Greeting, Health, IDEMPOTENCY_HEADER, PREFIX, REQUEST_ID_HEADER,
    audit::AuditList,
    config::{Config, ConfigChange},
    costs::Costs,
    error::ErrorReply,
    execution::{Execution, ExecutionDetails, ExecutionList, ExecutionRequest, ExecutionStarted},
    git_credential::{GitCredential, GitCredentialList, GitCredentialRequest},
    lock::{LockList, LockRelease, LockReleased},
    logs::LogPage,
    registry_credential::{RegistryCredential, RegistryCredentialList, RegistryCredentialRequest},
    secret::{Secret, SecretList, SecretRequest},
    upload::{UploadPlace, UploadRef},
    user::{User, UserAdded, UserChange, UserList, UserRequest},
};
use serde_json::{Map, Value, json};

use crate::{Body, body};

const ID: &str = "exec_20251026143210_a1b2c3";
const AT: &str = "2025-10-26T14:32:10Z";

/// One operation.
struct Operation {
    method: &'static str,
    path: &'static str,
    what: &'static str,
    /// `anyone`, or the least role.
    who: &'static str,
    query: &'static [&'static str],
    request: Option<Body>,
    /// Statuses of success.
    ok: &'static [u16],
    reply: Body,
    /// Statuses of refusal beside 400, 401, 403, 404, 413, 429 and 503, which any operation may have.
    refusals: &'static [u16],
}

fn get(path: &'static str, who: &'static str, what: &'static str, reply: Body) -> Operation {
    Operation { method: "get", path, what, who, query: &[], request: None, ok: &[200], reply, refusals: &[] }
}

fn operations() -> Vec<Operation> {
    let user = || body::<User>(user());
    let added = || body::<UserAdded>(json!({"email": "a@example.com", "role": "member", "api_key": "sk_live_…"}));
    let config = || body::<Config>(config());
    let change = |operation: Operation, method, request| Operation { method, request: Some(request), ..operation };
    let release = json!({"lock": lock(), "released": true});
    vec![
        get("/health", "anyone", "Whether it answers, and which version it is", body::<Health>(health())),
        get("/greet/{name}", "anyone", "A check of connectivity", body::<Greeting>(json!({"message": "hello, you"}))),
        get("/whoami", "viewer", "Whose key this is, and what it may do", user()),
        Operation {
            ok: &[201],
            refusals: &[409, 422, 502],
            ..change(
                get("/executions", "member", "Start a command, or queue it for its lock", started()),
                "post",
                request(),
            )
        },
        Operation {
            query: &["user", "status", "lock", "since", "limit", "cursor", "all"],
            ..get("/executions", "viewer", "Executions, newest first", list())
        },
        get("/executions/{id}", "viewer", "One execution", details()),
        Operation {
            method: "delete",
            ok: &[200, 202],
            refusals: &[409],
            ..get("/executions/{id}", "member", "Stop one: its owner and admins may", body::<Execution>(execution()))
        },
        Operation {
            query: &["limit", "cursor"],
            ..get(
                "/executions/{id}/logs",
                "viewer",
                "Its output: for its owner, admins, and all members if `shared_logs`",
                logs(),
            )
        },
        get("/locks", "viewer", "The locks that are held, and who waits", body::<LockList>(json!({"locks": [lock()]}))),
        Operation {
            ok: &[200, 202],
            refusals: &[409],
            ..change(
                get(
                    "/locks/{name}",
                    "admin",
                    "Stop whoever holds a lock, which frees it",
                    body::<LockReleased>(release),
                ),
                "delete",
                body::<LockRelease>(json!({"reason": "it hangs"})),
            )
        },
        get("/users", "admin", "All users", body::<UserList>(json!({"users": [self::user()]}))),
        Operation {
            ok: &[201],
            refusals: &[409],
            ..change(
                get("/users", "admin", "Add a user; the reply shows their key, once", added()),
                "post",
                body::<UserRequest>(json!({"email": "a@example.com", "role": "member"})),
            )
        },
        Operation {
            refusals: &[409],
            ..change(
                get("/users/{email}", "admin", "Another role, another policy", user()),
                "patch",
                body::<UserChange>(json!({"role": "member", "policy": policy()})),
            )
        },
        Operation {
            method: "delete",
            refusals: &[409],
            ..get("/users/{email}", "admin", "Revoke a user's key", user())
        },
        Operation {
            method: "post",
            ..get("/users/{email}/rotate", "admin", "A new key for the old one; the reply shows it, once", added())
        },
        change(
            get("/uploads", "member", "Where to put a code archive, unless it is there already", place()),
            "post",
            body::<UploadRef>(upload()),
        ),
        get(
            "/secrets",
            "admin",
            "The secrets for commands, without values",
            body::<SecretList>(json!({"secrets": [secret()]})),
        ),
        change(
            get(
                "/secrets/{alias}",
                "admin",
                "Set a secret for commands; its value is never told",
                body::<Secret>(secret()),
            ),
            "put",
            body::<SecretRequest>(json!({"value": "…"})),
        ),
        Operation {
            method: "delete",
            ..get("/secrets/{alias}", "admin", "Delete a secret for commands", body::<Secret>(secret()))
        },
        get(
            "/git-credentials",
            "admin",
            "The credentials for git hosts, without values",
            body::<GitCredentialList>(json!({"git_credentials": [git_credential()]})),
        ),
        change(
            get(
                "/git-credentials/{host}",
                "admin",
                "Set the credential for a git host; its value is never told",
                body::<GitCredential>(git_credential()),
            ),
            "put",
            git_credential_request(),
        ),
        Operation {
            method: "delete",
            ..get(
                "/git-credentials/{host}",
                "admin",
                "Delete the credential for a git host",
                body::<GitCredential>(git_credential()),
            )
        },
        get(
            "/registry-credentials",
            "admin",
            "The credentials for image registries, without passwords",
            body::<RegistryCredentialList>(json!({"registry_credentials": [registry_credential()]})),
        ),
        change(
            get(
                "/registry-credentials/{host}",
                "admin",
                "Set the credential for an image registry; its password is never told",
                body::<RegistryCredential>(registry_credential()),
            ),
            "put",
            body::<RegistryCredentialRequest>(json!({"username": "bot", "password": "…"})),
        ),
        Operation {
            method: "delete",
            ..get(
                "/registry-credentials/{host}",
                "admin",
                "Delete the credential for an image registry",
                body::<RegistryCredential>(registry_credential()),
            )
        },
        Operation {
            query: &["user", "since", "limit", "cursor"],
            ..get("/audit", "admin", "Who changed what, newest first", audit())
        },
        Operation { query: &["by", "since"], ..get("/costs", "admin", "What executions cost, added up", costs()) },
        get("/config", "admin", "The deployment's settings", config()),
        Operation {
            refusals: &[409],
            ..change(
                get("/config", "admin", "Change some of them", config()),
                "patch",
                body::<ConfigChange>(self::config()),
            )
        },
    ]
}

fn health() -> Value {
    json!({"status": "ok", "version": "0.1.0", "contract": 2, "destroyed_since": "2026-11-21T10:08:34Z"})
}

fn policy() -> Value {
    json!({
        "images": ["alpine:*"], "locks": ["staging*"], "task_roles": ["deploy"], "require_lock": true, "max_timeout": 600, "max_cpu": 1024,
        "max_memory": 2048, "max_running": 2, "commands": ["terraform plan **"], "env": ["STAGE"],
        "repositories": ["github.com/acme/*"], "secrets": ["db*"],
    })
}

fn user() -> Value {
    json!({"email": "a@example.com", "role": "member", "created_at": AT, "last_used": AT, "revoked": false, "policy": policy()})
}

fn config() -> Value {
    json!({"draining": false, "shared_logs": true, "default_image": "alpine", "default_timeout": 600, "max_running": 5, "log_grace": 15})
}

fn lock() -> Value {
    json!({
        "lock_name": "prod", "execution_id": ID, "user_email": "a@example.com", "acquired_at": AT, "expires_at": AT,
        "fence": 7, "waiters": [{"execution_id": ID, "user_email": "b@example.com", "since": AT, "until": AT}],
    })
}

fn execution() -> Value {
    json!({
        "execution_id": ID, "status": "failed", "user_email": "a@example.com", "command": "make", "image": "alpine",
        "task_role": "deploy", "lock_name": "prod", "lock_fence": 7, "started_at": AT, "launched_at": AT, "wait_until": AT,
        "queue_position": 1, "completed_at": AT, "exit_code": 3, "reason": "why", "duration_seconds": 60,
        "cost_usd": 0.01, "cost_basis": "us-east-1/2026-08", "task_arn": "arn", "log_stream_name": "exec/executor/0",
        "cpu": 1024, "memory": 2048, "disk": 50, "timeout_seconds": 3600, "spot": false,
        "repo": "https://github.com/acme/infra", "ref": "main", "path": "prod", "submodules": true, "lfs": true,
        "upload": upload(), "secrets": {"DB_PASSWORD": "db"}, "env_names": ["STAGE"],
    })
}

fn details() -> Body {
    let mut details = execution();
    details["log_url"] = json!("https://…");
    body::<ExecutionDetails>(details)
}

fn request() -> Body {
    body::<ExecutionRequest>(json!({
        "command": "make", "image": "alpine", "env": {"STAGE": "dev"}, "lock": "prod", "wait_lock": 600, "timeout": 600,
        "cpu": 1024, "memory": 2048, "disk": 50, "spot": true, "task_role": "deploy",
        "repo": "https://github.com/acme/infra", "ref": "main",
        "path": "prod", "submodules": true, "lfs": true, "upload": upload(), "secrets": {"DB_PASSWORD": "db"},
    }))
}

fn upload() -> Value {
    json!({"sha256": "…", "size": 1})
}

fn place() -> Body {
    body::<UploadPlace>(json!({"present": false, "url": "https://…", "headers": {"content-length": "1"}}))
}

fn secret() -> Value {
    json!({"alias": "db", "set_at": AT, "set_by": "a@example.com"})
}

fn git_credential() -> Value {
    json!({
        "host": "github.com", "kind": "token", "repositories": ["acme/*"], "set_at": AT, "set_by": "a@example.com",
    })
}

fn registry_credential() -> Value {
    json!({"host": "ghcr.io", "username": "bot", "set_at": AT, "set_by": "a@example.com"})
}

fn git_credential_request() -> Body {
    body::<GitCredentialRequest>(json!({
        "kind": "ssh-key", "username": "bot", "secret": "…", "known_hosts": "…", "repositories": ["acme/*"],
    }))
}

fn started() -> Body {
    let reply =
        json!({"execution_id": ID, "status": "queued", "queue_position": 1, "log_url": "https://…", "lock_fence": 7});
    body::<ExecutionStarted>(reply)
}

fn list() -> Body {
    body::<ExecutionList>(json!({"executions": [execution()], "cursor": "…"}))
}

fn logs() -> Body {
    body::<LogPage>(json!({
        "execution_id": ID, "status": "running", "queue_position": 1, "task_status": "PENDING", "cursor": "…", "completed": false,
        "logs": [{"timestamp": 1, "message": "hello", "source": "prepare"}], "last_timestamp": 1, "exit_code": 0,
        "reason": "why", "execution": {
            "command": "terraform plan", "image": "alpine", "user_email": "a@example.com", "lock_name": "prod",
            "started_at": AT, "completed_at": AT, "cost_usd": 0.01, "cost_basis": "us-east-1/2026-08",
        },
    }))
}

fn audit() -> Body {
    let entry = json!({
        "at": AT, "actor": "a@example.com", "action": "user.add", "target": "b@example.com", "source_ip": "192.0.2.1",
        "result": "done", "details": {"role": "member"},
    });
    body::<AuditList>(json!({"entries": [entry], "cursor": "…"}))
}

fn costs() -> Body {
    let cost = json!({"name": "prod", "executions": 1, "seconds": 60, "cost_usd": 0.01, "estimated": false});
    body::<Costs>(json!({"by": "lock", "since": AT, "costs": [cost], "complete": true}))
}

fn error() -> Body {
    body::<ErrorReply>(json!({"error": {
        "code": "invalid_request", "message": "`command` is required", "hint": "give one", "request_id": "0123456789abcdef",
        "field": "command",
    }}))
}

/// The whole document.
pub fn document() -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for operation in operations() {
        for body in operation.request.iter().chain([&operation.reply, &error()]) {
            schemas.insert(body.name.to_owned(), body.schema());
        }
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = describe(&operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "runvoy", "version": env!("CARGO_PKG_VERSION"),
            "description": "Run any command in your company's AWS account, without sharing AWS credentials. Clients must \
                            tolerate fields that they don't know; requests with such fields are refused.",
        },
        "servers": [{ "url": PREFIX }],
        "security": [{ "key": [] }, { "bearer": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": { "type": "apiKey", "in": "header", "name": API_KEY_HEADER },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
            "schemas": schemas,
            "headers": {
                "RequestId": { "description": "Names this request in the deployment's logs", "schema": { "type": "string" } },
            },
            "responses": { "Refused": reply("Refused, or failed", error().reference()) },
        },
    })
}

fn describe(operation: &Operation) -> Value {
    let who = if operation.who == "anyone" { "Anyone may.".into() } else { format!("Least role: {}.", operation.who) };
    let mut described = json!({
        "summary": operation.what, "description": who, "parameters": parameters(operation), "responses": responses(operation),
    });
    if operation.who == "anyone" {
        described["security"] = json!([]);
    }
    if let Some(request) = &operation.request {
        described["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": request.reference() } } });
    }
    described
}

fn parameters(operation: &Operation) -> Value {
    let in_path = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter =
        |name, place, required| json!({"name": name, "in": place, "required": required, "schema": {"type": "string"}});
    let mut parameters: Vec<Value> = in_path.map(|name| parameter(name, "path", true)).collect();
    parameters.extend(operation.query.iter().map(|name| parameter(name, "query", false)));
    if (operation.method, operation.path) == ("post", "/executions") {
        parameters.push(parameter(IDEMPOTENCY_HEADER, "header", false));
    }
    json!(parameters)
}

fn responses(operation: &Operation) -> Value {
    let usual: &[u16] = if operation.who == "anyone" { &[413, 503] } else { &[400, 401, 403, 404, 413, 429, 503] };
    let mut responses = Map::new();
    for status in operation.ok {
        responses.insert(status.to_string(), reply("Done", operation.reply.reference()));
    }
    for status in usual.iter().chain(operation.refusals) {
        responses.insert(status.to_string(), json!({ "$ref": "#/components/responses/Refused" }));
    }
    Value::Object(responses)
}

fn reply(what: &str, schema: Value) -> Value {
    let headers = json!({ REQUEST_ID_HEADER: { "$ref": "#/components/headers/RequestId" } });
    json!({ "description": what, "headers": headers, "content": { "application/json": { "schema": schema } } })
}
