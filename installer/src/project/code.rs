//! Which of the settings say where the code comes from, and what becomes of the others: a command has one repository, or
//! one upload, or none.

use std::collections::BTreeMap;

use serde_json::Value;

use super::settings::Origin;

/// Settings by name, each with where it comes from.
type Found = BTreeMap<String, (Value, Origin)>;

/// What only says more about a repository.
const OF_REPO: [&str; 3] = ["ref", "submodules", "lfs"];

/// Whether this is a `repo` or an `upload` that says that there is none.
pub fn is_none(name: &str, value: &Value) -> bool {
    match name {
        "repo" => value.as_str() == Some(""),
        "upload" => *value == Value::Bool(false) || value.as_str() == Some(""),
        _ => false,
    }
}

/// Whether nothing says yet where the code comes from.
pub fn is_open(values: &Found) -> bool {
    let upload = values.get("upload").filter(|(value, _)| !is_none("upload", value));
    upload.is_none() && !values.contains_key("repo")
}

/// Of a repository and an upload, the one from the earlier place counts. What was said about the other one by a later
/// place goes with it; on the command line itself a contradiction stays one, for the API to refuse.
pub fn one_place(values: &mut Found) {
    let rank = |name: &str| values.get(name).map(|(_, origin)| rank(origin));
    let says = |name: &str| values.get(name).is_some_and(|(value, _)| !is_none(name, value));
    let (repo, upload) = (rank("repo"), rank("upload"));
    let mut gone: Vec<&str> = Vec::new();
    match (repo, upload) {
        (Some(repo), Some(upload)) if repo < upload => gone.push("upload"),
        (Some(repo), Some(upload)) if upload < repo && says("upload") => gone.push("repo"),
        _ => {}
    }
    let no_repo = values.contains_key("repo") && !says("repo");
    let is_upload = says("upload") && !gone.contains(&"upload");
    if no_repo || is_upload {
        gone.extend(OF_REPO);
    }
    if no_repo && !is_upload {
        gone.push("path");
    }
    values.retain(|name, (_, origin)| !gone.contains(&name.as_str()) || *origin == Origin::Flag);
}

/// Earlier places come first.
fn rank(origin: &Origin) -> u8 {
    match origin {
        Origin::Flag => 0,
        Origin::Variable(_) => 1,
        Origin::Task(..) => 2,
        Origin::File(_) => 3,
        Origin::Git(_) => 4,
        Origin::Record(_) => 5,
    }
}
