//! Help, versions, completions, and what is no command line.

use serde_json::Value;

use crate::Machine;

#[test]
fn the_help_is_grouped() {
    let ran = Machine::new().run(&["--help"]).code(0);
    let place = |text| ran.stdout.find(text).unwrap_or_else(|| panic!("no {text} in {}", ran.stdout));
    assert!(place("Teammate:") < place("  exec ") && place("  exec ") < place("Admin:"), "{}", ran.stdout);
    assert!(place("Admin:") < place("  init "), "{}", ran.stdout);
    assert!(ran.stdout.contains("--profile"));
    assert!(!ran.stdout.contains('\u{1b}'));
}

#[test]
fn each_command_shows_examples() {
    let commands = "exec,status,logs,list,stop,rerun,open,profile list,profile use,profile remove,locks list,locks release,audit,costs,configure,whoami,health,\
        version,completions,init,destroy,build,config explain,config tasks,config schema,\
        admin add-user,admin list-users,admin set-role,admin set-policy,admin rotate-key,admin revoke-user,admin config,man,\
        admin secrets set,admin git-credentials set,admin registry-credentials set,admin registry-credentials list,\
        admin registry-credentials remove";
    for command in commands.split(',') {
        let args: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let ran = Machine::new().run(&args).code(0);
        assert!(ran.stdout.contains(&format!("Examples:\n  runvoy {command}")), "{}", ran.stdout);
    }
}

#[test]
fn usage_errors_exit_2() {
    for args in [&["no-such-command"][..], &["exec"], &["exec", "--timeout", "-5", "x"], &["list", "--limit", "x"], &[]]
    {
        Machine::new().run(args).code(2).stdout("");
    }
    Machine::new().run(&["lsit"]).code(2).says("a similar subcommand exists: 'list'");
    Machine::new().run(&["list", "--stauts", "x"]).code(2).says("a similar argument exists: '--status'");
    Machine::new().run(&["exec", "--env", "A", "x"]).code(2).says("must be NAME=VALUE");
}

#[test]
fn what_is_outside_a_checkout_builds_nothing() {
    Machine::new().run(&["build"]).code(3).stdout("").says("hint: change to the checkout");
}

#[test]
fn versions_are_told() {
    let version = env!("CARGO_PKG_VERSION");
    Machine::new().run(&["version"]).code(0).stdout(&format!("runvoy {version} (contract 2)\n"));
    Machine::new().run(&["--version"]).code(0).stdout(&format!("runvoy {version}\n"));
    let ran = Machine::new().run(&["version", "--json"]).code(0);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["version"], version);
}
