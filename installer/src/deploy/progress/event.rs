//! What programs are told: one JSON object a line, as `docs/init-events.schema.json` describes it.

use std::time::{Duration, SystemTime};

use runvoy_api::id::rfc3339;
use serde::Serialize;
use serde_json::Value;

/// One line. What is not known is left out.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// A step began, got on or ended.
    Step {
        /// The step's name, the same in every release.
        id: &'static str,
        /// What it does, for people.
        what: String,
        /// What happened.
        state: StepState,
        /// What it is at, or what came of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// Since it began.
        seconds: f64,
        /// How long it will probably take still.
        #[serde(skip_serializing_if = "Option::is_none")]
        eta_seconds: Option<f64>,
    },
    /// Something happened to a resource of the step's stack.
    Resource {
        /// The step's name.
        step: &'static str,
        /// The resource's name in the template.
        logical_id: String,
        /// Its type: `AWS::…`.
        resource_type: String,
        /// What it is, for people.
        what: String,
        /// create, update, remove, adopt, undo or keep.
        verb: &'static str,
        /// in-progress, done, failed, given-up or kept.
        state: &'static str,
        /// Why it failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Since AWS began with it, by AWS's clock.
        seconds: f64,
        /// How long such a one usually takes.
        #[serde(skip_serializing_if = "Option::is_none")]
        usual_seconds: Option<f64>,
    },
    /// Something worth knowing.
    Note {
        /// It, for people.
        text: String,
    },
    /// Something that may be wrong.
    Warning {
        /// It, for people.
        text: String,
    },
    /// Nothing new for a while, but everything goes on.
    Heartbeat {
        /// The steps that have not ended.
        under_way: Vec<UnderWay>,
    },
    /// What was looked at before anything is changed.
    Preflight {
        /// Each check with its outcome.
        checks: Value,
    },
    /// What is about to be done.
    Plan {
        /// Choices, resources and costs.
        plan: Value,
    },
    /// Why it failed, in detail.
    Failure {
        /// The first cause and what to do about it.
        failure: Value,
    },
    /// How the run ended: always the last line.
    Result(RunResult),
}

/// What happened to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// It began.
    Start,
    /// It is at something else now.
    Detail,
    /// It is done.
    Done,
    /// It was not needed.
    Skipped,
    /// It failed.
    Failed,
}

/// A step that has not ended.
#[derive(Serialize)]
pub struct UnderWay {
    /// Its name.
    pub step: &'static str,
    /// What it does, for people.
    pub what: String,
    /// What it is at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Since it began.
    pub seconds: f64,
    /// How long it will probably take still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_seconds: Option<f64>,
    /// How many of its resources are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<usize>,
    /// How many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<usize>,
    /// Those that AWS is at.
    pub resources: Vec<Running>,
}

/// A resource that AWS is at.
#[derive(Serialize)]
pub struct Running {
    /// The resource's name in the template.
    pub logical_id: String,
    /// What is done to which, for people.
    pub what: String,
    /// Since AWS began with it.
    pub seconds: f64,
    /// How long such a one usually takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usual_seconds: Option<f64>,
}

/// How a run ended. No `Debug`: it may carry a key.
#[derive(Serialize)]
pub struct RunResult {
    /// In a word.
    pub outcome: Outcome,
    /// What the process ends with.
    pub exit_code: u8,
    /// The API's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The profile that was saved for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The file that holds the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// The first admin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_email: Option<String>,
    /// The first admin's key, if it is new: it is told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_key: Option<String>,
    /// The directory that the data was exported to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
    /// What a removal has left, and what it could not look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leftovers: Option<Value>,
    /// Since the run began.
    pub seconds: f64,
    /// What failed, and its causes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The command that goes on from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
}

/// How a run ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything is as it should be.
    Done,
    /// Something failed.
    Failed,
    /// It would not have been safe, or somebody said no: nothing was changed.
    Refused,
    /// Somebody stopped waiting; AWS goes on.
    Interrupted,
    /// Everything was as it should be already.
    NothingToDo,
}

impl RunResult {
    /// A run that ended with this code after `took`, with nothing else to say.
    pub fn new(outcome: Outcome, exit_code: u8, took: Duration) -> Self {
        Self {
            outcome,
            exit_code,
            endpoint: None,
            profile: None,
            config: None,
            admin_email: None,
            admin_key: None,
            export: None,
            leftovers: None,
            seconds: seconds(took),
            error: None,
            hint: None,
            resume: None,
        }
    }
}

impl Event {
    /// The event of `at` as a line.
    pub(super) fn line(&self, at: SystemTime) -> Option<String> {
        #[derive(Serialize)]
        struct Line<'a> {
            at: String,
            #[serde(flatten)]
            event: &'a Event,
        }
        // Every field is text, a number or JSON already: there is nothing that could fail.
        serde_json::to_string(&Line { at: rfc3339(at.into()), event: self }).ok()
    }

    /// Whether a person at a terminal should see it without delay.
    pub(super) fn is_news(&self) -> bool {
        !matches!(self, Self::Step { state: StepState::Detail, .. } | Self::Resource { state: "in-progress", .. })
    }
}

/// Seconds with as many digits as anybody needs.
pub(super) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
