//! Ctrl-C and SIGTERM while AWS works. Nothing is ever deleted: what AWS has begun goes on, and the same command finds it there.

use std::{future::Future, io, pin::pin, time::Duration};

use aws_sdk_cloudformation::types::StackStatus;
use rustix::process::{getpid, kill_process};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{sleep, timeout},
};

use super::{progress::Progress, stack};
use crate::{
    aws::Aws,
    error::{Error, Result, ResultExt as _},
    exit,
};

/// How long a look at the stack, or what is taken back, may keep somebody waiting who has pressed Ctrl-C and may press it again.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same of somebody who has pressed it twice.
const HASTE: Duration = Duration::from_millis(500);
const _: () = assert!(HASTE.as_millis() < 1000, "a second Ctrl-C leaves within a second");

/// How often a prompt is told again that it is over.
const NUDGE: Duration = Duration::from_millis(100);

/// The signals that ask us to leave. They are caught from its making on, so that no prompt dies of one with the cursor hidden.
pub struct Interrupts {
    int: Signal,
    term: Signal,
    /// Whether somebody has left without waiting for the question.
    twice: bool,
}

/// What is interrupted.
pub struct Interruptible<'a> {
    /// Where it works.
    pub aws: &'a Aws,
    /// The stack whose update may be given up; none where that is not what this is about.
    pub stack: Option<&'a str>,
    /// The command that goes on from here.
    pub resume: &'a str,
    /// Whether there is somebody to ask.
    pub can_ask: bool,
    /// The view to make room in.
    pub progress: &'a Progress,
    /// What is true of everything so far, for whoever wonders.
    pub assurance: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    KeepRunning,
    Cancel,
    Quit,
    GoOn,
}

impl Interrupts {
    /// Catches the signals.
    pub fn catch() -> Result<Self> {
        tokio::spawn(nudge(signal(SignalKind::terminate())?));
        Ok(Self { int: signal(SignalKind::interrupt())?, term: signal(SignalKind::terminate())?, twice: false })
    }

    /// Does `work`, which changes nothing in AWS yet, until it is done or interrupted.
    pub async fn before<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let nothing = || Error::new("interrupted: nothing was changed").exit(exit::INTERRUPTED);
        tokio::select! {
            biased;
            result = work => result.map_err(|error| if is_of_a_prompt(&error) { nothing() } else { error }),
            _ = self.int.recv() => Err(nothing()),
            _ = self.term.recv() => Err(nothing()),
        }
    }

    /// Does `work` until it is done or interrupted. Whoever can be asked says what an interrupt means; a second one leaves at once.
    pub async fn during<T>(&mut self, what: &Interruptible<'_>, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                result = &mut work => return result.map_err(|error| if is_of_a_prompt(&error) { left(what) } else { error }),
                _ = self.term.recv() => return Err(left(what)),
                _ = self.int.recv() => {}
            }
            if !what.can_ask {
                return Err(left(what));
            }
            let answer = tokio::select! {
                biased;
                result = &mut work => return result.map_err(|error| if is_of_a_prompt(&error) { left(what) } else { error }),
                _ = self.int.recv() => {
                    self.twice = true;
                    return Err(left(what));
                }
                _ = self.term.recv() => return Err(left(what)),
                answer = ask(what) => answer,
            };
            match answer {
                Answer::GoOn => {}
                Answer::KeepRunning => return Err(left(what)),
                Answer::Quit => {
                    what.progress.leave("not waited for");
                    let problem = "interrupted: AWS finishes what it has begun, and nothing else is done";
                    return Err(Error::new(problem).hint(goes_on(what.resume)).exit(exit::INTERRUPTED));
                }
                Answer::Cancel => {
                    let cancel = async {
                        if let Some(stack) = what.stack {
                            stack::cancel_update(what.aws, stack).await?;
                        }
                        what.progress.say("the update is cancelled: AWS puts everything back as it was");
                        work.await
                    };
                    let ended = tokio::select! {
                        ended = cancel => ended,
                        _ = self.int.recv() => return Err(left(what)),
                        _ = self.term.recv() => return Err(left(what)),
                    };
                    // The update may have been done before AWS heard of it.
                    return ended.hint(format!("`{}` tries again", what.resume)).exit(exit::INTERRUPTED);
                }
            }
        }
    }

    /// Does what is still to do when somebody has left; whether there was the time. Another interrupt ends it.
    pub async fn afterwards(&mut self, work: impl Future<Output = ()>) -> bool {
        tokio::select! {
            biased;
            () = work => true,
            _ = self.int.recv() => false,
            _ = self.term.recv() => false,
            () = sleep(if self.twice { HASTE } else { PATIENCE }) => false,
        }
    }
}

/// A prompt blocks its thread, and hears a SIGTERM only while it reads: one that comes just before would leave it reading. So from
/// a SIGTERM on, which always ends us, whatever reads is interrupted, by a signal that does nothing else.
async fn nudge(mut term: Signal) {
    term.recv().await;
    let Ok(_caught) = signal(SignalKind::user_defined1()) else { return };
    loop {
        // An error leaves things as they were without it.
        let _ = kill_process(getpid(), rustix::process::Signal::USR1);
        sleep(NUDGE).await;
    }
}

/// Asks on the terminal's own line editing, not key by key: wherever we are ended meanwhile, the terminal is left as it was.
async fn ask(what: &Interruptible<'_>) -> Answer {
    what.progress.say(format!("Interrupted. {} What now?", what.assurance));
    let updating = match what.stack {
        Some(stack) => is_updating(what.aws, stack).await,
        None => false,
    };
    what.progress.say("  k  keep running: AWS finishes what it has begun, and this program leaves");
    if updating {
        what.progress.say("  c  cancel the update: AWS puts everything back as it was");
    }
    what.progress.say("  q  quit at once");
    what.progress.say("  Enter goes on here; Ctrl-C again leaves at once");
    what.progress.say(format!("To go on later: `{}`", what.resume));
    // What is typed must stay in sight.
    let _aside = what.progress.aside();
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|read| (read > 0).then_some(line))
    });
    let line = line.await.ok().and_then(io::Result::ok).flatten();
    // The terminal is gone.
    let Some(line) = line else { return Answer::KeepRunning };
    parse(&line, updating)
}

async fn is_updating(aws: &Aws, stack: &str) -> bool {
    let found = timeout(PATIENCE, stack::find(aws, stack)).await.ok().and_then(Result::ok).flatten();
    found.is_some_and(|stack| stack.stack_status() == Some(&StackStatus::UpdateInProgress))
}

fn parse(line: &str, updating: bool) -> Answer {
    match line.trim().to_lowercase().as_str() {
        "k" | "keep" => Answer::KeepRunning,
        "c" | "cancel" if updating => Answer::Cancel,
        "q" | "quit" => Answer::Quit,
        _ => Answer::GoOn,
    }
}

fn left(what: &Interruptible<'_>) -> Error {
    what.progress.leave("goes on without us");
    Error::new("interrupted: what AWS has begun goes on without us").hint(goes_on(what.resume)).exit(exit::INTERRUPTED)
}

fn goes_on(resume: &str) -> String {
    format!("`{resume}` goes on from there")
}

/// Ctrl-C at a prompt reaches us as an error of the prompt, which may have hidden the cursor.
fn is_of_a_prompt(error: &Error) -> bool {
    let interrupted = |error: &io::Error| error.kind() == io::ErrorKind::Interrupted;
    let is_of_a_prompt = error.find::<io::Error>().is_some_and(interrupted)
        || matches!(error.find::<dialoguer::Error>(), Some(dialoguer::Error::IO(error)) if interrupted(error));
    if is_of_a_prompt {
        show_cursor();
    }
    is_of_a_prompt
}

/// What hides the cursor shows it again only if it ends in order.
fn show_cursor() {
    // Where there is no terminal, nothing is hidden.
    let _ = console::Term::stderr().show_cursor();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_letter_or_a_word_and_anything_else_goes_on() {
        assert_eq!(parse("k\n", true), Answer::KeepRunning);
        assert_eq!(parse("Cancel\n", true), Answer::Cancel);
        assert_eq!(parse(" q \n", false), Answer::Quit);
        // Only an update can be cancelled.
        assert_eq!(parse("c\n", false), Answer::GoOn);
        assert_eq!(parse("\n", true), Answer::GoOn);
    }

    #[test]
    fn an_interrupted_prompt_is_an_interrupt() {
        let prompt = Error::from(dialoguer::Error::IO(io::ErrorKind::Interrupted.into()));
        assert!(is_of_a_prompt(&prompt));
        assert!(!is_of_a_prompt(&Error::new("other")));
    }
}
