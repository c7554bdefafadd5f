//! Virtual time and the scheduler: one thread, one seed, the same run every time.
//!
//! Whenever several futures could go on, the seed decides which one does. When none can, the clock jumps to the next timer.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use fastrand::Rng;

/// Names a future while it lives.
pub type Id = u64;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Job {
    name: String,
    /// How far its machine's clock is ahead, in seconds.
    skew: i64,
    work: Work,
}

/// The scheduler. Its handle is shared by everything that waits.
pub struct Sim {
    inner: Mutex<Inner>,
    woken: Arc<Mutex<BTreeSet<Id>>>,
}

struct Inner {
    now: Duration,
    rng: Rng,
    next: Id,
    jobs: BTreeMap<Id, Job>,
    timers: BTreeMap<(Duration, Id), Waker>,
    /// Whose turn it is: its id, name and skew.
    current: Option<(Id, String, i64)>,
    killed: BTreeSet<Id>,
    /// Who stands still, and until when.
    frozen: BTreeMap<Id, Duration>,
}

/// A pause in virtual time.
pub struct Pause {
    sim: Arc<Sim>,
    until: Duration,
    timer: Option<(Duration, Id)>,
}

struct Bell {
    id: Id,
    woken: Arc<Mutex<BTreeSet<Id>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        lock(&self.woken).insert(self.id);
    }
}

/// Nothing here panics half-way through a change, so a poisoned lock is still whole.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sim {
    /// At time zero, with nothing to do.
    pub fn new(seed: u64) -> Self {
        let inner = Inner {
            now: Duration::ZERO,
            rng: Rng::with_seed(seed),
            next: 0,
            jobs: BTreeMap::new(),
            timers: BTreeMap::new(),
            current: None,
            killed: BTreeSet::new(),
            frozen: BTreeMap::new(),
        };
        Self { inner: Mutex::new(inner), woken: Arc::default() }
    }

    /// How long the run has taken so far, in virtual time.
    pub fn now(&self) -> Duration {
        lock(&self.inner).now
    }

    /// How far the clock of whoever is at work is ahead, in seconds.
    pub fn skew(&self) -> i64 {
        lock(&self.inner).current.as_ref().map_or(0, |(_, _, skew)| *skew)
    }

    /// Who is at work.
    pub fn name(&self) -> String {
        lock(&self.inner).current.as_ref().map_or_else(|| "simulation".to_owned(), |(_, name, _)| name.clone())
    }

    /// Draws from the seed.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut lock(&self.inner).rng)
    }

    /// Something between the two, in milliseconds.
    pub fn between(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.draw(|rng| rng.u64(least..=most)))
    }

    /// Starts a future beside the others.
    pub fn spawn(&self, name: impl Into<String>, skew: i64, work: impl Future<Output = ()> + Send + 'static) -> Id {
        let mut inner = lock(&self.inner);
        inner.next += 1;
        let id = inner.next;
        inner.jobs.insert(id, Job { name: name.into(), skew, work: Box::pin(work) });
        lock(&self.woken).insert(id);
        id
    }

    /// Ends a future where it stands, as a crash does. One that ends itself does not return from its next `await`.
    pub fn kill(&self, id: Id) {
        let mut inner = lock(&self.inner);
        inner.killed.insert(id);
        let job = inner.jobs.remove(&id);
        drop(inner);
        // Dropped outside of the lock: what it holds may reach for the scheduler.
        drop(job);
    }

    /// Lets a future stand still for so long, while all others go on.
    pub fn freeze(&self, id: Id, time: Duration) {
        let mut inner = lock(&self.inner);
        let until = inner.now + time;
        inner.frozen.insert(id, until);
        inner.next += 1;
        let timer = (until, inner.next);
        inner.timers.insert(timer, Waker::from(Arc::new(Bell { id, woken: Arc::clone(&self.woken) })));
    }

    /// Whose turn it is.
    pub fn current(&self) -> Option<Id> {
        lock(&self.inner).current.as_ref().map(|(id, _, _)| *id)
    }

    /// Waits in virtual time.
    pub fn pause(self: &Arc<Self>, duration: Duration) -> Pause {
        Pause { sim: Arc::clone(self), until: self.now() + duration, timer: None }
    }

    /// Drops all that still waits. Futures hold the scheduler that holds them.
    pub fn end(&self) {
        loop {
            let jobs = std::mem::take(&mut lock(&self.inner).jobs);
            if jobs.is_empty() {
                return;
            }
            drop(jobs);
        }
    }

    /// Lets one future go on, or lets time pass. `false`: nothing is left that could.
    pub fn step(&self) -> bool {
        let Some(id) = self.pick() else { return self.pass_time() };
        let Some(mut job) = lock(&self.inner).jobs.remove(&id) else { return true };
        lock(&self.inner).current = Some((id, job.name.clone(), job.skew));
        let waker = Waker::from(Arc::new(Bell { id, woken: Arc::clone(&self.woken) }));
        let done = job.work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let mut inner = lock(&self.inner);
        inner.current = None;
        if !done && !inner.killed.contains(&id) {
            inner.jobs.insert(id, job);
            return true;
        }
        drop(inner);
        drop(job);
        true
    }

    fn pick(&self) -> Option<Id> {
        let mut woken = lock(&self.woken);
        let mut inner = lock(&self.inner);
        let now = inner.now;
        inner.frozen.retain(|_, until| *until > now);
        let ready: Vec<Id> = woken.iter().filter(|id| !inner.frozen.contains_key(id)).copied().collect();
        if ready.is_empty() {
            return None;
        }
        let id = ready[inner.rng.usize(..ready.len())];
        woken.remove(&id);
        Some(id)
    }

    fn pass_time(&self) -> bool {
        let mut inner = lock(&self.inner);
        let Some(((at, _), waker)) = inner.timers.pop_first() else { return false };
        inner.now = inner.now.max(at);
        drop(inner);
        waker.wake();
        true
    }
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let sim = Arc::clone(&self.sim);
        let mut inner = lock(&sim.inner);
        if let Some(timer) = self.timer.take() {
            inner.timers.remove(&timer);
        }
        if inner.now >= self.until {
            return Poll::Ready(());
        }
        inner.next += 1;
        let timer = (self.until, inner.next);
        inner.timers.insert(timer, context.waker().clone());
        self.timer = Some(timer);
        Poll::Pending
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            lock(&self.sim.inner).timers.remove(&timer);
        }
    }
}
