//! What each command prints, word for word: `outputs.txt`, which `UPDATE_SNAPSHOTS=1` writes anew.

use std::{env, fmt::Write as _, fs, path::Path};

use crate::{Machine, Ran, replies::server};

/// Each is run as it stands, and again with `--json` where it ends in `*`.
const LINES: &str = "\
status a1b2c3 *
list *
list --all --limit 20
logs last --timestamps
logs last *
stop last *
exec x
exec --json x
exec --detach x
rerun last
locks list *
locks release l --reason r --json
audit --since 2025-10-01 *
costs --by lock *
whoami *
health *
version *
admin list-users *
admin add-user a@example.com *
admin set-role a@example.com admin *
admin set-policy a@example.com --none *
admin rotate-key a@example.com *
admin config *
admin config draining=true default_timeout= max_running=3
admin config drainign=true
admin config max_running=few
profile list *
profile use p
profile remove p
config explain *
config tasks *
admin set-policy a@example.com nothing.yaml
no-such-command
list --stauts x
exec
status nothing
logs exec_20251026143210_ffffff
";

fn record(page: &mut String, args: &[&str], ran: &Ran, url: &str) {
    let _ = writeln!(page, "$ runvoy {}", args.join(" "));
    page.push_str(&ran.stdout);
    for line in ran.stderr.lines() {
        let _ = writeln!(page, "! {line}");
    }
    let _ = writeln!(page, "= {}\n", ran.code);
    // Ports have five digits here, so that columns stay as they are.
    *page = page.replace(url.trim_end_matches('/'), "http://127.0.0.1:54321");
}

/// Times as the API writes them become one of the same length.
fn without_times(page: &str) -> String {
    let is_time = |text: &str| {
        let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
        text.chars().map(shape).eq("0000-00-00T00:00:00Z".chars())
    };
    let (mut shown, mut rest) = (String::new(), page);
    while let Some(c) = rest.chars().next() {
        match rest.get(..20).filter(|text| is_time(text)) {
            Some(_) => (shown, rest) = (shown + "2026-01-31T12:00:00Z", &rest[20..]),
            None => {
                shown.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    shown
}

#[test]
fn every_command_prints_what_it_always_printed() {
    let server = server();
    let machine = Machine::using(&server)
        .env("TZ", "UTC")
        .file(".runvoy.yaml", "image: alpine:3\ntasks: {t: {command: x, description: d}}\n")
        .config("profiles:\n  p: {api_endpoint: 'https://p', region: eu-west-1}\n");
    let home = machine.config_path().parent().and_then(Path::parent).unwrap().display().to_string();
    let mut page = String::new();
    for line in LINES.lines() {
        let (line, json) = line.strip_suffix(" *").map_or((line, false), |line| (line, true));
        let args: Vec<_> = line.split(' ').collect();
        record(&mut page, &args, &machine.run(&args), &server.url);
        if json {
            let args = [&args[..], &["--json"]].concat();
            record(&mut page, &args, &machine.run(&args), &server.url);
        }
    }
    let page = without_times(&page).replace(&home, "~").replace(env!("CARGO_PKG_VERSION"), "1.2.3");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/outputs.txt");
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let before = fs::read_to_string(&path).unwrap();
    let changed = page.lines().zip(before.lines()).find(|(now, before)| now != before);
    assert!(page == before, "first change: {changed:?}; `UPDATE_SNAPSHOTS=1` takes it as it is now");
}
