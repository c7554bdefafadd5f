//! `runvoy init`.

use std::path::PathBuf;

use dialoguer::Confirm;
use runvoy_api::{
    infra::{API_KEYS, KeyRow, Sentinel, name, output},
    key::ApiKey,
};

use crate::{
    aws::Aws,
    config::Config,
    deploy::{
        admin::{self, Admin},
        answers::{Answers, Viewer},
        artifact::Artifact,
        build::Source,
        plan,
        progress::Progress,
        questions::{self, Ask, Flags, NameFlags},
        rates::Rates,
        stack::{self, Deployed, Wanted},
        status::Move,
        until_interrupted, upload, verify, viewer,
    },
    error::{Error, Result},
    templates::{self, parameter},
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy init
  runvoy init --yes --region eu-west-1 --admin-email you@example.com
  runvoy init --stack-name runvoy-staging --task-permissions power-user
  runvoy init --dry-run --yes > main.yaml";

/// Arguments of `runvoy init`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Don't ask: take flags and defaults
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    name: NameFlags,
    /// AWS region [default: the one of the AWS profile or `AWS_REGION`]
    #[arg(long, value_parser = questions::region)]
    region: Option<String>,
    /// Ask every question again, with the deployment's present answers as defaults
    #[arg(long, conflicts_with = "yes")]
    ask: bool,
    #[command(flatten)]
    flags: Flags,
    /// Deploy this zip instead of building one from the checkout
    #[arg(long, value_name = "ZIP")]
    artifact: Option<PathBuf>,
    /// Show the plan, print the main stack's template and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Deploys runvoy into an AWS account, or updates it there, and proves that it works.
pub async fn run(args: Args) -> Result<()> {
    let can_ask = ui::can_ask() && !args.yes;
    if !can_ask && !args.yes && !args.dry_run {
        let hint = "add `--yes` to take flags and defaults; `runvoy init --help` lists the flags";
        return Err(Error::new("there is no terminal to ask questions on").hint(hint).exit(2));
    }
    let mut config = Config::load()?;
    let place = questions::place(args.name.name()?, args.region, questions::default_region().await, can_ask)?;
    let aws = Aws::connect(Some(&place.region)).await?;
    let source = Source::find(args.artifact.as_deref()).await?;
    let deployed = deployed_answers(&aws, &place.stack).await?;
    let exists = deployed.is_some();
    let ask = match can_ask {
        true if args.ask => Ask::Everything,
        true => Ask::First,
        false => Ask::Never,
    };
    let answers = questions::answer(args.flags, deployed, ask)?;
    plan::show(&aws, &place.stack, &answers, &Rates::for_region(&aws.region), exists)?;
    if args.dry_run {
        return ui::write(&templates::main(&place.stack, &answers)?);
    }
    if can_ask && !Confirm::new().with_prompt("Go ahead?").default(true).interact()? {
        return Err(Error::new("nothing was changed").exit(5));
    }
    let resume = format!("runvoy init --stack-name {} --region {}", place.stack, aws.region);
    let deployment = Deployment { aws, stack: place.stack, answers, progress: Progress::new() };
    until_interrupted(deployment.deploy(source, &mut config), &resume).await
}

/// The choices of the deployment as it is, if there is more of it than a name.
async fn deployed_answers(aws: &Aws, name: &str) -> Result<Option<Answers>> {
    let Some(found) = stack::find(aws, name).await? else { return Ok(None) };
    if Move::from(found.stack_status()) == Move::Create {
        return Ok(None);
    }
    stack::check_ours(&found, name)?;
    let unknown = || {
        let problem =
            format!("the deployment `{name}` was made by another release of runvoy, in a way that this one can't read");
        Error::new(problem).hint("use a newer release of runvoy")
    };
    templates::answers(&stack::template(aws, name).await?).map(Some).ok_or_else(unknown)
}

struct Deployment {
    aws: Aws,
    stack: String,
    answers: Answers,
    progress: Progress,
}

impl Deployment {
    async fn deploy(&self, source: Source, config: &mut Config) -> Result<()> {
        let (bucket, artifact) = tokio::try_join!(self.bucket_stack(), self.build(source))?;
        self.upload(&bucket, &artifact).await?;
        let viewer = self.viewer().await?;
        let mut main = self.main_stack(&bucket, &artifact, viewer.clone()).await?;
        // AWS has just made the viewer's address up: now log links can lead there.
        let now = self.viewer().await?;
        if now != viewer {
            main = self.main_stack(&bucket, &artifact, now).await?;
        }
        let endpoint = main.output(output::API_ENDPOINT)?;
        let admin = self.seed(endpoint, config).await?;
        self.verify(endpoint, &admin).await?;
        self.report(endpoint, &admin, config)
    }

    async fn bucket_stack(&self) -> Result<String> {
        let step = self.progress.step("set up the bucket");
        let template = templates::bucket(&self.stack)?;
        let wanted = Wanted {
            name: name::bucket_stack(&self.stack),
            deployment: &self.stack,
            template: &template,
            template_url: None,
            parameters: vec![],
        };
        let deployed = stack::deploy(&self.aws, &wanted, &self.progress).await?;
        step.done(deployed.note());
        Ok(deployed.output(output::BUCKET_NAME)?.to_owned())
    }

    async fn build(&self, source: Source) -> Result<Artifact> {
        let architecture = self.answers.architecture;
        let step = self.progress.step(format!("get the orchestrator's code ({})", architecture.lambda()));
        let artifact = source.artifact(architecture, &step).await?;
        step.done(&format!("{} KB", artifact.bytes.len().div_ceil(1024)));
        Ok(artifact)
    }

    async fn upload(&self, bucket: &str, artifact: &Artifact) -> Result<()> {
        let step = self.progress.step("upload the code");
        let uploaded = upload::artifact(&self.aws, bucket, artifact).await?;
        step.done(if uploaded { "" } else { "it is there already" });
        Ok(())
    }

    async fn viewer(&self) -> Result<Option<String>> {
        match self.answers.viewer {
            Viewer::Cloudfront => viewer::publish(&self.aws, &self.stack).await,
            Viewer::FunctionUrl => Ok(None),
        }
    }

    async fn main_stack(&self, bucket: &str, artifact: &Artifact, viewer: Option<String>) -> Result<Deployed> {
        let step = self.progress.step("set up everything else");
        if self.answers.viewer == Viewer::FunctionUrl {
            viewer::withdraw(&self.aws, &self.stack, &step).await?;
        }
        let template = templates::main(&self.stack, &self.answers)?;
        let mut parameters =
            vec![(parameter::ARTIFACT_BUCKET, bucket.to_owned()), (parameter::ARTIFACT_KEY, artifact.key())];
        parameters.extend(viewer.map(|url| (parameter::VIEWER_URL, url)));
        let wanted = Wanted {
            name: self.stack.clone(),
            deployment: &self.stack,
            template: &template,
            template_url: Some(upload::template(&self.aws, bucket, &template).await?),
            parameters,
        };
        let deployed = stack::deploy(&self.aws, &wanted, &self.progress).await?;
        step.done(deployed.note());
        Ok(deployed)
    }

    async fn seed(&self, endpoint: &str, config: &mut Config) -> Result<Admin> {
        let step = self.progress.step("register the first admin");
        let admin = admin::seed(&self.aws, &self.stack, endpoint, &self.answers.admin_email, config).await?;
        match &admin {
            Admin::New(_) => step.done(&self.answers.admin_email),
            Admin::Known(_) => step.done("nothing to change"),
            Admin::Elsewhere(owner) => step.skipped(&format!("{owner} is it already, and this machine has no key")),
        }
        Ok(admin)
    }

    async fn verify(&self, endpoint: &str, admin: &Admin) -> Result<()> {
        let step = self.progress.step("call the API");
        let verified = verify::call(endpoint, admin.key(), &step).await?;
        let version = verified.version;
        step.done(&match verified.user {
            Some(user) => format!("version {version} answers {} ({})", ui::printable(&user.email), user.role),
            None => format!("version {version} answers"),
        });
        Ok(())
    }

    /// The result. A new key is shown this once.
    fn report(&self, endpoint: &str, admin: &Admin, config: &Config) -> Result<()> {
        let Self { stack, aws, .. } = self;
        ui::line(format_args!("endpoint  {endpoint}"))?;
        match admin {
            Admin::New(key) => {
                ui::line(format_args!("profile   {stack} (in {})", config.path().display()))?;
                ui::line(format_args!("admin     {}", self.answers.admin_email))?;
                ui::line(format_args!("key       {}", key.reveal()))?;
                let current = config.profile_name(None) == stack;
                let profile = if current { String::new() } else { format!("--profile {stack} ") };
                ui::note(format_args!("The key is shown this once. Try it: `runvoy {profile}exec 'echo hello'`"));
            }
            Admin::Known(_) => ui::line(format_args!("profile   {stack} (in {})", config.path().display()))?,
            Admin::Elsewhere(owner) => {
                let (table, region) = (API_KEYS.name(stack), &aws.region);
                let key = format!(r#"{{"{}":{{"S":"{}"}}}}"#, KeyRow::HASH, Sentinel::FIRST_ADMIN);
                ui::note(format_args!(
                    "To use it from here, ask {owner} for a key (`runvoy admin add-user`) and run `runvoy configure`.\n\
                     If nobody has an admin's key any more, this makes room for a new first admin, whom the next \
                     `runvoy init --admin-email` registers:\n  \
                     aws dynamodb delete-item --region {region} --table-name {table} --key '{key}'"
                ));
            }
        }
        Ok(())
    }
}

impl Deployed {
    fn note(&self) -> &'static str {
        if self.changed { "" } else { "nothing to change" }
    }

    fn output(&self, name: &str) -> Result<&str> {
        self.outputs
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| Error::new(format!("the stack has no output `{name}`")))
    }
}

impl Admin {
    fn key(&self) -> Option<&ApiKey> {
        match self {
            Self::New(key) | Self::Known(key) => Some(key),
            Self::Elsewhere(_) => None,
        }
    }
}
