use std::fs::{self, DirBuilder};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{Layout, setup};

/// A message bus like a desktop session's, with GNOME's keyring on it. Dropping it ends both.
pub struct Keyring {
    bus: Child,
    address: String,
}

/// Whose password it is.
const PASSWORD: &str = "of-the-keyring";

/// The name that a keyring has on the bus, by the Secret Service's specification.
const SERVICE: &str = "org.freedesktop.secrets";

impl Keyring {
    /// One that its owner has unlocked. It is kept below `home`: another one there has what this one had.
    pub fn unlocked(layout: &Layout, home: &Path) -> Result<Self> {
        Self::start(layout, home, Some("--unlock"))
    }

    /// The same, locked, where nobody is asked for the password.
    pub fn locked(layout: &Layout, home: &Path) -> Result<Self> {
        Self::start(layout, home, Some(""))
    }

    /// A bus without a keyring.
    pub fn none(layout: &Layout, home: &Path) -> Result<Self> {
        Self::start(layout, home, None)
    }

    /// What programs find the bus by: `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn start(layout: &Layout, home: &Path, keyring: Option<&str>) -> Result<Self> {
        let directory = home.join("keyring");
        let services = directory.join("services");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&services)
            .context("can't make the keyring's directory")?;
        let config = directory.join("bus.conf");
        fs::write(&config, bus(&directory, &services)).context("can't write the bus's settings")?;
        let service = services.join(format!("{SERVICE}.service"));
        match keyring {
            Some(options) => offer(layout, &directory, &service, options)?,
            None => drop(fs::remove_file(service)),
        }
        let daemon = setup::program(layout, "dbus-daemon").context("no `dbus-daemon`")?;
        let mut command = Command::new(daemon);
        command.arg("--nofork").arg("--print-address=1").arg("--config-file").arg(config).env_clear();
        command.env("HOME", &directory).env("XDG_RUNTIME_DIR", &directory).env("PATH", "/usr/bin:/bin");
        command.env("LD_LIBRARY_PATH", setup::libraries(layout));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut keyring = Self { bus: command.spawn().context("can't start `dbus-daemon`")?, address: String::new() };
        let stdout = keyring.bus.stdout.take().context("the bus has no output")?;
        BufReader::new(stdout).read_line(&mut keyring.address).context("the bus does not say where it is")?;
        keyring.address.truncate(keyring.address.trim_end().len());
        ensure!(!keyring.address.is_empty(), "the bus ended at once");
        Ok(keyring)
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

/// Tells the bus how to start the keyring, which it does for the first who asks, whose message it holds until then.
fn offer(layout: &Layout, directory: &Path, service: &Path, options: &str) -> Result<()> {
    let daemon = setup::program(layout, "gnome-keyring-daemon").context("no `gnome-keyring-daemon`")?;
    fs::write(directory.join("password"), PASSWORD).context("can't write the keyring's password")?;
    let daemon = daemon.display();
    let start = format!("exec '{daemon}' --foreground --components=secrets {options} <\"$HOME/password\"\n");
    let script = directory.join("start");
    fs::write(&script, start).context("can't write how the keyring starts")?;
    let text = format!("[D-BUS Service]\nName={SERVICE}\nExec=/bin/sh {}\n", script.display());
    fs::write(service, text).context("can't write the keyring's service")
}

/// A bus for one user, on which everybody may talk to everybody.
fn bus(directory: &Path, services: &Path) -> String {
    format!(
        "<busconfig><type>session</type><listen>unix:dir={}</listen><auth>EXTERNAL</auth><servicedir>{}</servicedir>\
         <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>\
         <allow own=\"*\"/></policy></busconfig>\n",
        directory.display(),
        services.display(),
    )
}
