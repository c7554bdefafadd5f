//! What can go wrong, by name, and how often it did.

use std::{collections::BTreeMap, sync::Mutex};

use crate::sim::{Sim, lock};

macro_rules! faults {
    ($($name:ident = $number:literal: $words:literal,)*) => {
        /// One way in which AWS, a network, a user or a process lets us down. The numbers are those of the protocol's list
        /// of faults; from 40 on they are what any call can meet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $(#[doc = $words] $name = $number,)*
        }

        impl Fault {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What happens, in words.
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

faults! {
    CrashBeforeRunTask = 1: "crash after the row is written, before RunTask",
    RunTaskReplyLost = 2: "RunTask succeeds, reply lost",
    TokenConflict = 3: "same client token, other parameters",
    RunTaskFailures = 4: "RunTask answers 200 with no task and failures",
    DisguisedThrottle = 5: "throttle disguised as InvalidParameterException",
    TaskMissing = 6: "a new task is MISSING for 60 s",
    CrashAfterRunTask = 7: "crash after RunTask, before the ARN is saved",
    EventDuplicated = 8: "event delivered 10 times",
    StoppedBeforeRunning = 9: "STOPPED arrives before RUNNING",
    StoppedDropped = 10: "STOPPED is never delivered",
    UnknownTaskEvent = 11: "event for an unknown task",
    TaskForgotten = 12: "ECS has forgotten the stopped task",
    EmptyContainers = 13: "TaskFailedToStart with `containers: []`",
    AbnormalExit = 14: "exit code null, 137 by OOM, 143",
    SpotInterruption = 15: "Spot interruption",
    SigtermIgnored = 16: "SIGTERM ignored",
    StopRacesEnd = 17: "stop races the command's own end",
    StopWhileProvisioning = 18: "stop while PROVISIONING",
    SweeperDown = 19: "timeout passes while the sweeper is down",
    ConcurrentAcquires = 20: "concurrent acquires of one lock",
    LockExpired = 21: "lock past its expiry, its task alive",
    OldHolderReleases = 22: "old holder's end seen again after a handover",
    WriteReplyLost = 23: "conditional write's reply lost",
    ClockSkew = 24: "clock wrong by 10 minutes",
    ForceRelease = 25: "force-release of a live run",
    DynamoDown = 26: "DynamoDB down",
    LogPages = 27: "empty log pages, expired log token",
    LateLogLines = 28: "last lines 15 s after STOPPED",
    OddLogLines = 29: "1 MB line, control characters, HTML",
    LargeReply = 30: "log page near CloudWatch's 1 MB",
    OverridesTooLong = 31: "overrides of more than 8,192 characters",
    ConcurrentRegistration = 32: "concurrent registration of one image",
    SecretEchoed = 33: "a command prints a secret of its own",
    BadCredentials = 35: "revoked key; expired, foreign or unsigned log token",
    AuditWriteFails = 36: "audit record can't be written",
    LongHistory = 37: "history in many short pages",
    TransactionTrouble = 39: "TransactionConflict, TransactionInProgress",
    Throttled = 40: "a call is throttled",
    ServerError = 41: "a call fails with a server error",
    CrashAtCall = 42: "crash before or after any other call",
    ClientReplyLost = 43: "the client never gets its reply",
    StaleIndex = 44: "a secondary index lags behind",
    Frozen = 45: "a function stands still for 25 s after a transaction",
    Slow = 46: "reading takes a function 16 s",
}

/// Decides which faults happen: by script, or by chance; and counts.
#[derive(Default)]
pub struct Faults(Mutex<Table>);

#[derive(Default)]
struct Table {
    script: BTreeMap<Fault, u32>,
    chance: BTreeMap<Fault, f64>,
    fired: BTreeMap<Fault, u64>,
}

impl Faults {
    /// The next so many chances of this fault are taken.
    pub fn script(&self, fault: Fault, times: u32) {
        lock(&self.0).script.insert(fault, times);
    }

    /// From now on this fault happens with this probability.
    pub fn set_chance(&self, fault: Fault, chance: f64) {
        lock(&self.0).chance.insert(fault, chance);
    }

    /// From now on nothing goes wrong.
    pub fn calm(&self) {
        let mut table = lock(&self.0);
        table.chance.clear();
        table.script.clear();
    }

    /// Whether this fault is one of the schedule's.
    pub fn may(&self, fault: Fault) -> bool {
        let table = lock(&self.0);
        table.chance.contains_key(&fault) || table.script.contains_key(&fault)
    }

    /// Whether the fault happens now. It is counted if it does.
    pub fn hit(&self, sim: &Sim, fault: Fault) -> bool {
        let mut table = lock(&self.0);
        let scripted = table.script.get_mut(&fault).is_some_and(|left| {
            let hit = *left > 0;
            *left = left.saturating_sub(1);
            hit
        });
        let chance = table.chance.get(&fault).copied().unwrap_or_default();
        let hit = scripted || (chance > 0.0 && sim.draw(fastrand::Rng::f64) < chance);
        if hit {
            *table.fired.entry(fault).or_default() += 1;
        }
        hit
    }

    /// Counts one that came about by itself.
    pub fn note(&self, fault: Fault) {
        *lock(&self.0).fired.entry(fault).or_default() += 1;
    }

    /// How often each one happened.
    pub fn fired(&self) -> BTreeMap<Fault, u64> {
        lock(&self.0).fired.clone()
    }
}
