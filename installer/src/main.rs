//! runvoy: run any command in your company's AWS account, from anyone's laptop, without sharing AWS credentials.

mod access;
mod archive;
mod aws;
mod client;
mod commands;
mod complete;
mod config;
mod deploy;
mod error;
mod exit;
mod fold;
mod follow;
mod git;
mod os_keyring;
mod project;
mod prompt;
mod suggest;
mod table;
mod templates;
mod ui;

use std::{env, ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use clap_complete::{CompleteEnv, engine::ArgValueCandidates};

use crate::{commands::Command, error::Result};

/// Run any command in your company's AWS account, without sharing AWS credentials
#[derive(Parser)]
#[command(name = "runvoy", version, disable_help_subcommand = true, disable_version_flag = true)]
struct Cli {
    /// Use this deployment of the config [env: RUNVOY_PROFILE]
    #[arg(long, global = true, value_name = "NAME", add = ArgValueCandidates::new(complete::profiles))]
    profile: Option<String>,
    // Hidden: there is a command for it, and the help is to fit one screen.
    #[arg(short = 'V', long, action = clap::ArgAction::Version, hide = true)]
    version: (),
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // Ends the program, if a shell wants to know how a line may go on.
    CompleteEnv::with_factory(command).var(complete::VARIABLE).complete();
    match parse().and_then(run) {
        Ok(code) => code.into(),
        Err(error) => {
            error.report();
            error.code().into()
        }
    }
}

fn run(cli: Cli) -> Result<u8> {
    // An error here means that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(cli.command.run(cli.profile.as_deref()));
    // A name lookup that hangs must not keep the program from leaving.
    runtime.shutdown_background();
    result
}

/// Reads the command line. Usage errors end the program here, with code 2.
fn parse() -> Result<Cli> {
    let argv: Vec<OsString> = env::args_os().collect();
    let cli = parse_from(argv.clone());
    if let Command::Exec(args) = &cli.command
        && let Some(argv) = args.options_first(&argv)?
    {
        let reordered = parse_from(argv);
        if let Command::Exec(again) = &reordered.command {
            again.begins_as(args)?;
        }
        return Ok(reordered);
    }
    Ok(cli)
}

fn parse_from(argv: Vec<OsString>) -> Cli {
    let matches = command().get_matches_from(argv);
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The command line's definition, with the commands grouped in its help.
fn command() -> clap::Command {
    let command = Cli::command();
    let mut help = "{about}\n{usage-heading} {usage}\n".to_owned();
    for (title, names) in commands::GROUPS {
        help += &format!("{title}:\n");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about).cloned().unwrap_or_default();
            help += &format!("  {name:<12} {about}\n");
        }
    }
    let more = commands::MORE.join(", ");
    command.help_template(help + "More: " + &more + "\nOptions:\n{options}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_each_command_once_and_fits_one_screen() {
        command().debug_assert();
        let mut grouped: Vec<_> =
            commands::GROUPS.iter().flat_map(|(_, names)| *names).chain(commands::MORE).copied().collect();
        let command = command();
        let mut known: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        grouped.sort_unstable();
        known.sort_unstable();
        assert_eq!(grouped, known);
        let help = command.clone().render_help().to_string();
        assert!(help.lines().count() < 24 && help.lines().all(|line| line.chars().count() <= 80), "{help}");
    }

    /// The words of a line as a shell would split it, up to where it would redirect them.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for c in line.chars() {
            match (c, quote) {
                (_, Some(open)) if c == open => quote = None,
                ('\'' | '"', None) => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                ('>' | '<' | '|' | '#', None) => break,
                (' ', None) => words.extend(word.take()),
                _ => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words
    }

    fn examples(command: &clap::Command, found: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
        found.extend(lines.filter(|line| line.starts_with("runvoy ")).map(str::to_owned));
        command.get_subcommands().for_each(|command| examples(command, found));
    }

    #[test]
    fn each_example_in_the_help_is_a_command_line() {
        let mut found = Vec::new();
        examples(&command(), &mut found);
        assert!(found.len() > 40, "{found:?}");
        for line in found {
            let argv: Vec<OsString> = words(&line).into_iter().map(OsString::from).collect();
            let parsed = Cli::try_parse_from(argv.clone()).unwrap_or_else(|error| panic!("{line}: {error}"));
            if let Command::Exec(args) = &parsed.command
                && let Some(argv) = args.options_first(&argv).unwrap_or_else(|_| panic!("{line}"))
            {
                Cli::try_parse_from(argv).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }
}
