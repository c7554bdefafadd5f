//! An installation that always goes the same way, by a clock that is set.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    num::NonZeroU16,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::super::{Clock, Progress, ResourceChange, ResourceState, Sink, Step, screen::Screen};
use crate::deploy::estimate::{Estimate, Learned};

/// Logical id, type, description, what it waits for.
const STACK: [(&str, &str, &str, &[&str]); 18] = [
    ("Vpc", "AWS::EC2::VPC", "network", &[]),
    ("Gateway", "AWS::EC2::InternetGateway", "internet gateway", &[]),
    ("Attachment", "AWS::EC2::VPCGatewayAttachment", "internet gateway's place in the network", &["Vpc", "Gateway"]),
    ("Routes", "AWS::EC2::RouteTable", "route table", &["Vpc"]),
    ("SubnetA", "AWS::EC2::Subnet", "subnet in the first zone", &["Vpc"]),
    ("SubnetB", "AWS::EC2::Subnet", "subnet in the second zone", &["Vpc"]),
    ("Firewall", "AWS::EC2::SecurityGroup", "firewall that lets nothing in", &["Vpc"]),
    ("Cluster", "AWS::ECS::Cluster", "cluster that commands run on", &[]),
    ("Executions", "AWS::DynamoDB::Table", "table of executions", &[]),
    ("Keys", "AWS::DynamoDB::Table", "table of keys", &[]),
    ("Audit", "AWS::DynamoDB::Table", "table of everything that was ever done", &[]),
    ("Secret", "AWS::SecretsManager::Secret", "secret that signs log links", &[]),
    ("ApiRole", "AWS::IAM::Role", "permissions of the function that answers the API", &[]),
    ("EventsRole", "AWS::IAM::Role", "permissions of the function that follows containers", &[]),
    ("Api", "AWS::Lambda::Function", "function that answers the API", &["ApiRole"]),
    ("Events", "AWS::Lambda::Function", "function that follows containers", &["EventsRole"]),
    ("Url", "AWS::Lambda::Url", "address of the API", &["Api"]),
    ("Permission", "AWS::Lambda::Permission", "permission to call the API's address", &["Api"]),
];

const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// What a sink writes to: a terminal and the text itself.
#[derive(Clone)]
pub(super) struct Tape(Arc<Mutex<(vt100::Parser, String)>>);

impl Tape {
    fn new(rows: u16, columns: u16) -> Self {
        Self(Arc::new(Mutex::new((terminal(rows, columns), String::new()))))
    }

    pub(super) fn text(&self) -> String {
        self.0.lock().unwrap().1.clone()
    }

    /// The terminal's lines.
    pub(super) fn screen(&self) -> String {
        self.0.lock().unwrap().0.screen().contents()
    }

    fn size(&self) -> (usize, usize) {
        let (rows, columns) = self.0.lock().unwrap().0.screen().size();
        (rows.get().into(), columns.get().into())
    }

    fn wraps(&self) -> bool {
        let tape = self.0.lock().unwrap();
        (0..tape.0.screen().size().0.get()).any(|row| tape.0.screen().row_wrapped(row))
    }

    /// As terminals do it: lines that are too long now are wrapped.
    pub(super) fn resize(&self, rows: u16, columns: u16) {
        let mut tape = self.0.lock().unwrap();
        let text = tape.0.screen().contents();
        tape.0 = terminal(rows, columns);
        text.lines().for_each(|line| tape.0.process(format!("{line}\r\n").as_bytes()));
    }
}

fn terminal(rows: u16, columns: u16) -> vt100::Parser {
    vt100::Parser::new(NonZeroU16::new(rows).unwrap(), NonZeroU16::new(columns).unwrap(), 0)
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut tape = self.0.lock().unwrap();
        tape.0.process(bytes);
        tape.1.push_str(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) struct Run {
    pub(super) progress: Progress,
    pub(super) tape: Tape,
    shots: String,
}

impl Run {
    pub(super) fn live(rows: u16, columns: u16) -> Self {
        let tape = Tape::new(rows, columns);
        let of = tape.clone();
        Self::new(tape.clone(), Sink::Live(Screen::new(Box::new(tape), Box::new(move || of.size()))))
    }

    pub(super) fn plain() -> Self {
        let tape = Tape::new(24, 80);
        Self::new(tape.clone(), Sink::Plain(Box::new(tape)))
    }

    pub(super) fn json() -> Self {
        let tape = Tape::new(24, 80);
        Self::new(tape.clone(), Sink::Json(Box::new(tape)))
    }

    fn new(tape: Tape, sink: Sink) -> Self {
        Self { progress: Progress::with(sink, Clock::Fixed(UNIX_EPOCH + BEGIN)), tape, shots: String::new() }
    }

    /// Sets the clock to so many seconds after the beginning.
    pub(super) fn at(&self, seconds: u64) {
        let mut board = self.progress.board();
        board.clock = Clock::Fixed(time(seconds));
        board.tick();
    }

    /// Keeps what the terminal shows now, where there is one.
    fn shot(&mut self, title: &str) {
        if !matches!(self.progress.board().sink, Sink::Live(_)) {
            return;
        }
        self.progress.board().paint();
        assert!(!self.tape.wraps(), "{}", self.tape.screen());
        self.shots += &format!("=== {title}\n{}\n", self.tape.screen());
    }

    /// Everything that was kept.
    pub(super) fn shots(self) -> String {
        self.shots
    }

    /// Bucket stack and build at the same time, then the rest.
    pub(super) fn install(&mut self) {
        let bucket = self.progress.step("bucket-stack", "set up the bucket");
        let build = self.progress.step("build", "get the orchestrator's code (arm64)");
        bucket.resource(&change(
            "Bucket",
            "AWS::S3::Bucket",
            "bucket of code and output",
            ResourceState::InProgress,
            0,
        ));
        self.at(3);
        build.detail("Compiling aws-sdk-dynamodb v1.136.0");
        self.progress.say("The bucket is runvoy-1234-eu-west-1.");
        self.shot("two at once");
        (4..31).for_each(|second| self.at(second));
        bucket.resource(&change("Bucket", "AWS::S3::Bucket", "bucket of code and output", ResourceState::Done, 30));
        bucket.done("");
        self.at(38);
        build.done("3912 KB");
        let upload = self.progress.step("upload", "upload the code");
        upload.skipped("it is there already");
        let main = self.main_stack();
        self.stack(&main, 40, |second| match second {
            9 => Some("the first resources"),
            33 => Some("one takes long"),
            58 => Some("it is done"),
            _ => None,
        });
        main.done("");
        self.progress.step("verify", "call the API").done("version 0.1.0 answers admin@example.com (admin)");
        self.shot("the end");
    }

    pub(super) fn main_stack(&self) -> Step {
        let main = self.progress.step("main-stack", "set up everything else");
        main.expect(Estimate::create(&template(), &Learned::none()).unwrap());
        main
    }

    /// Runs the stack's events, second by second; the permissions of one function take five times as long as usual.
    pub(super) fn stack(&mut self, step: &Step, begin: u64, shot: impl Fn(u64) -> Option<&'static str>) {
        let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
        let estimate = Estimate::create(&template(), &Learned::none()).unwrap();
        for second in 0.. {
            self.at(begin + second);
            for (logical, kind, what, waits_for) in STACK {
                if ends.get(logical) == Some(&second) {
                    step.resource(&change(logical, kind, what, ResourceState::Done, begin + second));
                }
                if !ends.contains_key(logical)
                    && waits_for.iter().all(|name| ends.get(name).is_some_and(|end| *end <= second))
                {
                    let slow = if logical == "EventsRole" { 3 } else { 1 };
                    ends.insert(logical, second + slow * estimate.usual(logical).unwrap().as_secs());
                    step.resource(&change(logical, kind, what, ResourceState::InProgress, begin + second));
                }
            }
            if let Some(title) = shot(second) {
                self.shot(title);
            }
            if ends.len() == STACK.len() && ends.values().all(|end| *end <= second) {
                return;
            }
        }
    }

    /// One resource fails: AWS gives up what is under way, and takes back what was done.
    pub(super) fn fail(&mut self, begin: u64) {
        let reason = "User is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/x";
        self.at(begin);
        let main = self.main_stack();
        let send = |index: usize, verb, state, at| {
            let (logical, kind, what, _) = STACK[index];
            main.resource(&ResourceChange { verb, ..change(logical, kind, what, state, begin + at) });
        };
        (0..14)
            .filter(|index| STACK[*index].3.is_empty())
            .for_each(|index| send(index, "create", ResourceState::InProgress, 1));
        self.at(begin + 9);
        send(11, "create", ResourceState::Done, 5);
        send(7, "create", ResourceState::Done, 6);
        send(12, "create", ResourceState::Failed { reason: reason.into() }, 8);
        [0, 1, 8, 9, 10, 13].iter().for_each(|index| send(*index, "create", ResourceState::GivenUp, 8));
        [0, 1, 7, 11].iter().for_each(|index| send(*index, "remove", ResourceState::InProgress, 9));
        self.at(begin + 11);
        send(7, "remove", ResourceState::Done, 11);
        self.shot("it is taken back");
        self.at(begin + 14);
        [0, 1, 11].iter().for_each(|index| send(*index, "remove", ResourceState::Done, 14));
        drop(main);
        self.shot("the end");
    }
}

pub(super) fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + BEGIN + Duration::from_secs(seconds)
}

pub(super) fn change(logical: &str, kind: &str, what: &str, state: ResourceState, at: u64) -> ResourceChange {
    let [logical, kind, what] = [logical, kind, what].map(str::to_owned);
    ResourceChange { logical, kind, what, verb: "create", state, at: Some(time(at)) }
}

fn template() -> String {
    let resource = |(logical, kind, _, waits_for): &(&str, &str, &str, &[&str])| {
        format!("  {logical}: {{ Type: \"{kind}\", DependsOn: [{}] }}\n", waits_for.join(", "))
    };
    format!("Resources:\n{}", STACK.iter().map(resource).collect::<String>())
}
