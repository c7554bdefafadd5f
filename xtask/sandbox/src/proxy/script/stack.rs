use time::OffsetDateTime;

use super::Script;
use super::stage::{Event, Stage};

/// Writes the story of a stack, status by status. Callers see each status until what ends it: a call, or a number of looks.
/// The last one stays until a call that AWS accepts in it changes the stack, from when on the engine's own word counts.
///
/// A status holds for all that CloudFormation does with the stack: what AWS refuses in it is refused. A stack that the engine
/// doesn't have is made up, with the tag of a deployment.
pub struct StackScript {
    script: Script,
    name: String,
}

impl StackScript {
    pub(super) fn new(script: Script, name: &str) -> Self {
        Self { script, name: name.to_owned() }
    }

    /// Which deployment's tag a made-up stack carries, instead of its own name's.
    pub fn deployment(self, deployment: &str) -> Self {
        self.edit(|stack| deployment.clone_into(&mut stack.deployment))
    }

    /// The first status; in force at once.
    pub fn status(self, status: &str, reason: &str) -> Self {
        self.stage(Some(status), reason)
    }

    /// Begins with what the engine says, until a call.
    pub fn own(self) -> Self {
        self.stage(None, "")
    }

    /// The next status.
    pub fn then(self, status: &str, reason: &str) -> Self {
        self.stage(Some(status), reason)
    }

    /// Ends with what the engine says. The call that leads there is the engine's, too.
    pub fn then_own(self) -> Self {
        self.stage(None, "")
    }

    /// The last named status ends with a call of this action, which is answered without the engine unless its own word is
    /// next. Several may be named.
    pub fn until(self, action: &str) -> Self {
        self.edit(|stack| stack.last(|stage| stage.until.push(action.to_owned())))
    }

    /// The last named status ends after so many DescribeStacks that have shown it.
    pub fn polls(self, polls: usize) -> Self {
        self.edit(|stack| stack.last(|stage| stage.polls = Some(polls)))
    }

    /// An event of the last named status; oldest first.
    pub fn event(self, event: Event) -> Self {
        self.edit(|stack| stack.last(|stage| stage.events.push(event)))
    }

    /// Events of the last named status; oldest first.
    pub fn events(self, events: impl IntoIterator<Item = Event>) -> Self {
        self.edit(|stack| stack.last(|stage| stage.events.extend(events)))
    }

    /// What DescribeEvents says of a validation that failed before anything was made. Change sets of the stack fail by it.
    pub fn validation(self, validation: Validation) -> Self {
        self.edit(|stack| stack.validations.push(validation))
    }

    fn stage(self, status: Option<&str>, reason: &str) -> Self {
        self.edit(|stack| {
            stack.stages.push(Stage::new(status, reason));
            if stack.stages.len() == 1 {
                stack.enter(0);
            }
        })
    }

    fn edit(self, edit: impl FnOnce(&mut Canned)) -> Self {
        self.script.stacks(|stacks| stacks.iter_mut().find(|stack| stack.name == self.name).map(edit));
        self
    }
}

/// A failed validation, as DescribeEvents tells it.
#[derive(Debug, Clone)]
pub struct Validation {
    /// The resource.
    pub logical: String,
    /// Its type.
    pub kind: String,
    /// Such as `NAME_CONFLICT_VALIDATION`.
    pub name: String,
    /// Where in the template, such as `/Resources/Table/Properties/TableName`.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

/// A scripted stack.
pub(in crate::proxy) struct Canned {
    name: String,
    pub deployment: String,
    /// The engine's id of it, or one of our own.
    pub id: Option<String>,
    /// Whether the engine has no such stack.
    pub made_up: bool,
    stages: Vec<Stage>,
    current: usize,
    /// The caller's token of the operation that a call has begun.
    token: String,
    pub validations: Vec<Validation>,
    pub began: OffsetDateTime,
}

/// What becomes of a call that has arrived at a scripted stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Arrival {
    /// It is the engine's.
    Pass,
    /// It is answered as a success.
    Answer,
}

impl Canned {
    pub(super) fn new(name: &str) -> Self {
        let (name, deployment) = (name.to_owned(), name.to_owned());
        let (stages, validations, began) = (Vec::new(), Vec::new(), OffsetDateTime::now_utc());
        Self {
            name,
            deployment,
            id: None,
            made_up: false,
            stages,
            current: 0,
            token: String::new(),
            validations,
            began,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is the stack of that name or id.
    pub fn is(&self, asked: &str) -> bool {
        asked == self.name || self.id.as_deref() == Some(asked)
    }

    /// Its status and reason, unless the engine's word counts.
    pub fn status(&self) -> Option<(&str, &str)> {
        let stage = self.stages.get(self.current)?;
        Some((stage.status.as_deref()?, &stage.reason))
    }

    /// All events so far, newest first.
    pub fn events(&self) -> Vec<String> {
        let id = self.id.as_deref().unwrap_or_default();
        self.stages.iter().take(self.current + 1).rev().flat_map(|stage| stage.events(id, &self.name)).collect()
    }

    /// Its status was shown.
    pub fn shown(&mut self) {
        let Some(left) = self.stages.get_mut(self.current).and_then(|stage| stage.polls.as_mut()) else { return };
        *left = left.saturating_sub(1);
        if *left == 0 && self.current + 1 < self.stages.len() {
            self.enter(self.current + 1);
        }
    }

    /// The same, with the token that the caller gave: events of what it begins carry it.
    pub fn begins(&mut self, action: &str, creates: bool, token: Option<String>) -> Arrival {
        self.token = token.unwrap_or_default();
        self.arrives(action, creates)
    }

    /// A call about it that is not refused in its status.
    pub fn arrives(&mut self, action: &str, creates: bool) -> Arrival {
        let was_own = self.status().is_none();
        let expected =
            self.stages.get(self.current).is_some_and(|stage| stage.until.iter().any(|until| until == action));
        if expected {
            self.enter(self.current + 1);
            return if self.status().is_none() || !is_change(action) { Arrival::Pass } else { Arrival::Answer };
        }
        match action {
            _ if was_own || !is_change(action) => Arrival::Pass,
            "ContinueUpdateRollback" | "CancelUpdateStack" | "RollbackStack" => Arrival::Answer,
            "DeleteStack" if self.made_up => {
                self.stages.push(Stage::new(Some("DELETE_COMPLETE"), ""));
                self.enter(self.stages.len() - 1);
                Arrival::Answer
            }
            "CreateChangeSet" if !creates => Arrival::Pass,
            _ => {
                self.stages.push(Stage::new(None, ""));
                self.enter(self.stages.len() - 1);
                Arrival::Pass
            }
        }
    }

    fn enter(&mut self, index: usize) {
        self.current = index;
        if let Some(stage) = self.stages.get_mut(index) {
            stage.token.clone_from(&self.token);
            stage.entered = Some(OffsetDateTime::now_utc());
        }
    }

    fn last(&mut self, edit: impl FnOnce(&mut Stage)) {
        if self.stages.is_empty() {
            self.stages.push(Stage::new(None, ""));
        }
        self.stages.last_mut().map(edit);
    }
}

/// The calls that change a stack. A change set is made by the engine even if a script waits for that call.
fn is_change(action: &str) -> bool {
    let changes = ["CreateStack", "UpdateStack", "ExecuteChangeSet", "DeleteStack"];
    let ends = ["CancelUpdateStack", "ContinueUpdateRollback", "RollbackStack"];
    changes.contains(&action) || ends.contains(&action) || action == "CreateChangeSet"
}
