//! `runvoy admin set-policy`.

use std::{fs, io::Read as _};

use runvoy_api::{policy::Policy, user::UserChange};
use serde_json::Value;

use crate::{
    client::{Client, encode},
    error::{Error, Result, ResultExt as _},
    exit, ui,
};

const EXAMPLES: &str = r#"Examples:
  runvoy admin set-policy alice@example.com policy.json
  echo '{"locks": ["staging*"], "require_lock": true}' | runvoy admin set-policy alice@example.com -
  runvoy admin set-policy alice@example.com --none

A policy is JSON or YAML. Its rules; what is left out is not restricted:
  images, locks, env        lists of names, with * for any characters
  task_roles                the same; `default` is the deployment's usual one
  repositories, secrets     the same: "github.com/acme/*", aliases; with `repositories` no uploads
  require_lock              true: nothing runs without a lock
  max_timeout               such as "30m"
  max_cpu, max_memory       units of 1/1024 vCPU, MiB
  max_running               how many at once
  commands                  lists of words, such as "terraform plan **"; * is one word, ** any
                            number at the end. They run without a shell. Needs `images`."#;

const RULES: &str = "`runvoy admin set-policy --help` tells what may be in a policy";

/// Arguments of `runvoy admin set-policy`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Names the user
    email: String,
    /// The file with the policy; `-` is stdin
    #[arg(required_unless_present = "none")]
    file: Option<String>,
    /// Take the policy away
    #[arg(long, conflicts_with = "file")]
    none: bool,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Says what a user's commands may be, from their next request on.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let policy = args.file.as_deref().map(read).transpose()?;
    let client = Client::connect(profile)?;
    let change = UserChange { role: None, policy: Some(policy) };
    let reply: Value = client.patch(&format!("/users/{}", encode(&args.email)), &change).await?;
    if args.json {
        return ui::json(&reply);
    }
    let what = if args.none { "has no policy any more" } else { "is bound by this policy from now on" };
    ui::note(format_args!("`{}` {what}", ui::printable(&args.email)));
    Ok(())
}

/// The policy in a file. A rule that is not known here is refused: a typo must not restrict nothing.
fn read(file: &str) -> Result<Policy> {
    let mut text = String::new();
    match file {
        "-" => std::io::stdin().read_to_string(&mut text).map(drop).context("can't read stdin")?,
        path => text = fs::read_to_string(path).context(format!("can't read `{path}`"))?,
    }
    // JSON is YAML, too.
    let policy: Policy =
        serde_yaml::from_str(&text).context(format!("`{file}` is not a policy")).hint(RULES).exit(exit::USAGE)?;
    policy.validate().map_err(|invalid| Error::new(invalid).hint(RULES).exit(exit::USAGE))?;
    Ok(policy)
}
