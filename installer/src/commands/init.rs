//! `runvoy init`.

use std::path::PathBuf;

use dialoguer::Confirm;
use runvoy_api::{
    infra::{API_KEYS, KeyRow, Sentinel, name, output, validate_stack_name},
    key::ApiKey,
};

use crate::{
    aws::Aws,
    config::Config,
    deploy::{
        admin::{self, Admin},
        answers::Answers,
        artifact::Artifact,
        build::Source,
        plan, preflight,
        progress::Progress,
        questions::{self, Flags},
        stack::{self, Deployed, Wanted},
        status::Move,
        until_interrupted, upload, verify,
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
    /// Name of the deployment, and of the profile that is saved for it
    #[arg(long, value_name = "NAME", default_value = "runvoy", value_parser = stack_name)]
    stack_name: String,
    /// AWS region [default: the one of the AWS profile or `AWS_REGION`]
    #[arg(long)]
    region: Option<String>,
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
    let aws = Aws::connect(args.region.as_deref()).await?;
    let source = Source::find(args.artifact.as_deref()).await?;
    let checkout = match &source {
        Source::Checkout(root) => Some(root.as_path()),
        Source::Zip(_) => None,
    };
    let report = preflight::run(&aws, &args.stack_name, checkout, args.flags.architecture).await;
    report.show();
    if report.failed() {
        return Err(Error::new("something is in the way of the deployment; nothing was changed").exit(3));
    }
    let deployed = deployed_answers(&aws, &args.stack_name).await?;
    let exists = deployed.is_some();
    let answers = questions::answer(args.flags, deployed, can_ask)?;
    plan::show(&aws, &args.stack_name, &answers, exists);
    if args.dry_run {
        return ui::write(&templates::main(&args.stack_name, &answers)?);
    }
    if can_ask && !Confirm::new().with_prompt("Go ahead?").default(true).interact()? {
        return Err(Error::new("nothing was changed").exit(5));
    }
    let resume = format!("runvoy init --stack-name {} --region {}", args.stack_name, aws.region);
    let service_linked_role = report.service_linked_role;
    let progress = Progress::new();
    let view = progress.clone();
    aws.on_notice(move |text| view.say(text));
    let deployment = Deployment { aws, stack: args.stack_name, answers, service_linked_role, progress };
    until_interrupted(deployment.deploy(source, &mut config), &resume).await
}

fn stack_name(text: &str) -> Result<String, String> {
    validate_stack_name(text).map(|()| text.to_owned())
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
    service_linked_role: bool,
    progress: Progress,
}

impl Deployment {
    async fn deploy(&self, source: Source, config: &mut Config) -> Result<()> {
        if !self.service_linked_role {
            let step = self.progress.step("create ECS's service-linked role");
            preflight::create_service_linked_role(&self.aws, &step).await?;
            step.done("");
        }
        let (bucket, artifact) = tokio::try_join!(self.bucket_stack(), self.build(source))?;
        self.upload(&bucket, &artifact).await?;
        let main = self.main_stack(&bucket, &artifact).await?;
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

    async fn main_stack(&self, bucket: &str, artifact: &Artifact) -> Result<Deployed> {
        let step = self.progress.step("set up everything else");
        let template = templates::main(&self.stack, &self.answers)?;
        let wanted = Wanted {
            name: self.stack.clone(),
            deployment: &self.stack,
            template: &template,
            template_url: Some(upload::template(&self.aws, bucket, &template).await?),
            parameters: vec![
                (parameter::ARTIFACT_BUCKET, bucket.to_owned()),
                (parameter::ARTIFACT_KEY, artifact.key()),
            ],
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
