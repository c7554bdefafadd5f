//! What git knows of the folder that we are in.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use runvoy_api::repo::Remote;

/// The top of the work tree that `folder` is in: the nearest folder upwards with a `.git`, which is a file in a linked
/// work tree.
pub fn root(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.join(".git").exists())
}

/// A work tree whose repository can be reached from elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkTree {
    /// Its top.
    pub root: PathBuf,
    /// The remote's address, without credentials.
    pub remote: String,
    /// The branch; none on a commit of its own.
    pub branch: Option<String>,
    /// The newest commit that the remote has, as far as is known here: that of the work tree, or of its upstream.
    pub pushed: Option<String>,
    /// Whether the work tree has commits beyond that.
    pub is_ahead: bool,
    /// How many files differ from the work tree's commit, new ones included.
    pub changed: usize,
}

/// Looks at the work tree that `folder` is in. `None` where there is none, where it has no remote that a container could
/// reach, and where git can't tell.
pub fn look(folder: &Path) -> Option<WorkTree> {
    let root = root(folder)?;
    let status = git(root, &["status", "--porcelain=v2", "--branch", "--untracked-files=normal"])?;
    let header = |name: &str| status.lines().find_map(|line| line.strip_prefix("# branch.")?.strip_prefix(name));
    let remote = remote(root, header("upstream "))?;
    let head = header("oid ").filter(|oid| *oid != "(initial)");
    let is_pushed = |commit: &str| {
        let refs =
            git(root, &["for-each-ref", "--count=1", "--contains", commit, "--format=%(refname)", "refs/remotes"]);
        refs.is_some_and(|refs| !refs.is_empty())
    };
    let head_is_pushed =
        head.is_some_and(|head| header("ab ").is_some_and(|ab| ab.starts_with("+0 ")) || is_pushed(head));
    let upstream = || git(root, &["rev-parse", "--verify", "--quiet", "@{upstream}"]);
    Some(WorkTree {
        root: root.to_owned(),
        remote,
        branch: header("head ").filter(|name| *name != "(detached)").map(str::to_owned),
        pushed: if head_is_pushed { head.map(str::to_owned) } else { upstream() },
        is_ahead: !head_is_pushed,
        changed: status.lines().filter(|line| !line.starts_with('#')).count(),
    })
}

/// The address of the branch's own remote, else of `origin`, else of the only one.
fn remote(root: &Path, upstream: Option<&str>) -> Option<String> {
    let names = git(root, &["remote"])?;
    let names: Vec<&str> = names.lines().collect();
    // `origin/main`: remotes may have slashes in their names, too.
    let of_branch = names.iter().find(|name| upstream.is_some_and(|up| up.starts_with(&format!("{name}/"))));
    let origin = || names.iter().find(|name| **name == "origin");
    let only = || names.first().filter(|_| names.len() == 1);
    let name = of_branch.or_else(origin).or_else(only)?;
    let url = without_credentials(&git(root, &["remote", "get-url", name])?);
    Remote::parse(&url).is_ok().then_some(url)
}

/// People keep tokens in the addresses of their clones. Those are theirs and go nowhere.
fn without_credentials(url: &str) -> String {
    let Some((scheme @ "https", rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}

/// What git prints, if it can.
fn git(root: &Path, args: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(args).env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(root: &Path, line: &str) {
        let who = "-c user.name=n -c user.email=e@example.com -c init.defaultBranch=main -c protocol.file.allow=always";
        let args = format!("{who} {line}");
        let output = Command::new("git").arg("-C").arg(root).args(args.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn a_clone_tells_what_is_pushed_and_what_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let (server, clone) = (scratch.path().join("server"), scratch.path().join("clone"));
        for folder in [&server, &clone] {
            std::fs::create_dir(folder).unwrap();
        }
        run(&server, "init --quiet --bare");
        run(&clone, "init --quiet");
        assert_eq!(look(&clone), None, "it has no remote");
        run(&clone, "remote add origin https://me:t0ken@git.example.com/acme/app.git");
        let new = look(&clone).unwrap();
        assert_eq!(new.remote, "https://git.example.com/acme/app.git");
        assert_eq!((new.branch.as_deref(), new.pushed, new.is_ahead), (Some("main"), None, true));
        std::fs::write(clone.join("a"), "1").unwrap();
        run(&clone, "add a");
        run(&clone, "commit --quiet -m one");
        assert_eq!((look(&clone).unwrap().pushed, look(&clone).unwrap().changed), (None, 0));
        run(&clone, &format!("push --quiet {} main", server.display()));
        run(&clone, &format!("fetch --quiet {} main:refs/remotes/origin/main", server.display()));
        run(&clone, "branch --quiet --set-upstream-to origin/main");
        let pushed = look(&clone).unwrap();
        assert_eq!((pushed.pushed.as_ref().map(String::len), pushed.is_ahead, pushed.changed), (Some(40), false, 0));
        std::fs::create_dir(clone.join("sub")).unwrap();
        std::fs::write(clone.join("sub/b"), "2").unwrap();
        std::fs::write(clone.join("a"), "2").unwrap();
        run(&clone, "commit --quiet -a -m two");
        let ahead = look(&clone.join("sub")).unwrap();
        assert_eq!((ahead.pushed, ahead.is_ahead, ahead.changed), (pushed.pushed, true, 1));
        assert_eq!(ahead.root, clone);
    }

    #[test]
    fn what_no_container_can_reach_is_no_remote() {
        let scratch = tempfile::tempdir().unwrap();
        run(scratch.path(), "init --quiet");
        for url in ["/srv/app.git", "file:///srv/app.git", "http://git.example.com/app"] {
            run(scratch.path(), &format!("remote add origin {url}"));
            assert_eq!(look(scratch.path()), None, "{url}");
            run(scratch.path(), "remote remove origin");
        }
    }
}
