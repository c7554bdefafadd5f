//! What builds the orchestrator.

use std::{ffi::OsStr, path::Path, process::Stdio};

use tokio::process::Command;

use super::Outcome;
use crate::deploy::answers::Architecture;

const OR_ZIP: &str = ", or name a built zip with `--artifact`";

/// Looks for cargo, cargo-lambda, the target's standard library and zig, which links for it.
pub async fn check(checkout: &Path, architecture: Architecture) -> Outcome {
    let target = match architecture {
        Architecture::Arm64 => "aarch64-unknown-linux-gnu",
        Architecture::X86_64 => "x86_64-unknown-linux-gnu",
    };
    let (cargo, lambda, installed, rustup, zig, python_zig) = tokio::join!(
        output(checkout, "cargo", ["--version"]),
        output(checkout, "cargo", ["lambda", "--version"]),
        output(checkout, "rustc", ["--print", "target-libdir", "--target", target]),
        output(checkout, "rustup", ["--version"]),
        output(checkout, "zig", ["version"]),
        output(checkout, "python3", ["-m", "ziglang", "version"]),
    );
    decide(
        &Found {
            cargo: cargo.is_some(),
            lambda,
            // The directory is named whether it is there or not.
            target: installed.map(|directory| Path::new(&directory).is_dir()),
            rustup: rustup.is_some(),
            zig: zig.or(python_zig).is_some() || std::env::var_os("CARGO_ZIGBUILD_ZIG_PATH").is_some(),
        },
        target,
    )
}

struct Found {
    cargo: bool,
    lambda: Option<String>,
    target: Option<bool>,
    rustup: bool,
    zig: bool,
}

fn decide(found: &Found, target: &str) -> Outcome {
    if !found.cargo {
        return Outcome::fail("`cargo` does not work here", format!("install Rust from https://rustup.rs{OR_ZIP}"));
    }
    let Some(lambda) = &found.lambda else {
        let problem = "`cargo lambda` does not work here, and it is what builds the orchestrator";
        return Outcome::fail(problem, format!("`pip install cargo-lambda` (it brings zig){OR_ZIP}"));
    };
    match (found.target, found.rustup) {
        (Some(true), _) => {}
        (Some(false), true) => {
            return Outcome::fail(
                format!("rust's target `{target}` is not installed"),
                format!("`rustup target add {target}`{OR_ZIP}"),
            );
        }
        (Some(false), false) => {
            return Outcome::fail(
                format!("rust's target `{target}` is not installed"),
                format!("install its standard library where `rustc` comes from{OR_ZIP}"),
            );
        }
        (None, _) => {
            let why = format!("whether rust's target `{target}` is installed can't be told");
            return Outcome::unknown(
                why,
                format!("`rustc --print target-libdir --target {target}` shows where it is to be"),
            );
        }
    }
    if !found.zig {
        return Outcome::unknown(
            "zig, which links for Lambda, is not where it usually is",
            "`pip install ziglang` brings it",
        );
    }
    Outcome::Pass(format!("{lambda}, {target}, zig"))
}

/// What a program prints, if it works.
async fn output<const N: usize>(directory: &Path, program: &str, arguments: [&str; N]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments.map(OsStr::new)).current_dir(directory).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        Found { cargo: true, lambda: Some("cargo-lambda 1.8.6".into()), target: Some(true), rustup: true, zig: true }
    }

    #[test]
    fn what_is_missing_is_named_with_what_brings_it() {
        let hint = |found: Found| match decide(&found, "aarch64-unknown-linux-gnu") {
            Outcome::Fail { hint, .. } | Outcome::Unknown { hint, .. } => hint,
            Outcome::Pass(text) => panic!("{text}"),
        };
        assert!(hint(Found { cargo: false, ..found() }).contains("rustup.rs"));
        assert!(hint(Found { lambda: None, ..found() }).contains("pip install cargo-lambda"));
        assert!(hint(Found { target: Some(false), ..found() }).contains("rustup target add aarch64-unknown-linux-gnu"));
        assert!(!hint(Found { target: Some(false), rustup: false, ..found() }).contains("rustup"));
        let decide = |found| decide(&found, "x");
        assert!(matches!(decide(Found { target: None, ..found() }), Outcome::Unknown { .. }));
        assert!(matches!(decide(Found { zig: false, ..found() }), Outcome::Unknown { .. }));
        assert!(matches!(decide(found()), Outcome::Pass(text) if text.starts_with("cargo-lambda 1.8.6")));
    }
}
