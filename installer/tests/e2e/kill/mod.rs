//! Killed with `kill -9` before and after each call that changes something, and run again.

mod deployment;
mod lab;
mod state;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process::Command,
    sync::Mutex,
    thread,
};

use runvoy_sandbox::proxy::script::{Effect, Match};
use serde_json::{Value, json};

use self::{
    deployment::{Act, Change, Deployment, end},
    lab::Lab,
};
use crate::world::{Ran, until};

/// How many deployments are worked on at the same time.
const LANES: usize = 3;

/// What an act is without any kill.
struct Clean {
    act: Act,
    changes: Vec<Change>,
    effects: Vec<(String, String)>,
    state: Value,
}

/// A place to kill an act at.
#[derive(Clone, Copy)]
struct Kill<'a> {
    clean: &'a Clean,
    change: &'a Change,
    after: bool,
}

impl Clean {
    fn of(deployment: &Deployment, act: Act) -> Self {
        let mark = deployment.lab.mark();
        deployment.run(act).code(0);
        let changes = deployment.changes(&deployment.lab.changes(mark));
        Self { act, changes, effects: deployment.effects(mark), state: deployment.state() }
    }

    /// Before and after each change.
    fn kills(&self) -> Vec<Kill<'_>> {
        let both = |change| [false, true].map(|after| Kill { clean: self, change, after });
        self.changes.iter().flat_map(both).collect()
    }

    fn check(&self, deployment: &Deployment, mark: u64, shown: &str) {
        let found = deployment.state();
        assert_eq!(found, self.state, "{found:#}\nis not\n{:#}", self.state);
        let mut effects = deployment.effects(mark);
        // Several at a time: that some took effect is known to nobody if the one who asked is gone.
        effects.retain(|(action, _)| action != "UpdateTable");
        let expected: Vec<_> = self.effects.iter().filter(|(action, _)| action != "UpdateTable").collect();
        assert_eq!(effects.iter().collect::<Vec<_>>(), expected, "each once");
        assert_eq!(shown.matches("sk_live_").count(), self.act.keys(), "{shown}");
        assert!(self.act.keys() == 0 || shown.contains(&deployment.key()), "another key was shown");
        deployment.whoami().code(0);
    }
}

impl Kill<'_> {
    fn run(self, deployment: &Deployment) {
        let Self { clean, change, after } = self;
        let when = if after { "after" } else { "before" };
        let what = format!("{:?} of {} killed {when} {change:?}", clean.act, deployment.name);
        told(&what, || {
            let mark = deployment.lab.mark();
            let mut shown = deployment.killed(clean.act, change, after);
            // The last one puts on record where the way back has led. By then that was told, and who asks again wants to go
            // further back.
            let is_over = clean.act == Act::RollBack && after && Some(change) == clean.changes.last();
            if is_over {
                assert!(shown.contains("endpoint  "), "{shown}");
            } else {
                shown += &deployment.again(clean.act).code(0).stdout;
            }
            clean.check(deployment, mark, &shown);
        });
    }
}

/// That what all others are compared with is as it should be.
fn check_model([install, update, rollback, reissue]: &[Clean; 4]) {
    for Clean { act, state, .. } in [install, update, rollback, reissue] {
        for stack in state["stacks"].as_array().unwrap() {
            let status = stack["status"][0].as_str().unwrap();
            assert!(["CREATE_COMPLETE", "UPDATE_COMPLETE"].contains(&status), "{act:?}: {stack:#}");
            assert_eq!(stack["change sets left"], json!([]), "{act:?}");
        }
        let count = |what: &str| state[what].as_array().unwrap().len();
        let (releases, buckets, audited) = match act {
            Act::Install => (1, 1, 1),
            Act::Update => (2, 2, 1),
            Act::RollBack => (3, 1, 1),
            Act::Reissue => (3, 1, 2),
        };
        let counts = ["stacks", "releases", "buckets", "audit", "files"].map(count);
        assert_eq!(counts, [2, releases, buckets, audited, 1], "{act:?}: {state:#}");
        assert!(state["tables"].as_array().unwrap().iter().all(|table| table[2] == true), "{act:?}: {state:#}");
        // Going back makes a record, and nothing else.
        let folders = [("artifacts", releases.min(2)), ("releases", releases), ("templates", releases.min(2))];
        let folders = folders.map(|(folder, count)| vec![folder; count]).concat();
        assert_eq!(state["buckets"][0][1], json!(folders), "{act:?}");
        let good: Vec<_> = state["keys"].as_array().unwrap().iter().filter(|row| row[4] == false).collect();
        assert_eq!(good, [&json!(["MINE", null, "ann@example.com", "admin", false])], "{act:?}");
        let stand: Vec<_> = state["keys"].as_array().unwrap().iter().filter(|row| row[1] == "MINE").collect();
        assert_eq!(stand.len(), 2, "the first admin, and the user: {stand:?}");
    }
    let same = |what: &str| install.state[what] == rollback.state[what] && install.state[what] != update.state[what];
    assert!(same("functions") && install.state["stacks"][0]["template"] == rollback.state["stacks"][0]["template"]);
    assert_ne!(install.state["stacks"][0]["template"], update.state["stacks"][0]["template"]);
    assert_eq!(install.state["stacks"][1]["template"], update.state["stacks"][1]["template"]);
}

/// Says where it was if it fails.
fn told<T>(what: &str, run: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|cause| {
        eprintln!("failed: {what}");
        resume_unwind(cause)
    })
}

#[test]
fn fault_38_killed_at_any_change_and_run_again_it_ends_as_if_nothing_had_happened() {
    let lab = Lab::get();
    let _turn = lab.turn();
    let nothing = lab.inventory();
    lab.forget_service_linked_role();
    let model = Deployment::new(lab, "kill-model");
    let cleans = Act::ALL.map(|act| Clean::of(&model, act));
    let one = lab.inventory();
    check_model(&cleans);

    // What all deployments share is first taken away again, and so comes one after the other.
    let (shared, own): (Vec<_>, Vec<_>) = cleans[0].kills().into_iter().partition(|kill| kill.change.is_shared());
    assert!(
        !shared.is_empty() && cleans[1..].iter().flat_map(|clean| &clean.changes).all(|change| !change.is_shared())
    );
    for (index, kill) in shared.iter().enumerate() {
        lab.forget_service_linked_role();
        kill.run(&Deployment::new(lab, format!("kill-shared-{index}")));
    }

    // A deployment that has survived one kill is whole, and so the next act can be killed on it.
    let kills = [own, cleans[1].kills(), cleans[2].kills(), cleans[3].kills()];
    let count = kills.iter().map(Vec::len).max().unwrap();
    let waiting = Mutex::new(0..count);
    let lane = || {
        let next = || waiting.lock().unwrap().next();
        while let Some(index) = next() {
            let deployment = Deployment::new(lab, format!("kill-{index:02}"));
            let last = kills.iter().rposition(|kills| index < kills.len()).unwrap();
            for (act, kills) in Act::ALL.into_iter().zip(&kills).take(last + 1) {
                match kills.get(index) {
                    Some(kill) => kill.run(&deployment),
                    None => drop(deployment.run(act).code(0)),
                }
            }
        }
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().for_each(|lane| lane.join().unwrap_or_else(|cause| resume_unwind(cause)));
    });
    let deployments = 1 + shared.len() + count;
    let expected = [0, 1, 2].map(|kind| nothing[kind] + deployments * (one[kind] - nothing[kind]));
    assert_eq!(lab.inventory(), expected, "tables, networks and roles of {deployments} deployments");
}

#[test]
fn a_key_that_nobody_can_have_taken_note_of_is_shown_again() {
    let lab = Lab::get();
    let _turn = lab.turn();
    let deployment = Deployment::new(lab, "kill-shown");
    let record = Match::client("s3", "PutObject").about("kill-shown").nth(3);
    let (fault, mut child) = deployment.held_at(&mut deployment.command(Act::Install), record, Effect::HoldBefore);
    // That the key was shown is noted in the config file, which this makes it wait for.
    let lock = fs::File::open(&deployment.home).unwrap();
    lock.lock().unwrap();
    fault.release();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let shown = stdout.lines().map(Result::unwrap).find(|line| line.starts_with("key ")).expect("the key is shown");
    end(child);
    drop(lock);
    let again = deployment.again(Act::Install).code(0).stdout;
    assert_eq!((again.matches("sk_live_").count(), again.lines().any(|line| line == shown)), (1, true), "{again}");
    let third = deployment.again(Act::Install).code(0).stdout;
    assert!(!third.contains("sk_live_"), "{third}");
    assert!(shown.ends_with(&deployment.key()));
    deployment.whoami().code(0);
}

#[test]
fn fault_38_a_kill_before_anything_is_changed_leaves_nothing() {
    let lab = Lab::get();
    let _turn = lab.turn();
    let deployment = Deployment::new(lab, "kill-early");
    let (mark, before) = (lab.mark(), lab.inventory());
    let first = Match::client("sts", "GetCallerIdentity");
    deployment.killed_at(&mut deployment.command(Act::Install), first, Effect::HoldBefore);
    assert_eq!(fs::read_dir(&deployment.home).unwrap().count(), 0);

    // While it builds, the bucket stack is about to be made.
    let bin = lab.directory("kill-early-bin");
    let (cargo, building) = (bin.join("cargo"), bin.join("building"));
    let environment = lab.sandbox.environment();
    let path = environment.iter().find_map(|(name, value)| (name == "PATH").then_some(value)).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'lambda build'*) echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600 2>&-;; esac\n\
         PATH='{path}' exec cargo \"$@\"\n",
        building.display()
    );
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let mut build = deployment.program(&["init", "--yes", "--stack-name", "kill-early", "--no-probe"]);
    build.args(["--admin-email", "ann@example.com", "--architecture", crate::world::ARCHITECTURE]);
    build.current_dir(lab.sandbox.layout().root()).env("PATH", format!("{}:{path}", bin.display()));
    let create = Match::client("cloudformation", "CreateChangeSet").about("kill-early");
    let (fault, child) = deployment.held_at(&mut build, create, Effect::HoldBefore);
    let builder = until("it builds", || fs::read_to_string(&building).ok());
    end(child);
    assert!(Command::new("kill").arg(builder.trim()).status().unwrap().success());
    crate::world::RUNTIME.block_on(fault.gone());
    let own: Vec<_> = lab.changes(mark).into_iter().filter(|call| call.detail.contains("kill-early")).collect();
    assert!(own.len() == 1 && own[0].status.is_none(), "{own:?}");
    assert_eq!(lab.inventory(), before);
    // But for the answers.
    let left: Vec<_> = fs::read_dir(&deployment.home).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.len() == 1 && left[0].to_str().unwrap().starts_with("unfinished-"), "{left:?}");
    deployment.again(Act::Install).code(0);
    deployment.whoami().code(0);
}

#[test]
fn a_release_whose_viewer_has_its_own_address_is_gone_back_to() {
    let lab = Lab::get();
    let _turn = lab.turn();
    let deployment = Deployment::new(lab, "kill-viewer");
    deployment.run(Act::Install).code(0);
    deployment.run(Act::Update).code(0);
    let before = deployment.template("kill-viewer");
    let more = ["init", "--update", "--yes", "--stack-name", "kill-viewer", "--no-probe", "--log-retention-days", "60"];
    let zip = lab.zip(false).to_str().unwrap();
    let again: Ran = deployment.program(&[&more[..], &["--artifact", zip]].concat()).output().unwrap().into();
    again.code(0);
    assert_ne!(deployment.template("kill-viewer"), before);
    deployment.run(Act::RollBack).code(0);
    assert_eq!(deployment.template("kill-viewer"), before);
}
