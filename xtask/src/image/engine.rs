//! What builds images.

/// The architectures that deployments can have.
const PLATFORMS: &str = "linux/amd64,linux/arm64";

/// One of the programs that do.
pub enum Engine {
    Docker,
    Podman,
    Buildah,
}

impl Engine {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Buildah => "buildah",
        }
    }

    /// Arguments for building it on this base, in its directory.
    pub fn build(&self, base: &str, tag: &str) -> Vec<String> {
        let base = format!("BASE={base}");
        match self {
            Self::Docker => words(&["buildx", "build", "--load", "--build-arg", &base, "--tag", tag, "."]),
            Self::Podman | Self::Buildah => words(&["build", "--build-arg", &base, "--tag", tag, "."]),
        }
    }

    /// Arguments for building it for all architectures and pushing them under one name. Docker's builder makes an SBOM;
    /// for the others' images `syft TAG` does.
    pub fn push(&self, base: &str, tag: &str) -> Vec<Vec<String>> {
        let base = format!("BASE={base}");
        let to = format!("docker://{tag}");
        let platform = ["--platform", PLATFORMS, "--build-arg", &base];
        match self {
            Self::Docker => {
                vec![words(
                    &[&["buildx", "build"], &platform[..], &["--sbom=true", "--push", "--tag", tag, "."]].concat(),
                )]
            }
            Self::Podman | Self::Buildah => vec![
                words(&[&["build"], &platform[..], &["--manifest", tag, "."]].concat()),
                words(&["manifest", "push", "--all", tag, &to]),
            ],
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_builds_on_the_locked_base() {
        for engine in [Engine::Docker, Engine::Podman, Engine::Buildah] {
            let all = [vec![engine.build("debian@sha256:0", "x")], engine.push("debian@sha256:0", "r/x:1")].concat();
            for command in all.iter().filter(|command| command[0] != "manifest") {
                assert!(command.contains(&"BASE=debian@sha256:0".to_owned()), "{command:?}");
            }
            assert!(engine.push("b", "r/x:1").concat().contains(&PLATFORMS.to_owned()));
        }
    }
}
