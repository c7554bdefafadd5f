//! An installation, step by step. Each step finds or makes, so the same command goes on from wherever the last one ended.

use runvoy_api::{
    infra::{name, output},
    key::ApiKey,
};

use super::{
    admin::{self, Admin},
    answers::{Answers, Viewer},
    artifact::Artifact,
    build::Source,
    destroy::{self, Site},
    estimate::Learned,
    preflight,
    progress::Progress,
    release::{self, LoadedRelease, Release},
    restore::Restore,
    stack::{self, Deployed, Guard, Wanted},
    upload,
    verify::{self, Verified},
    viewer,
};
use crate::{
    aws::Aws,
    config::Config,
    error::{Error, Result},
    templates::{self, parameter},
    ui,
};

/// One deployment, on its way to what it should be.
pub struct Installation<'a> {
    /// The account and region.
    pub aws: &'a Aws,
    /// The deployment's name.
    pub stack: &'a str,
    /// The admin's choices.
    pub answers: &'a Answers,
    /// How long things take in this account.
    pub learned: &'a Learned,
    /// The view.
    pub progress: &'a Progress,
    /// Whether these changes may be made, in so many updates: it refuses what touches data, and may ask.
    pub guard: Guard<'a>,
    /// Whether a command is run as the last proof, where anything is new.
    pub probe: bool,
    /// Rows to put into the tables before anybody can use the deployment.
    pub restore: Option<&'a Restore>,
}

/// What came of it.
pub struct Installed {
    /// Address of the API.
    pub endpoint: String,
    /// Who holds the first key.
    pub admin: Admin,
    /// Whether anything was changed in AWS.
    pub changed: bool,
}

impl Installation<'_> {
    /// Makes the deployment what it should be, and proves that it works.
    pub async fn install(&self, source: Source, service_linked_role: bool, config: &mut Config) -> Result<Installed> {
        if !service_linked_role {
            let step = self.progress.step("service-linked-role", "let ECS work in this account");
            preflight::create_service_linked_role(self.aws, &step).await?;
            step.done("");
        }
        let version = source.checkout().map(|_| env!("CARGO_PKG_VERSION"));
        let (bucket_template, template) =
            (templates::bucket(self.stack, self.answers)?, templates::main(self.stack, self.answers)?);
        let (bucket, artifact, ()) = tokio::try_join!(
            self.bucket_stack(&bucket_template),
            self.build(source),
            self.check(&bucket_template, &template)
        )?;
        let bucket_name = bucket.output(output::BUCKET_NAME)?;
        let mut release = self.upload(bucket_name, &artifact, &template).await?;
        let main = self.everything(&mut release).await?;
        let record = Release::new(&template, &release.parameters);
        // What was changed but never seen to work is not on record: the next run proves it.
        let is_new = main.changed || !release::is_recorded(self.aws, bucket_name, &record).await?;
        let changed = bucket.changed || main.changed;
        let reopened = self.reopen().await?;
        self.restore().await?;
        let admin = self.admin(main.output(output::API_ENDPOINT)?, config).await?;
        let installed = self.prove(&main, admin, &release, version, is_new).await?;
        if is_new {
            release::record(self.aws, bucket_name, &record).await?;
        }
        Ok(Installed { changed: changed || is_new || reopened, ..installed })
    }

    /// Puts an earlier release back: its template, its parameters and its code.
    pub async fn roll_back(&self, release: &LoadedRelease, config: &mut Config) -> Result<Installed> {
        let main = self.main_stack(release).await?;
        self.reopen().await?;
        let admin = self.admin(main.output(output::API_ENDPOINT)?, config).await?;
        // Which version that was need not be known: that its code runs is seen by its hash.
        Ok(Installed { changed: true, ..self.prove(&main, admin, release, None, true).await? })
    }

    async fn bucket_stack(&self, template: &str) -> Result<Deployed> {
        let step = self.progress.step("bucket-stack", "set up the bucket");
        let name = name::bucket_stack(self.stack);
        let wanted = Wanted { name, deployment: self.stack, template, template_url: None, parameters: vec![] };
        let deployed = stack::deploy(self.aws, &wanted, self.guard, self.learned, &step, self.progress).await?;
        step.done(deployed.note());
        Ok(deployed)
    }

    async fn build(&self, source: Source) -> Result<Artifact> {
        let architecture = self.answers.architecture;
        let step = self.progress.step("build", format!("get the orchestrator's code ({})", architecture.lambda()));
        let artifact = source.artifact(architecture, &step).await?;
        step.done(&format!("{} KB", artifact.bytes.len().div_ceil(1024)));
        Ok(artifact)
    }

    /// What AWS can say of the templates while the rest is still under way.
    async fn check(&self, bucket: &str, main: &str) -> Result<()> {
        let step = self.progress.step("template-checks", "check the templates");
        for (name, template) in [("bucket", bucket), ("main", main)] {
            stack::validate(self.aws, name, template).await?;
        }
        step.done("");
        Ok(())
    }

    async fn upload(&self, bucket: &str, artifact: &Artifact, template: &str) -> Result<LoadedRelease> {
        let step = self.progress.step("upload", "upload the code");
        let uploaded = upload::artifact(self.aws, bucket, artifact).await?;
        let template_url = upload::template(self.aws, bucket, template).await?;
        step.done(if uploaded { "" } else { "it is there already" });
        let parameters =
            vec![(parameter::ARTIFACT_BUCKET, bucket.to_owned()), (parameter::ARTIFACT_KEY, artifact.key())];
        Ok(LoadedRelease { template: template.to_owned(), template_url, parameters, artifact_sha256: artifact.sha256 })
    }

    /// The main stack, with the viewer's page where it has an address of its own.
    async fn everything(&self, release: &mut LoadedRelease) -> Result<Deployed> {
        if self.answers.viewer == Viewer::FunctionUrl {
            return self.main_stack(release).await;
        }
        // AWS makes the page's address up: it is known only once the stack stands.
        let fixed = release.parameters.clone();
        let mut known = viewer::publish(self.aws, self.stack).await?;
        loop {
            release.parameters.clone_from(&fixed);
            release.parameters.extend(known.clone().map(|url| (parameter::VIEWER_URL, url)));
            let main = self.main_stack(release).await?;
            let now = viewer::publish(self.aws, self.stack).await?;
            if now == known {
                return Ok(main);
            }
            known = now;
        }
    }

    async fn main_stack(&self, release: &LoadedRelease) -> Result<Deployed> {
        let step = self.progress.step("main-stack", "set up everything else");
        let wanted = Wanted {
            name: self.stack.to_owned(),
            deployment: self.stack,
            template: &release.template,
            template_url: Some(release.template_url.clone()),
            parameters: release.parameters.clone(),
        };
        if self.answers.viewer == Viewer::FunctionUrl {
            viewer::withdraw(self.aws, self.stack, &step).await?;
        }
        let deployed = stack::deploy(self.aws, &wanted, self.guard, self.learned, &step, self.progress).await?;
        step.done(deployed.note());
        Ok(deployed)
    }

    /// A removal that did not come to its end has left executions refused. Whether there was one.
    async fn reopen(&self) -> Result<bool> {
        let site = Site { aws: self.aws, deployment: self.stack };
        let Some(since) = destroy::since(site).await? else { return Ok(false) };
        let step = self.progress.step("reopen", "let executions start again");
        let lifted = destroy::lift(site).await?;
        step.done(&format!("a removal has kept them from it since {since}"));
        Ok(lifted)
    }

    async fn restore(&self) -> Result<()> {
        let Some(restore) = self.restore else { return Ok(()) };
        let step = self.progress.step("restore", "put the exported rows back");
        let summary = restore.run(Site { aws: self.aws, deployment: self.stack }, &step).await?;
        step.done(&summary);
        Ok(())
    }

    async fn admin(&self, endpoint: &str, config: &mut Config) -> Result<Admin> {
        let step = self.progress.step("admin", "register the first admin");
        let admin = admin::seed(self.aws, self.stack, endpoint, &self.answers.admin_email, config).await?;
        match &admin {
            Admin::New(_) => step.done(&self.answers.admin_email),
            Admin::Known(_) => step.done("nothing to change"),
            Admin::Elsewhere(owner) => step.skipped(&format!("{owner} is it already, and this machine has no key")),
        }
        Ok(admin)
    }

    /// The proof: calls through the real address with the real key.
    async fn prove(
        &self,
        main: &Deployed,
        admin: Admin,
        release: &LoadedRelease,
        version: Option<&str>,
        is_new: bool,
    ) -> Result<Installed> {
        let endpoint = main.output(output::API_ENDPOINT)?;
        let step = self.progress.step("verify", "see that it works");
        let request = verify::Request {
            endpoint,
            key: admin.key(),
            artifact_sha256: release.artifact_sha256,
            version,
            probe: self.probe && is_new,
        };
        let Verified { version, user, probe } = verify::run(self.aws, self.stack, &request, &step).await?;
        let ran = probe.map_or(String::new(), |id| format!(", and ran {id}"));
        let version = ui::printable(&version);
        step.done(&match user {
            Some(user) => format!("version {version} answers {} ({}){ran}", ui::printable(&user.email), user.role),
            None => format!("version {version} answers"),
        });
        Ok(Installed { endpoint: endpoint.to_owned(), admin, changed: main.changed })
    }
}

impl Deployed {
    fn note(&self) -> &'static str {
        if self.changed { "" } else { "nothing to change" }
    }

    /// An output of the stack.
    pub fn output(&self, name: &str) -> Result<&str> {
        let missing = || Error::new(format!("the stack has no output `{name}`"));
        self.outputs.get(name).map(String::as_str).ok_or_else(missing)
    }
}

impl Admin {
    /// Their key, if it is here.
    pub fn key(&self) -> Option<&ApiKey> {
        match self {
            Self::New(key) | Self::Known(key) => Some(key),
            Self::Elsewhere(_) => None,
        }
    }
}
