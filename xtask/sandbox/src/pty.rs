use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use pty_process::{Size, blocking};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::termios::{LocalModes, tcgetattr};

/// A program on a terminal of its own: its controlling terminal, so that a typed Ctrl-C interrupts it. Dropping this kills it.
///
/// Nothing here is async: whoever runs a sandbox on the same thread must not wait here.
pub struct Pty {
    terminal: blocking::Pty,
    parser: vt100::Parser,
    news: Receiver<News>,
    output: Vec<Chunk>,
    leader: Pid,
    status: Option<ExitStatus>,
}

/// What the program wrote at one time.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// When it arrived, counted from the program's start.
    pub at: Duration,
    /// The bytes, with all their escape sequences. A character may go on in the next chunk.
    pub bytes: Vec<u8>,
}

enum News {
    Output(Chunk),
    Ended(ExitStatus),
}

impl Pty {
    /// Starts `command` on a terminal of this size, as the leader of a session. All of its standard streams are the terminal;
    /// `TERM` is set, and what else of the environment steers colours is the caller's.
    pub fn spawn(mut command: Command, columns: u16, rows: u16) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.env("TERM", "xterm-256color");
        let (terminal, child_end) = blocking::open().context("can't open a terminal")?;
        terminal.resize(Size::new(rows, columns)).context("can't size the terminal")?;
        let (width, height) = size(columns, rows)?;
        let reader = File::from(terminal.as_fd().try_clone_to_owned().context("can't share the terminal")?);
        let started = Instant::now();
        let child = blocking::Command::from(command).spawn(child_end);
        let child = child.with_context(|| format!("can't start `{program}` on a terminal"))?;
        let leader = Pid::from_raw(child.id().cast_signed()).context("the child has no process id")?;
        let (sender, news) = mpsc::channel();
        thread::spawn(move || read(reader, child, started, &sender));
        let parser = vt100::Parser::new(height, width, 0);
        Ok(Self { terminal, parser, news, output: Vec::new(), leader, status: None })
    }

    /// Types: `\r` is Enter, `\x03` is Ctrl-C, `\x1b[B` is the arrow down.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        self.terminal.write_all(text.as_bytes()).context("can't type on the terminal")
    }

    /// Another size, of which the program is told by SIGWINCH.
    pub fn resize(&mut self, columns: u16, rows: u16) -> Result<()> {
        let (width, height) = size(columns, rows)?;
        self.parser.set_size(height, width);
        self.terminal.resize(Size::new(rows, columns)).context("can't size the terminal")
    }

    /// Waits until the screen is as wanted. An error, which shows the screen, if the program ends or `patience` runs out before.
    pub fn wait_for(&mut self, wanted: impl Fn(&vt100::Screen) -> bool, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !wanted(self.parser.screen()) {
            if let Some(status) = self.status {
                bail!("the program ended with {status} before its screen was as wanted:\n{}", self.screen());
            }
            self.next(deadline).with_context(|| format!("not on the screen after {patience:?}:\n{}", self.screen()))?;
        }
        Ok(())
    }

    /// Waits until the program has ended and all that it wrote is read.
    pub fn wait(&mut self, patience: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.status {
                return Ok(status);
            }
            self.next(deadline).with_context(|| format!("still running after {patience:?}:\n{}", self.screen()))?;
        }
    }

    /// Takes in what has arrived until now, without waiting; how the program ended, if it has.
    pub fn poll(&mut self) -> Option<ExitStatus> {
        while let Ok(news) = self.news.try_recv() {
            self.take(news);
        }
        self.status
    }

    /// Whether the program reads single keys, as a prompt does, rather than lines.
    pub fn reads_keys(&self) -> Result<bool> {
        let modes = tcgetattr(&self.terminal).context("can't read the terminal's modes")?;
        Ok(!modes.local_modes.contains(LocalModes::ICANON))
    }

    /// Whether what is typed is shown: neither single keys nor a secret are being read.
    pub fn echoes(&self) -> Result<bool> {
        let modes = tcgetattr(&self.terminal).context("can't read the terminal's modes")?;
        Ok(modes.local_modes.contains(LocalModes::ECHO))
    }

    /// What is on the screen, as far as it was waited for. Rows end where their text ends.
    pub fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// All that was written, as far as it was waited for.
    pub fn output(&self) -> &[Chunk] {
        &self.output
    }

    /// Signals the program and those that it started, as long as it runs.
    pub fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            // An error means that it is gone already.
            let _ = kill_process_group(self.leader, signal);
        }
    }

    fn next(&mut self, deadline: Instant) -> Result<()> {
        match self.news.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(news) => self.take(news),
            Err(RecvTimeoutError::Timeout) => bail!("it took too long"),
            Err(RecvTimeoutError::Disconnected) => bail!("how the program ended can't be told"),
        }
        Ok(())
    }

    fn take(&mut self, news: News) {
        match news {
            News::Output(chunk) => {
                self.parser.process(&chunk.bytes);
                self.output.push(chunk);
            }
            News::Ended(status) => self.status = Some(status),
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

fn size(columns: u16, rows: u16) -> Result<(NonZeroU16, NonZeroU16)> {
    let (columns, rows) = (NonZeroU16::new(columns), NonZeroU16::new(rows));
    columns.zip(rows).ok_or_else(|| anyhow!("a terminal has a column and a row at least"))
}

/// Reads to the end, which comes at the latest when the session's leader ends; then there is no more to wait for but its status.
fn read(mut terminal: File, mut child: Child, started: Instant, news: &Sender<News>) {
    let mut buffer = [0; 16 * 1024];
    // Linux says EIO where others say that it is the end.
    while let Ok(length @ 1..) = terminal.read(&mut buffer) {
        let chunk = Chunk { at: started.elapsed(), bytes: buffer[..length].to_vec() };
        // Nobody listens: read on, or the program could not write, and so not end.
        let _ = news.send(News::Output(chunk));
    }
    if let Ok(status) = child.wait() {
        let _ = news.send(News::Ended(status));
    }
}
