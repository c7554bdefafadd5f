//! Keys in the system's keyring: a real one, on a bus of the test's own.

use std::{fs, path::Path};

use runvoy_sandbox::{Keyring, Layout};
use serde_json::json;

use crate::{
    Machine, key,
    server::{Server, ok},
};

/// As the variable is called in which desktops say where their bus is.
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";
const NOWHERE: &str = "http://127.0.0.1:1";
const ASK: [&str; 2] = ["configure", "--api-key-stdin"];

fn alice() -> Server {
    let user = json!({"email": "alice@example.com", "role": "member", "created_at": "2025-10-26T14:32:10Z"});
    Server::script([("GET /whoami", vec![ok(user)])])
}

fn layout() -> Layout {
    Layout::named("cli").unwrap()
}

fn unlocked(home: &Path) -> Keyring {
    let keyring = Keyring::unlocked(&layout(), home).expect("`cargo xtask test` sets up a keyring");
    // Whoever asks first has it started, and is given two seconds for that by the library that asks.
    let nobodys = format!("profiles: {{default: {{api_endpoint: '{NOWHERE}', api_key: 'keyring:nobody@nowhere'}}}}\n");
    let asked = || Machine::new().config(&nobodys).env(BUS, keyring.address()).run(&["whoami"]).stderr;
    let answers = (0..30).any(|_| asked().contains("holds no key"));
    assert!(answers, "{}", asked());
    keyring
}

/// A machine with a key in its keyring, and no longer on that keyring's bus.
fn configured(server: &Server) -> Machine {
    let machine = Machine::new();
    let keyring = unlocked(machine.home.path());
    let configure = [&ASK[..], &["--endpoint", &server.url, "--keyring"]].concat();
    let mut machine = machine.env(BUS, keyring.address());
    machine.run_with_stdin(&configure, &key('a')).code(0).says("hello alice@example.com");
    machine.env.clear();
    machine
}

fn saved(machine: &Machine) -> String {
    fs::read_to_string(machine.config_path()).unwrap()
}

#[test]
fn a_key_in_the_keyring_is_in_no_file_and_works_as_one_in_the_config() {
    let server = alice();
    let machine = configured(&server);
    let keyring = unlocked(machine.home.path());
    let machine = machine.env(BUS, keyring.address());
    let config = saved(&machine);
    assert!(config.contains("api_key: keyring:default@127.0.0.1:") && !config.contains("sk_live_"), "{config}");
    machine.run(&["whoami"]).code(0).stdout("alice@example.com (member)\n").never_says("warning");
    assert_eq!(server.requests().last().unwrap().headers["x-api-key"], key('a'));

    // A new key goes where the old one was, without being asked to.
    machine.run_with_stdin(&ASK, &key('b')).code(0);
    assert_eq!(saved(&machine), config);
    machine.run(&["whoami"]).code(0);
    assert_eq!(server.requests().last().unwrap().headers["x-api-key"], key('b'));

    // The profile goes with its key.
    machine.run(&["profile", "remove", "default", "--yes"]).code(0);
    let machine = machine.config(&config);
    let gone = machine.run(&["whoami"]).code(1).stdout("");
    gone.says("the system's keyring holds no key of `default@127.0.0.1:").says("hint: ").says("`runvoy configure`");
}

#[test]
fn a_locked_keyring_gives_nothing_and_takes_nothing() {
    let server = alice();
    let machine = configured(&server);
    let keyring = Keyring::locked(&layout(), machine.home.path()).unwrap();
    let machine = machine.env(BUS, keyring.address());
    let config = saved(&machine);
    let ran = machine.run(&["whoami"]).code(1).stdout("");
    ran.says("the system's keyring can't be read").says("hint: unlock it").says("`RUNVOY_API_KEY`");
    let ran = machine.run_with_stdin(&ASK, &key('b')).code(1).says("nothing was saved");
    ran.says("can't be kept in the system's keyring").says("hint: ");
    assert_eq!(saved(&machine), config);
    // The profile's owner may have lost that keyring for good, and is told what is left in it.
    let ran = machine.run(&["profile", "remove", "default", "--yes"]).code(1);
    ran.says("the key is still in the system's keyring").says("hint: the profile is gone");
    assert!(!saved(&machine).contains("keyring:"), "{}", saved(&machine));
}

#[test]
fn without_a_keyring_the_way_out_is_told() {
    let server = alice();
    let machine = configured(&server);
    let empty = Keyring::none(&layout(), machine.home.path()).unwrap();
    for address in [empty.address(), "unix:path=/nowhere/bus"] {
        let machine = Machine::new().config(&saved(&machine)).env(BUS, address);
        machine.run(&["whoami"]).code(1).says("can't be read").says("hint: ").says("`RUNVOY_API_KEY`");
        let args = [&ASK[..], &["--endpoint", &server.url, "--keyring"]].concat();
        let ran = Machine::new().env(BUS, address).run_with_stdin(&args, &key('a')).code(1);
        ran.says("nothing was saved").says("can't be kept").says("leave `--keyring` away");
        // CI has the key in its environment, whatever the file says.
        let ci = machine.env("RUNVOY_API_KEY", &key('a'));
        ci.run(&["whoami"]).code(0);
    }
}
