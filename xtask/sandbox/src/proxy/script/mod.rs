//! What a test makes of the account's weather: faults, stack statuses, pace, and who is asking.
//!
//! Everything is set on [`Script`], which a running sandbox hands out and which can be changed at any time:
//!
//! ```no_run
//! # use std::time::Duration;
//! # use runvoy_sandbox::{Sandbox, proxy::script::{Effect, Event, Match}};
//! # async fn example(sandbox: &Sandbox, mut init: tokio::process::Child) {
//! let script = sandbox.script();
//! // The third DescribeStacks about `runvoy` is throttled, and the nineteen after it.
//! let busy = script.on(Match::client("cloudformation", "DescribeStacks").about("runvoy").nth(3).times(20), Effect::Throttle);
//! // Kill the caller right after its change set was executed.
//! let held = script.on(Match::client("cloudformation", "ExecuteChangeSet").about("runvoy"), Effect::HoldAfter);
//! held.reached().await;
//! init.kill().await.unwrap();
//! held.gone().await;
//! // A stack that is stuck until somebody continues its rollback.
//! script.stack("runvoy").status("UPDATE_ROLLBACK_FAILED", "").until("ContinueUpdateRollback")
//!     .then("UPDATE_ROLLBACK_IN_PROGRESS", "").polls(2).then("UPDATE_ROLLBACK_COMPLETE", "");
//! // A creation that fails for one cause.
//! script.stack("other").own().until("ExecuteChangeSet")
//!     .then("CREATE_IN_PROGRESS", "").event(Event::failed("Table", "AWS::DynamoDB::Table", "CREATE_FAILED", "no")).polls(1)
//!     .then("ROLLBACK_COMPLETE", "");
//! assert_eq!((busy.fired(), script.unfired().len()), (20, 0));
//! script.clear();
//! # }
//! ```

mod account;
mod effect;
mod fault;
mod matching;
mod stack;
mod stage;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) use account::{Account, LAMBDA_CONCURRENCY};
pub use effect::Effect;
pub use fault::Fault;
pub(super) use fault::Firing;
pub use matching::Match;
pub(super) use stack::{Arrival, Canned};
pub use stack::{StackScript, Validation};
pub use stage::Event;

use super::calls::Caller;
use super::name::Name;

/// The shared script of one sandbox. Clones are the same script.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    faults: Vec<Fault>,
    stacks: Vec<Canned>,
    pace: Option<f64>,
    account: Account,
}

impl Script {
    /// Puts up a fault: the calls that `matching` picks get `effect`. The first of several faults that fit wins.
    pub fn on(&self, matching: Match, effect: Effect) -> Fault {
        let fault = Fault::new(matching, effect);
        self.lock().faults.push(fault.clone());
        fault
    }

    /// The story of a CloudFormation stack; begins anew with each call.
    pub fn stack(&self, name: &str) -> StackScript {
        self.lock().stacks.retain(|stack| stack.name() != name);
        self.lock().stacks.push(Canned::new(name));
        StackScript::new(self.clone(), name)
    }

    /// From now on stacks take `factor` times as long as they usually take on AWS, instead of no time at all.
    pub fn pace(&self, factor: f64) {
        self.lock().pace = Some(factor);
    }

    /// Callers are a session of this role from now on, and may do anything but the `denied` actions, as far as IAM's
    /// simulation says. The engine itself forbids nothing.
    pub fn assume_role(&self, role: &str, denied: &[&str]) {
        self.lock().account.assume(role, denied);
    }

    /// Sets a service quota by its code, such as `L-F678F1CE`; Lambda's concurrency is the account's limit as well.
    pub fn quota(&self, code: &str, value: f64) {
        self.lock().account.set_quota(code, value);
    }

    /// Descriptions of the faults that never fired: a test that put them up has shown nothing.
    pub fn unfired(&self) -> Vec<String> {
        self.lock().faults.iter().filter(|fault| fault.fired() == 0).map(Fault::to_string).collect()
    }

    /// Forgets everything; calls that are held go on.
    pub fn clear(&self) {
        let old = std::mem::take(&mut *self.lock());
        old.faults.iter().for_each(Fault::release);
    }

    /// The fault that this call meets. Each fault counts all calls that it is about, whichever wins.
    pub(super) fn fires(&self, caller: Caller, name: &Name) -> Option<Firing> {
        let faults = self.lock().faults.clone();
        let due = faults.into_iter().filter(|fault| fault.counts(caller, name)).collect::<Vec<_>>();
        due.first().map(Fault::firing)
    }

    pub(super) fn current_pace(&self) -> Option<f64> {
        self.lock().pace
    }

    pub(super) fn account(&self) -> Account {
        self.lock().account.clone()
    }

    /// What `with` finds out about the scripted stacks, or does to them.
    pub(super) fn stacks<T>(&self, with: impl FnOnce(&mut Vec<Canned>) -> T) -> T {
        with(&mut self.lock().stacks)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
