//! What other people's auditors find: checkov over the templates, parliament over their policies.

use std::{collections::BTreeSet, env, fs, path::PathBuf, process::Command};

use super::*;

/// What is accepted, with its reason: `TOOL CHECK REASON`.
const FINDINGS: &str = include_str!("findings.txt");

/// The checks of one tool whose findings are accepted.
pub(in crate::templates) fn accepted(tool: &str) -> BTreeSet<String> {
    let lines =
        FINDINGS.lines().filter(|line| !line.starts_with('#')).map(|line| line.splitn(3, ' ').collect::<Vec<_>>());
    let lines = lines.inspect(|parts| assert!(parts.len() == 3 && parts[2].len() > 20, "a reason for {parts:?}"));
    lines.filter(|parts| parts[0] == tool).map(|parts| parts[1].to_owned()).collect()
}

fn program(name: &str) -> PathBuf {
    let bin = env::var_os("RUNVOY_GUARD").map(PathBuf::from);
    let bin = bin.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../target/sandbox/guard/bin").into());
    let program = bin.join(name);
    assert!(program.exists(), "no `{}`: `cargo xtask test` sets it up", program.display());
    program
}

#[test]
fn checkov_finds_what_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    for (name, answers) in samples::variants() {
        fs::write(directory.path().join(format!("{name}.yaml")), main(STACK, &answers).unwrap()).unwrap();
    }
    fs::write(directory.path().join("bucket.yaml"), bucket(STACK, &samples::answers()).unwrap()).unwrap();
    let mut checkov = Command::new(program("checkov"));
    checkov.args(["--framework", "cloudformation", "--skip-download", "--compact", "--quiet", "--output", "json"]);
    let output = checkov.arg("--directory").arg(directory.path()).env("HOME", directory.path()).output().unwrap();
    let report: Json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert!(report["summary"]["passed"].as_u64().unwrap() > 100, "{}", report["summary"]);
    assert_eq!(report["summary"]["parsing_errors"], 0);
    let failed = report["results"]["failed_checks"].as_array().unwrap();
    let found: BTreeSet<_> = failed.iter().map(|check| check["check_id"].as_str().unwrap().to_owned()).collect();
    let what = |check: &Json| format!("{} of {}: {}", check["check_id"], check["resource"], check["check_name"]);
    let accepted = accepted("checkov");
    let new = failed.iter().filter(|check| !accepted.contains(check["check_id"].as_str().unwrap())).map(what);
    assert_eq!(new.collect::<BTreeSet<_>>(), BTreeSet::new());
    assert_eq!(accepted.difference(&found).collect::<Vec<_>>(), [""; 0], "no longer found");
}

#[test]
fn parliament_finds_what_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    for (variant, template) in templates() {
        for (logical, resource) in template["Resources"].as_mapping().unwrap() {
            for policy in resource["Properties"]["Policies"].as_sequence().into_iter().flatten() {
                let name =
                    format!("{variant}-{}-{}.json", logical.as_str().unwrap(), policy["PolicyName"].as_str().unwrap());
                let document = resolved(&template, &policy["PolicyDocument"]).to_string();
                fs::write(directory.path().join(name), document).unwrap();
            }
        }
    }
    let mut parliament = Command::new(program("parliament"));
    parliament.args(["--json", "--include_policy_extension", "json", "--directory"]).arg(directory.path());
    let output = parliament.env("HOME", directory.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let broken = String::from_utf8_lossy(&output.stderr);
    assert!(!broken.contains("Traceback"), "{broken}");
    let findings: Vec<Json> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: BTreeSet<_> = findings.iter().map(|finding| finding["issue"].as_str().unwrap().to_owned()).collect();
    let accepted = accepted("parliament");
    let new = findings.iter().filter(|finding| !accepted.contains(finding["issue"].as_str().unwrap()));
    assert_eq!(new.map(Json::to_string).collect::<BTreeSet<_>>(), BTreeSet::new());
    assert_eq!(accepted.difference(&found).collect::<Vec<_>>(), [""; 0], "no longer found");
}
