//! Somebody's machine: a project, a checkout of runvoy, and little else.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use runvoy_sandbox::{Keyring, help};

use crate::{
    account::Account,
    code::PREPARE_IMAGE,
    forge::Forge,
    screen::{PATIENCE, Screen},
    world::{self, ARCHITECTURE, Ran},
};

/// What is there besides the system's own programs: each says what it was asked to do, or does it for nobody to see.
const PROGRAMS: [(&str, &str); 5] = [
    ("vault", "echo of-the-database"),
    ("gh", "echo t0ken"),
    ("xdg-open", "exec curl -sS -o /dev/null \"$1\""),
    ("terraform", "echo \"terraform $*\""),
    ("make", "echo \"make $*\""),
];

/// The files of the project.
const PROJECT: [(&str, &str); 5] = [
    ("project/.runvoy.yaml", "tasks: {plan: echo plan}\n"),
    ("project/policy.json", "{\"locks\": [\"staging*\"]}\n"),
    ("project/password.txt", "of-the-database\n"),
    ("project/token.txt", "t0ken\n"),
    ("project/migrate", "#!/bin/sh\n[ \"$DB_PASSWORD\" = of-the-database ]\n"),
];

pub struct Desk {
    account: Account,
    forge: Forge,
    keyring: Keyring,
    home: PathBuf,
}

impl Desk {
    pub fn new() -> Self {
        let account = Account::start("e2e-examples");
        let (home, layout) = (account.file("home"), account.sandbox.layout().clone());
        let keyring = Keyring::unlocked(&layout, &home).expect("`cargo xtask test` sets up a keyring");
        let desk = Self { forge: Forge::start(&layout), account, keyring, home };
        // Where shells look for completions.
        for directory in [".local/share/bash-completion/completions", ".config/fish/completions"] {
            fs::create_dir_all(desk.home.join(directory)).unwrap();
        }
        desk.write(".gitconfig", "[user]\n\temail = you@example.com\n");
        PROGRAMS.iter().for_each(|(name, script)| desk.program(&format!("programs/{name}"), script));
        PROJECT.iter().for_each(|(path, text)| desk.write(path, text));
        desk.check_out(layout.root());
        desk.images();
        desk
    }

    /// The product's own checkout by another path, so that what is written there is nobody else's. Its `cargo` builds for this
    /// machine, and takes that for the other architecture, which this machine may have no linker for.
    fn check_out(&self, root: &Path) {
        for name in ["Cargo.lock", "orchestrator"] {
            fs::create_dir_all(self.home.join("checkout/target/lambda/bootstrap")).unwrap();
            symlink(root.join(name), self.home.join("checkout").join(name)).unwrap();
        }
        let (flag, target) = match ARCHITECTURE {
            "arm64" => ("--x86-64", "x86_64-unknown-linux-gnu"),
            _ => ("--arm64", "aarch64-unknown-linux-gnu"),
        };
        let (root, home) = (root.display(), env::var("HOME").unwrap_or_default());
        let real = format!("PATH=${{PATH#*:}} HOME='{home}'; export PATH HOME\n");
        let built = "target/lambda/bootstrap/bootstrap";
        let cargo = format!(
            "[ \"$1 $2\" = 'lambda build' ] || exec cargo \"$@\"\n\
             mkdir -p '{root}/target/lambda' && exec 9>>'{root}/target/lambda/.turn' && flock 9 || exit\n\
             case \" $* \" in *' {flag} '*) ;; *) (cd '{root}' && cargo \"$@\" 9>&-) || exit ;; esac\n\
             cp '{root}/{built}' {built} && if [ -e newer ]; then echo newer >>{built}; fi"
        );
        self.program("tools/cargo", &format!("{real}{cargo}"));
        let rustc = format!("case \"$*\" in --print*{target}*) echo / ;; *) exec rustc \"$@\" ;; esac");
        self.program("tools/rustc", &format!("{real}{rustc}"));
    }

    /// What containers find: github.com is the forge, which has the release that an example names.
    fn images(&self) {
        let ca = self.forge.path("ca.pem").display().to_string();
        let github = format!("url.{}.insteadOf", self.forge.https("public/"));
        let variables = [
            ("GIT_SSL_CAINFO", ca.as_str()),
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", &github),
            ("GIT_CONFIG_VALUE_0", "https://github.com/acme/"),
        ];
        for (name, value) in variables {
            self.account.sandbox.set_image_variable(PREPARE_IMAGE, name, value);
        }
        let tag = format!("git -C '{}' tag v2 v1", self.forge.path("repos/public/infra.git").display());
        self.sh(&tag).code(0);
        self.equip("alpine:3");
    }

    /// Has containers of an image find our programs.
    fn equip(&self, image: &str) {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.home.join("programs").display());
        self.account.sandbox.set_image_variable(image, "PATH", &path);
    }

    /// Puts into a new deployment what the examples speak of. The result is an execution that has ended.
    pub fn furnish(&self) -> String {
        // Nothing is late here, so that nobody has to wait for what is.
        self.sh("runvoy admin config log_grace=0").code(0);
        self.sh("ssh-keygen -q -t ed25519 -N '' -f deploy_key").code(0);
        self.sh("echo \"git.example.com $(cut -d' ' -f1,2 deploy_key.pub)\" >known_hosts; chmod +x migrate").code(0);
        self.sh("runvoy admin secrets set db-prod password.txt").code(0);
        self.sh("runvoy admin add-user carol@example.com --role admin >key").code(0);
        let endpoint = self.endpoint();
        self.sh(&format!("runvoy configure --profile staging --endpoint {endpoint} --api-key-stdin <key")).code(0);
        let id = self.start("'echo done'");
        self.wait_for(&id);
        self.equip(self.sh("runvoy status last --json").code(0).json()["image"].as_str().unwrap());
        id
    }

    /// The examples of a command and of those below it, as its help has them; a long line is folded there.
    pub fn examples(&self, command: &[&str]) -> Vec<String> {
        let words = command.join(" ");
        let help = self.sh(&format!("runvoy {words} --help")).code(0).stdout;
        let below: Vec<_> = help::commands(&help).collect();
        if !below.is_empty() {
            return below.iter().flat_map(|name| self.examples(&[command, &[*name]].concat())).collect();
        }
        let (_, after) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("no examples of `{words}`: {help}"));
        let mut examples: Vec<String> = Vec::new();
        for line in after.split("\n\n").next().unwrap().lines().map(str::trim) {
            match examples.last_mut() {
                Some(last) if !line.contains("runvoy") => *last += &format!(" {line}"),
                _ => examples.push(line.to_owned()),
            }
        }
        assert!(examples.iter().any(|line| line.contains(&format!("runvoy {words}"))), "{words}: {examples:?}");
        examples
    }

    /// A line as a shell runs it: if it deploys or builds, in the checkout and with credentials, else in the project without.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-c", line]);
        let is_admins = ["init", "destroy", "build"].iter().any(|name| line.starts_with(&format!("runvoy {name}")));
        let (place, programs) = if is_admins {
            world::apply(&self.account.sandbox, &mut command);
            ("checkout", "tools")
        } else {
            command.env_clear();
            ("project", "programs")
        };
        let set = |name: &str| command.get_envs().find(|(known, _)| *known == name)?.1?.to_str().map(str::to_owned);
        let path = set("PATH").unwrap_or_else(|| env::var("PATH").unwrap());
        let runvoy = Path::new(env!("CARGO_BIN_EXE_runvoy")).parent().unwrap().display().to_string();
        let path = format!("{}:{runvoy}:{path}", self.home.join(programs).display());
        command.env("PATH", path).env("HOME", &self.home).env("DBUS_SESSION_BUS_ADDRESS", self.keyring.address());
        command.env_remove("RUNVOY_CONFIG").current_dir(self.home.join(place));
        command
    }

    pub fn sh(&self, line: &str) -> Ran {
        self.command(line).stdin(Stdio::null()).output().unwrap().into()
    }

    /// The same at a terminal, where these questions are answered. All that it shows counts as said.
    pub fn at_terminal(&self, line: &str, answers: &[(&str, &str)]) -> Ran {
        let mut screen = Screen::new(self.command(line), 100, 100);
        for (question, keys) in answers {
            screen.answer(question, keys);
        }
        let status = screen.0.wait(PATIENCE).unwrap();
        Ran { code: status.code().expect("not ended by a signal"), stdout: String::new(), stderr: screen.text() }
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn program(&self, path: &str, script: &str) {
        self.write(path, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.home.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn config(&self) -> String {
        fs::read_to_string(self.home.join(".runvoy/config.yaml")).unwrap()
    }

    /// The address of the first deployment.
    pub fn endpoint(&self) -> String {
        let config = self.config();
        let line = config.lines().find_map(|line| line.trim().strip_prefix("api_endpoint: ")).unwrap();
        line.trim_matches(['"', '\'']).to_owned()
    }

    /// Waits for an execution's end.
    pub fn wait_for(&self, id: &str) {
        self.sh(&format!("runvoy logs -f {id}")).code(0);
    }

    /// Starts something, and returns its id once it is the newest: of two that begin in the same second either may be.
    pub fn start(&self, what: &str) -> String {
        let id = self.sh(&format!("runvoy exec --detach {what}")).code(0).stdout.trim().to_owned();
        let newest = self.sh("runvoy list --limit 1 --json").code(0).json();
        if newest["executions"][0]["execution_id"] == *id {
            return id;
        }
        // It may be over already.
        self.sh(&format!("runvoy stop {id}"));
        self.wait_for(&id);
        self.start(what)
    }
}
