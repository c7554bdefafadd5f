use std::fmt::{self, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use super::effect::Effect;
use super::matching::Match;
use crate::proxy::calls::Caller;
use crate::proxy::name::Name;

/// The handle of a fault that was put up. Clones are the same fault.
#[derive(Clone)]
pub struct Fault(Arc<Inner>);

struct Inner {
    matching: Match,
    effect: Effect,
    counted: AtomicUsize,
    state: watch::Sender<State>,
}

#[derive(Default, Clone, Copy)]
struct State {
    fired: usize,
    held: usize,
    gone: usize,
    released: bool,
}

impl Fault {
    pub(super) fn new(matching: Match, effect: Effect) -> Self {
        Self(Arc::new(Inner { matching, effect, counted: AtomicUsize::new(0), state: watch::Sender::default() }))
    }

    /// How many calls it has hit.
    pub fn fired(&self) -> usize {
        self.0.state.borrow().fired
    }

    /// Waits until it hits a call; for those that hold calls, until one is held where it should be.
    pub async fn reached(&self) {
        self.until(|state| if self.0.effect.holds() { state.held > 0 } else { state.fired > 0 }).await;
    }

    /// Waits until the caller of a held call has hung up, from when on nothing of that call happens any more.
    pub async fn gone(&self) {
        self.until(|state| state.gone > 0).await;
    }

    /// Lets held calls go on, and holds none from now on.
    pub fn release(&self) {
        self.0.state.send_modify(|state| state.released = true);
    }

    async fn until(&self, reached: impl FnMut(&State) -> bool) {
        // The sender is ours, so it is there.
        let _ = self.0.state.subscribe().wait_for(reached).await.map(|_| ());
    }

    /// Counts a call that it is about; whether it is to hit it.
    pub(super) fn counts(&self, caller: Caller, name: &Name) -> bool {
        self.0.matching.covers(caller, name)
            && self.0.matching.hits(self.0.counted.fetch_add(1, Ordering::Relaxed).saturating_add(1))
    }

    pub(super) fn firing(&self) -> Firing {
        Firing(self.clone())
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.0.effect.name(), self.0.matching)
    }
}

/// A fault and the one call that it hits.
pub(in crate::proxy) struct Firing(Fault);

impl Firing {
    pub fn effect(&self) -> &Effect {
        &self.0.0.effect
    }

    /// Tells those who wait for it; once the call is on record, where they may look for it.
    pub fn strikes(&self) {
        self.0.0.state.send_modify(|state| state.fired += 1);
    }

    /// Holds the call until it is released. Dropped in the meantime if its caller hangs up.
    pub async fn hold(&self) {
        let mut held = Held { fault: &self.0, over: false };
        self.0.0.state.send_modify(|state| state.held += 1);
        self.0.until(|state| state.released).await;
        held.over = true;
    }
}

struct Held<'a> {
    fault: &'a Fault,
    over: bool,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.fault.0.state.send_modify(|state| state.gone += 1);
        }
    }
}
