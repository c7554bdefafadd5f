//! `runvoy init`.

mod back;
mod deploy;
mod git;
mod show;

use std::{
    env,
    future::Future,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::value_parser;

use crate::{
    aws::Aws,
    config::Config,
    deploy::{
        answers::Answers,
        by_hand,
        existing::Existing,
        install::Installed,
        interrupt::{Interruptible, Interrupts},
        preflight,
        progress::{Event, Progress, View},
        questions::{self, Flags, NameFlags, Place},
        report::{self, Report},
    },
    error::{Error, Result},
    exit, ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy init
  runvoy init --yes --region eu-west-1 --admin-email you@example.com
  runvoy init --stack-name runvoy-staging --task-permissions power-user
  runvoy init --dry-run --yes
  runvoy init --print-template runvoy-templates --admin-email you@example.com
  runvoy init --update
  runvoy init --rollback";

/// The Price List's call.
const PRICES: &str = "AWSPriceListService.GetProducts";

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
    #[command(flatten)]
    flags: Flags,
    /// Ask every question again, with the deployment's present answers as defaults
    #[arg(long, conflicts_with = "yes")]
    ask: bool,
    /// Deploy this zip instead of building one from the checkout
    #[arg(long, value_name = "ZIP")]
    artifact: Option<PathBuf>,
    /// Change a deployment that is there already, and make none
    #[arg(long)]
    update: bool,
    /// Go back to the release before this one: its template, its parameters and its code
    #[arg(long, conflicts_with_all = ["update", "dry_run", "artifact", "ask"])]
    rollback: bool,
    /// Replace the first admin's key, which was lost; it takes AWS credentials only
    #[arg(long, conflicts_with_all = ["update", "rollback", "dry_run", "artifact", "ask"])]
    reissue_admin_key: bool,
    /// Let this resource be replaced or removed although it holds data; can be repeated
    #[arg(long, value_name = "LOGICAL_ID")]
    allow_replacing: Vec<String>,
    /// Put the tables of an export of `runvoy destroy` back, before anybody can use the deployment
    #[arg(long, value_name = "DIR", conflicts_with_all = ["rollback", "reissue_admin_key", "dry_run"])]
    restore: Option<PathBuf>,
    /// A token that a host's private repositories are read with, by the file that has it; `-` is stdin. More by repeating it;
    /// ssh keys and other changes by `runvoy admin git-credentials`
    #[arg(long = "git-token", value_name = "HOST=FILE", value_parser = git::GitToken::parse, conflicts_with_all = ["rollback", "reissue_admin_key", "dry_run", "print_template"])]
    git_tokens: Vec<git::GitToken>,
    /// Don't run a command as the last proof
    #[arg(long)]
    no_probe: bool,
    /// How long each check beforehand may take; what takes longer is unknown, and in nobody's way
    #[arg(long, value_name = "SECONDS", env = "RUNVOY_PREFLIGHT_SECONDS", default_value = preflight::LIMIT, value_parser = value_parser!(u64).range(1..=600))]
    preflight_seconds: u64,
    /// Show the plan, write the templates to a directory, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the templates for your own tools to this empty directory, with the steps in its README; asks AWS nothing
    #[arg(long, value_name = "DIR", conflicts_with_all = ["update", "rollback", "reissue_admin_key", "restore", "dry_run", "artifact", "ask", "json"])]
    print_template: Option<PathBuf>,
    /// Print JSON lines, by `docs/init-events.schema.json`; asks nothing
    #[arg(long)]
    json: bool,
}

/// Deploys runvoy into an AWS account, or changes it there, and proves that it works.
pub async fn run(args: Args) -> Result<()> {
    if let Some(directory) = &args.print_template {
        return print_template(directory, &args);
    }
    let (started, mut interrupts) = (Instant::now(), Interrupts::catch()?);
    let progress = Progress::new(View::choose(args.json));
    let is_json = args.json;
    let mut resume = None;
    let ended = match Init::new(args, progress.clone()) {
        Ok(mut init) => {
            let ended = init.run(&mut interrupts).await;
            if let Err(error) = &ended {
                init.card(error);
            }
            resume = init.resume;
            ended
        }
        Err(error) => Err(error),
    };
    progress.emit(&match &ended {
        Ok(None) => Event::Result(report::nothing(started.elapsed())),
        Ok(Some(report)) => Event::Result(report.result(started.elapsed())),
        Err(error) => Event::Result(report::failure(error, resume, started.elapsed())),
    });
    match ended? {
        Some(report) => {
            if !is_json {
                report.show()?;
            }
            report.shown().await?;
            report.trouble.map_or(Ok(()), Err)
        }
        None => Ok(()),
    }
}

/// For those who deploy with tools of their own.
fn print_template(directory: &Path, args: &Args) -> Result<()> {
    let stack = args.name.clone().name()?.unwrap_or_else(|| questions::DEFAULT_NAME.to_owned());
    let answers = questions::answer(args.flags.clone(), None, None, None)?;
    by_hand::write(directory, &stack, &answers)?.iter().try_for_each(|path| ui::line(path.display()))
}

/// One run of the command.
struct Init {
    args: Args,
    config: Config,
    progress: Progress,
    /// Whether there is somebody to ask.
    can_ask: bool,
    /// The command that goes on from here, once there is anything to go on from.
    resume: Option<String>,
}

impl Init {
    fn new(args: Args, progress: Progress) -> Result<Self> {
        let can_ask = ui::can_ask() && !args.yes && !args.json;
        if !can_ask && !args.yes && !args.dry_run {
            let hint = "add `--yes` to take flags and defaults; `runvoy init --help` lists the flags";
            return Err(Error::new("there is no terminal to ask questions on").hint(hint).exit(exit::USAGE));
        }
        Ok(Self { args, config: Config::load()?, progress, can_ask, resume: None })
    }

    /// None if only the plan was wanted.
    async fn run(&mut self, interrupts: &mut Interrupts) -> Result<Option<Report>> {
        let (place, aws, existing) = interrupts.before(self.connect()).await?;
        match (&existing, self.args.update || self.args.rollback || self.args.reissue_admin_key) {
            (None, true) => {
                let Aws { account, region, .. } = &aws;
                let problem = format!("there is no deployment `{}` in account {account}, {region}", place.stack);
                Err(Error::new(problem)
                    .hint("`runvoy init` makes one; `--stack-name` names another")
                    .exit(exit::PREFLIGHT))
            }
            (Some(existing), _) if self.args.reissue_admin_key => {
                self.reissue(&aws, &place, existing, interrupts).await.map(Some)
            }
            (Some(existing), _) if self.args.rollback => {
                self.roll_back(&aws, &place, existing, interrupts).await.map(Some)
            }
            _ => self.deploy(&aws, &place, existing, interrupts).await,
        }
    }

    async fn connect(&self) -> Result<(Place, Aws, Option<Existing>)> {
        let name = self.args.name.clone().name()?;
        let default = questions::default_region().await;
        let place = questions::place(name, self.args.region.clone(), default, self.can_ask)?;
        let aws = Aws::connect(Some(&place.region)).await?;
        let progress = self.progress.clone();
        aws.on_notice(move |notice| progress.warn(notice));
        let existing = Existing::find(&aws, &place.stack).await?;
        if let Some(existing) = &existing
            && !self.args.rollback
        {
            existing.check_release()?;
        }
        Ok((place, aws, existing))
    }

    async fn during<T>(
        &self,
        interrupts: &mut Interrupts,
        aws: &Aws,
        place: &Place,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let resume = self.resume.clone().unwrap_or_default();
        let Self { can_ask, ref progress, .. } = *self;
        let assurance = "Nothing is deleted.";
        let what = Interruptible { aws, stack: Some(&place.stack), resume: &resume, can_ask, progress, assurance };
        interrupts.during(&what, work).await
    }

    fn report(&self, place: &Place, answers: &Answers, installed: Installed) -> Report {
        Report {
            stack: place.stack.clone(),
            region: place.region.clone(),
            email: answers.admin_email.clone(),
            config: self.config.path().to_owned(),
            is_current: self.config.profile_name(None) == place.stack,
            installed,
            returned: None,
            trouble: None,
        }
    }
}

/// The command that goes on from here: the same one, with the place that was chosen.
fn resume(place: &Place, args: &Args) -> String {
    let mut words: Vec<String> = vec!["runvoy".into()];
    words.extend(env::args().skip(1).map(|word| ui::shell_word(&word)));
    if !args.name.is_given() {
        words.extend(["--stack-name".into(), place.stack.clone()]);
    }
    if args.region.is_none() {
        words.extend(["--region".into(), place.region.clone()]);
    }
    words.join(" ")
}
