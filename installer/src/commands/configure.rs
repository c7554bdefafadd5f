//! `runvoy configure`.

use std::io::Read as _;

use dialoguer::{Input, Password};
use runvoy_api::{key::ApiKey, user::User};

use crate::{
    access::{parse_key, variable},
    client::Client,
    config::{Config, Profile},
    error::{Error, Result, ResultExt as _},
    os_keyring, ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy configure
  runvoy configure --profile staging --endpoint https://example.lambda-url.eu-west-1.on.aws/
  runvoy configure --endpoint https://example.lambda-url.eu-west-1.on.aws/ --api-key-stdin < key
  runvoy configure --keyring

The key is asked for or read from stdin, never given as an argument: others could
see it there.";

/// More than any key, in case stdin is not what it should be.
const MOST_KEY_BYTES: u64 = 4096;

/// Arguments of `runvoy configure`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The deployment's address, as an admin gave it
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Read the key from stdin
    #[arg(long)]
    api_key_stdin: bool,
    /// Keep the key in the system's keyring, not in the config file; once there, it stays there
    #[arg(long)]
    keyring: bool,
}

/// Saves an endpoint and a key, once they have been seen to work together.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let mut config = Config::load()?;
    let wanted = profile.map(str::to_owned).or_else(|| variable("RUNVOY_PROFILE"));
    let name = config.profile_name(wanted.as_deref()).to_owned();
    let old = config.profile(Some(&name)).cloned().unwrap_or_default();

    let endpoint = endpoint(&args, &old)?;
    let key = key(&args, &old)?;
    let client = Client::new(&endpoint, Some(&key))?;
    let user: User =
        client.get("/whoami").await.context("nothing was saved: the endpoint and the key were tried first")?;

    let keyring = args.keyring || old.api_key.as_deref().is_some_and(os_keyring::is_reference);
    let api_key = if keyring { kept_in_keyring(&name, &endpoint, &key)? } else { key.reveal().to_owned() };
    let new = Profile { api_endpoint: Some(endpoint), api_key: Some(api_key), ..old };
    config.update(|config| config.set_profile(&name, new))?;
    let (email, path) = (ui::printable(&user.email), config.path().display());
    ui::note(format_args!("hello {email} ({}); saved as profile `{name}` in `{path}`", user.role));
    if config.profile_name(None) != name {
        ui::note(format_args!("use it with `--profile {name}`, or always: `runvoy profile use {name}`"));
    }
    Ok(())
}

/// Puts the key into the system's keyring. The result is what the config file says instead.
fn kept_in_keyring(profile: &str, endpoint: &str, key: &ApiKey) -> Result<String> {
    let reference = os_keyring::reference(profile, endpoint);
    os_keyring::save(&reference, key).context("nothing was saved")?;
    Ok(reference)
}

fn endpoint(args: &Args, old: &Profile) -> Result<String> {
    if let Some(endpoint) = &args.endpoint {
        return Ok(endpoint.trim().to_owned());
    }
    if args.api_key_stdin || !ui::can_ask() {
        let missing = || Error::new("no endpoint is given").hint("add `--endpoint URL`");
        return old.api_endpoint.clone().ok_or_else(missing);
    }
    let mut question = Input::<String>::new().with_prompt("Endpoint (an admin has it)");
    if let Some(old) = &old.api_endpoint {
        question = question.default(old.clone());
    }
    Ok(question.interact_text()?.trim().to_owned())
}

fn key(args: &Args, old: &Profile) -> Result<ApiKey> {
    if args.api_key_stdin {
        let mut text = String::new();
        std::io::stdin().take(MOST_KEY_BYTES).read_to_string(&mut text).context("can't read the key from stdin")?;
        return parse_key(&text, "what came on stdin");
    }
    if !ui::can_ask() {
        let missing = || Error::new("no key is given").hint("pipe it in with `--api-key-stdin`");
        let kept = old.api_key.as_deref().ok_or_else(missing)?;
        return parse_key(&os_keyring::resolve(kept)?, "the saved key")
            .hint("pipe a new one in with `--api-key-stdin`");
    }
    let kept = old.api_key.as_deref().and_then(|key| os_keyring::resolve(key).ok()?.parse().ok());
    let prompt = if kept.is_some() { "API key (empty: keep the saved one)" } else { "API key" };
    let typed = Password::new().with_prompt(prompt).allow_empty_password(kept.is_some()).interact()?;
    match kept {
        Some(kept) if typed.trim().is_empty() => Ok(kept),
        _ => parse_key(&typed, "what was typed"),
    }
}
