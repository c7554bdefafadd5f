//! Git servers on loopback with private repositories: https with a token, ssh with a key.

use std::{
    fs,
    io::{BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use runvoy_sandbox::{Layout, setup};

use crate::world::{line, until};

pub const USER: &str = "reader";

/// Has what URL and base64 encodings change.
pub const TOKEN: &str = "plant3d+t0ken/with=odd&chars~";

pub struct Forge {
    directory: tempfile::TempDir,
    https: Child,
    ssh: Child,
    pub https_port: u16,
    pub ssh_port: u16,
}

impl Drop for Forge {
    fn drop(&mut self) {
        for child in [&mut self.https, &mut self.ssh] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Forge {
    pub fn start(layout: &Layout) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        certificates(&root);
        keys(&root);
        fs::create_dir(root.join("repos")).unwrap();
        let (https, https_port) = serve_https(layout, &root);
        let (ssh, ssh_port) = serve_ssh(layout, &root);
        let forge = Self { directory, https, ssh, https_port, ssh_port };
        forge.fill();
        forge
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    /// An https address of the private repository.
    pub fn https(&self, path: &str) -> String {
        format!("https://localhost:{}/{path}", self.https_port)
    }

    /// An ssh address of it.
    pub fn ssh(&self) -> String {
        let user = sh(&self.path(""), "id -un");
        format!("ssh://{user}@localhost:{}{}", self.ssh_port, self.path("repos/acme/infra.git").display())
    }

    pub fn key(&self) -> String {
        fs::read_to_string(self.path("client")).unwrap()
    }

    pub fn known_hosts(&self) -> String {
        format!("[localhost]:{} {}", self.ssh_port, fs::read_to_string(self.path("host.pub")).unwrap())
    }

    /// The commit that `name` leads to.
    pub fn commit(&self, name: &str) -> String {
        sh(&self.path("repos/acme/infra.git"), &format!("git rev-parse {name}"))
    }

    /// Whether the servers wait before they answer.
    pub fn hold(&self, held: bool) {
        let file = self.path("repos/hold");
        if held { fs::write(file, "").unwrap() } else { fs::remove_file(file).unwrap() }
    }

    /// A repository with a branch, a tag, a submodule and a large file, and a public one.
    fn fill(&self) {
        let module = self.https("acme/module.git");
        let script = format!(
            "export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com
            export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
            set -e
            git init -q -b main module; cd module; echo module >m; git add .; git commit -qm m; cd ..
            mkdir -p repos/lfs; echo large >large; oid=$(sha256sum <large | cut -c1-64); mv large repos/lfs/$oid
            git init -q -b main infra; cd infra; mkdir -p prod
            printf 'big filter=lfs diff=lfs merge=lfs -text\n' >.gitattributes
            printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 6\n' $oid >big
            echo first >hello; printf '#!/bin/sh\\necho ran\\n' >run; chmod +x run; echo prod >prod/where
            git add .; git commit -qm one; git tag v1
            echo second >hello; git commit -qam two; git checkout -q -b dev; echo dev >hello; git commit -qam three
            git checkout -q main
            printf '[submodule \"module\"]\\n\\tpath = module\\n\\turl = {module}\\n' >.gitmodules
            git update-index --add --cacheinfo 160000,$(git -C ../module rev-parse HEAD),module
            git add .gitmodules; git commit -qm four; cd ..
            mkdir -p repos/acme repos/public
            for name in infra module; do git clone -q --bare $name repos/acme/$name.git; done
            git clone -q --bare infra repos/public/infra.git"
        );
        sh(&self.path(""), &script);
    }
}

/// A certificate for localhost, and the authority that made it.
fn certificates(root: &Path) {
    let script = "
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test \
            -keyout ca.key -out ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout tls.key -out tls.csr
        printf 'subjectAltName=DNS:localhost' >tls.ext
        openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -days 2 -extfile tls.ext -out tls.pem";
    sh(root, script);
}

fn keys(root: &Path) {
    sh(root, "for name in host client; do ssh-keygen -q -t ed25519 -N '' -C test -f $name; done");
}

fn serve_https(layout: &Layout, root: &Path) -> (Child, u16) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/forge/https.py");
    let mut server = Command::new(setup::ENGINE.bin(layout).join("python"));
    let mut child = server.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let path = |name: &str| root.join(name).display().to_string();
    let settings = [path("tls.pem"), path("tls.key"), path("repos"), format!("{USER}:{TOKEN}")].join("\n");
    // By its input: the token must be in no argument of any process.
    child.stdin.take().unwrap().write_all(settings.as_bytes()).unwrap();
    let port = line(&mut BufReader::new(child.stdout.take().unwrap())).trim().parse().unwrap();
    (child, port)
}

/// OpenSSH's server as this user. Root's wants a user and a directory of its own, which it gets in a namespace.
fn serve_ssh(layout: &Layout, root: &Path) -> (Child, u16) {
    let sshd = setup::program(layout, "sshd").expect("`cargo xtask test` sets up sshd");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/client.pub\nStrictModes no\n\
         UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
         PidFile none\nSetEnv PATH={1}\n",
        root.display(),
        std::env::var("PATH").unwrap(),
    );
    fs::write(root.join("sshd_config"), config).unwrap();
    // It ends with this process, as the other one does.
    let serve = format!(
        "{} -D -e -f {}/sshd_config & while kill -0 {} 2>/dev/null; do sleep 1; done; kill $!",
        sshd.display(),
        root.display(),
        std::process::id()
    );
    let as_root = format!(
        "mount -t tmpfs none /run && mkdir -m 755 /run/sshd && cat /etc/passwd >/run/passwd &&
         {{ grep -q ^sshd: /run/passwd || echo sshd:x:74:74::/run/sshd:/bin/false >>/run/passwd; }} &&
         mount --bind /run/passwd /etc/passwd || exit 1; {serve}"
    );
    let mut command = match rustix::process::getuid().is_root() {
        true => {
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", &as_root]);
            command
        }
        false => {
            let mut command = Command::new("sh");
            command.args(["-c", &serve]);
            command
        }
    };
    command.env("LD_LIBRARY_PATH", setup::libraries(layout)).stdin(Stdio::null());
    let said = fs::File::create(root.join("sshd.log")).unwrap();
    let child = command.stdout(Stdio::null()).stderr(said).spawn().unwrap();
    until("sshd listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    (child, port)
}

fn sh(directory: &Path, script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
