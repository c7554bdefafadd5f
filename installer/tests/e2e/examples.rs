//! Every example of the help that needs no AWS credentials, run as it stands. Those of `init`, `destroy` and `build` are
//! what other tests here run, each beside what it changes.

use std::{fs, path::Path, process::Command};

use crate::world::{ARCHITECTURE, Ran, World, artifact};

const COMMANDS: &str = "exec,status,logs,list,stop,rerun,open,locks list,locks release,configure,admin add-user,\
    admin list-users,admin set-role,admin set-policy,admin rotate-key,admin revoke-user,admin config,audit,costs,whoami,health,\
    profile list,profile use,profile remove,config explain,config tasks,config schema,version,completions,man";

/// Of an execution that has ended, in the help's examples.
const ID: &str = "exec_20251026143210_a1b2c3";
const ENDPOINT: &str = "https://example.lambda-url.eu-west-1.on.aws/";

/// There are no images here: commands see this machine's programs, which may be there or not, and no project.
const ANY: i32 = -1;

/// Those that end with another code than 0, and what they say.
const REFUSED: [(&str, i32, &str); 8] = [
    ("runvoy exec 'echo hello; exit 3'", 3, "failed: exit code 3"),
    ("runvoy exec --lock infra-prod terraform apply -auto-approve", ANY, "failed: exit code"),
    ("runvoy exec --image alpine:3 --env STAGE=dev --timeout 10m -- make test", ANY, "failed: exit code"),
    (
        "runvoy exec --repo https://github.com/acme/infra --ref v2 --path prod terraform plan",
        125,
        "the code could not be prepared",
    ),
    ("runvoy rerun last", 0, "completed"),
    ("runvoy configure --keyring", 1, "the key can't be kept in the system's keyring"),
    ("runvoy list --all --watch", 124, ""),
    ("runvoy profile remove staging", 1, "add `--yes`"),
];

/// Somebody's machine, with nothing on it but the deployment's profile and a project.
struct Desk<'a> {
    world: &'a World,
    home: std::path::PathBuf,
}

impl Desk<'_> {
    fn sh(&self, line: &str) -> Ran {
        let runvoy = Path::new(env!("CARGO_BIN_EXE_runvoy")).parent().unwrap();
        let path = format!("{}:{}", runvoy.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-c", line]).env_clear().env("PATH", path).env("HOME", &self.home).current_dir(&self.home);
        command.stdin(std::process::Stdio::null()).output().unwrap().into()
    }

    fn endpoint(&self) -> String {
        let config = fs::read_to_string(self.home.join(".runvoy/config.yaml")).unwrap();
        let line = config.lines().find_map(|line| line.trim().strip_prefix("api_endpoint: ")).unwrap();
        line.trim_matches(['"', '\'']).to_owned()
    }

    /// Waits for an execution's end.
    fn wait_for(&self, id: &str) {
        self.sh(&format!("runvoy logs -f {id}")).code(0);
    }

    /// Starts something that lasts, for examples that end it, and returns its id. It is the newest: of two that begin in
    /// the same second either may be.
    fn keep_busy(&self, options: &str) -> String {
        loop {
            let started = self.sh(&format!("runvoy exec --detach {options} 'sleep 600'")).code(0).stdout;
            let newest = self.sh("runvoy list --limit 1 --json").code(0).json();
            if newest["executions"][0]["execution_id"] == started.trim() {
                return started.trim().to_owned();
            }
        }
    }
}

fn examples(desk: &Desk, command: &str) -> Vec<String> {
    let help = desk.sh(&format!("runvoy {command} --help")).code(0).stdout;
    let (_, after) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("no examples: {help}"));
    let block = after.split("\n\n").next().unwrap();
    block.lines().map(|line| line.trim().to_owned()).filter(|line| line.contains("runvoy")).collect()
}

#[test]
fn every_example_does_what_the_help_says() {
    let world = World::get();
    let desk = Desk { world, home: world.file("desk") };
    fs::create_dir(&desk.home).unwrap();
    desk.deploy();
    // Where shells look for completions, if they are there.
    for directory in [".local/share/bash-completion/completions", ".config/fish/completions"] {
        fs::create_dir_all(desk.home.join(directory)).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(desk.home.join(name), text).unwrap();
    write(".runvoy.yaml", "tasks: {plan: echo plan}\n");
    write("policy.json", r#"{"locks": ["staging*"]}"#);
    write("migrate", "#!/bin/sh\n[ \"$DB_PASSWORD\" = of-the-database ]\n");
    desk.sh("chmod +x migrate; echo of-the-database | runvoy admin secrets set db-prod -").code(0);
    write("key", &desk.sh("runvoy admin add-user carol@example.com --role admin").code(0).stdout);
    let id = desk.sh("runvoy exec --detach 'echo done'").code(0).stdout.trim().to_owned();
    desk.wait_for(&id);
    let endpoint = desk.endpoint();
    desk.sh(&format!("runvoy configure --profile staging --endpoint {endpoint} --api-key-stdin < key")).code(0);
    for command in COMMANDS.split(',') {
        for example in examples(&desk, command) {
            run(&desk, &example, &id);
        }
    }
}

fn run(desk: &Desk, example: &str, id: &str) {
    match example {
        line if line.starts_with("runvoy stop ") => {
            let busy = desk.keep_busy("");
            desk.sh(&line.replace(ID, &busy)).code(0);
            return;
        }
        line if line.starts_with("runvoy locks release") => drop(desk.keep_busy("--lock infra-prod")),
        "runvoy rerun last" => desk.wait_for(desk.sh("runvoy exec --detach true").code(0).stdout.trim()),
        _ => {}
    }
    let line = example.replace(ID, id).replace("a1b2c3", &id[id.len() - 6..]).replace(ENDPOINT, &desk.endpoint());
    // It goes on until somebody has seen enough.
    let line = if line.ends_with("--watch") { format!("timeout 2 {line}") } else { line };
    let ran = desk.sh(&line.replace("${fpath[1]}", "."));
    let (code, says) =
        REFUSED.iter().find(|(known, ..)| *known == example).map_or((0, ""), |(_, code, says)| (*code, *says));
    assert!([ran.code, ANY].contains(&code), "{example}: {}: {}{}", ran.code, ran.stdout, ran.stderr);
    ran.says(says);
}

impl Desk<'_> {
    fn deploy(&self) {
        let zip = artifact(self.world.sandbox());
        let mut init = self.world.command(&[
            "init",
            "--yes",
            "--no-probe",
            "--stack-name",
            "desk",
            "--admin-email",
            "desk@example.com",
        ]);
        init.args(["--architecture", ARCHITECTURE, "--artifact"]).arg(zip);
        init.env_remove("RUNVOY_CONFIG").env("HOME", &self.home);
        let _turn = self.world.turn();
        Ran::from(init.output().unwrap()).code(0);
    }
}
