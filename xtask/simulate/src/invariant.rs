//! What must hold, whatever happens.

macro_rules! invariants {
    ($($name:ident: $words:literal,)*) => {
        /// One of the things that must hold after every step or at the end of every run.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant {
            $(#[doc = $words] $name,)*
        }

        impl Invariant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What must hold, in words.
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

invariants! {
    MutualExclusion: "at most one live task per lock",
    RunsUnderItsLock: "a task starts only while its execution holds the lock, under the fence that it is told",
    FenceGrows: "each holder of a lock has a greater fence than the one before",
    FirstComeFirstServed: "a lock goes to whoever has waited longest",
    OneEnd: "an execution ends once",
    EveryExecutionEnds: "every execution ends, and every lock comes free",
    EndedHoldsNoLock: "no execution that has ended holds a lock",
    NoOrphan: "no task outlives its execution, and none is unknown",
    ExitCodeTrue: "an execution's exit code is its container's, and never made up",
    Audited: "every mutation has its audit record",
    OnceOnly: "an execution has one task, and an idempotency key one execution",
    RefusedStaysOut: "a revoked key and a drained deployment start nothing",
    SecretsStay: "no value of a command's environment is on record once it has ended, or in the audit trail",
}

/// One that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub invariant: Invariant,
    pub what: String,
}
