//! `runvoy init`.

use std::{env, fs, future::Future, path::PathBuf, time::Instant};

use dialoguer::Confirm;
use runvoy_api::infra::name;
use serde_json::Value;

use crate::{
    aws::{Aws, Service},
    config::Config,
    deploy::{
        admin,
        answers::Answers,
        build::Source,
        changes::{self, Change},
        estimate::{Estimate, Learned},
        existing::Existing,
        failure::{self, Card},
        install::{Installation, Installed},
        interrupt::{Interruptible, Interrupts},
        plan, preflight,
        progress::{Event, Progress, View},
        questions::{self, Flags, NameFlags, Place},
        rates::Rates,
        release,
        remembered::Remembered,
        report::{self, Report},
        restore::Restore,
    },
    error::{Error, Result, ResultExt as _},
    templates, ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy init
  runvoy init --yes --region eu-west-1 --admin-email you@example.com
  runvoy init --stack-name runvoy-staging --task-permissions power-user
  runvoy init --dry-run --yes
  runvoy init --update
  runvoy init --rollback";

/// Exit code of a refusal: nothing was changed.
const REFUSED: u8 = 5;
/// The Price List's call.
const PRICES: &str = "AWSPriceListService.GetProducts";
/// Exit code of what is missing before anything starts.
const PREFLIGHT: u8 = 3;

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
    /// Don't run a command as the last proof
    #[arg(long)]
    no_probe: bool,
    /// Show the plan, write the templates to a directory, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON lines, by `docs/init-events.schema.json`; asks nothing
    #[arg(long)]
    json: bool,
}

/// Deploys runvoy into an AWS account, or changes it there, and proves that it works.
pub async fn run(args: Args) -> Result<()> {
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
        Some(report) if is_json => report.shown(),
        Some(report) => report.show().and_then(|()| report.shown()),
        None => Ok(()),
    }
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
            return Err(Error::new("there is no terminal to ask questions on").hint(hint).exit(2));
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
                Err(Error::new(problem).hint("`runvoy init` makes one; `--stack-name` names another").exit(PREFLIGHT))
            }
            (Some(existing), _) if self.args.reissue_admin_key => self.reissue(&aws, &place, existing).await.map(Some),
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

    /// From any state to what the answers say.
    async fn deploy(
        &mut self,
        aws: &Aws,
        place: &Place,
        existing: Option<Existing>,
        interrupts: &mut Interrupts,
    ) -> Result<Option<Report>> {
        let source = Source::find(self.args.artifact.as_deref())?;
        let restore = self.args.restore.as_deref().map(Restore::open).transpose()?;
        let architecture = self.args.flags.architecture.or(existing.as_ref().map(|found| found.answers.architecture));
        let remembered = Remembered::of(self.config.path(), &aws.account, &aws.region, &place.stack);
        // Flags that make no sense are told before AWS is asked anything; questions come after what might make them vain.
        let ask = self.can_ask && (self.args.ask || existing.is_none());
        let given = if ask { None } else { Some(self.answer(existing.as_ref(), &remembered, false)?) };
        let look = preflight::run(aws, &place.stack, source.checkout(), architecture, existing.is_some());
        let mut checked = interrupts.before(async { Ok(look.await) }).await?;
        let mut answers = match given {
            Some(given) => given,
            None => self.answer(existing.as_ref(), &remembered, true)?,
        };
        if existing.is_none() {
            // A subnet can't move: later runs leave it where it is.
            answers.zones.clone_from(&checked.zones);
        }
        self.check(aws, place, &answers, &mut checked).await?;
        let rates = Rates::load(&aws.region, async |body| aws.json(Service::Pricing, PRICES, &body).await).await;
        if self.args.dry_run {
            return self.dry_run(aws, place, &answers, &rates, existing.as_ref()).map(|()| None);
        }
        if existing.is_none() {
            self.emit_plan(plan::json(aws, &place.stack, &answers, &rates, false)?);
            self.show(|| plan::show(aws, &place.stack, &answers, &rates, false))?;
            self.announce(&templates::main(&place.stack, &answers)?, &checked.learned)?;
            if !self.confirm("Go ahead?")? {
                return Err(Error::new("nothing was changed").exit(REFUSED));
            }
            remembered.save(&answers)?;
        }
        self.resume = Some(resume(place, &self.args));
        let guard = |changes: &[Change]| self.guard(changes, existing.is_some());
        let installation = Installation {
            aws,
            stack: &place.stack,
            answers: &answers,
            learned: &checked.learned,
            progress: &self.progress,
            guard: &guard,
            probe: !self.args.no_probe,
            restore: restore.as_ref(),
        };
        let mut config = Config::load()?;
        let work = installation.install(source, checked.service_linked_role, &mut config);
        let installed = self.during(interrupts, aws, place, work).await?;
        remembered.forget()?;
        Ok(Some(self.report(place, &answers, installed)))
    }

    fn answer(&self, existing: Option<&Existing>, remembered: &Remembered, ask: bool) -> Result<Answers> {
        let before = existing.map(|existing| existing.answers.clone());
        // Those of a run that did not reach its end are worth as much as defaults.
        let defaults = if existing.is_none() { remembered.load() } else { None };
        questions::answer(self.args.flags.clone(), before, defaults, ask)
    }

    /// What was found beforehand. A check that failed ends it here, with nothing changed.
    async fn check(&self, aws: &Aws, place: &Place, answers: &Answers, checked: &mut preflight::Report) -> Result<()> {
        checked.check_choices(aws, &place.stack, answers).await;
        if !answers.makes_network() {
            checked.drop_check(preflight::VPCS);
        }
        self.progress.emit(&Event::Preflight { checks: checked.json() });
        self.show(|| {
            checked.show();
            Ok(())
        })?;
        if checked.failed() {
            let problem = "something is in the way of the deployment, and nothing was changed";
            return Err(Error::new(problem).hint("see the checks marked ✗").exit(PREFLIGHT));
        }
        Ok(())
    }
}

impl Init {
    /// Back to the release before this one.
    async fn roll_back(
        &mut self,
        aws: &Aws,
        place: &Place,
        existing: &Existing,
        interrupts: &mut Interrupts,
    ) -> Result<Report> {
        let bucket = name::bucket(&place.stack, &aws.account, &aws.region);
        let load = async {
            let deployed = release::deployed(aws, &existing.stack).await?;
            let earlier = release::previous(aws, &bucket, &deployed).await?;
            Ok((release::load(aws, &bucket, &earlier).await?, earlier))
        };
        let (loaded, earlier) = interrupts.before(load).await?;
        let title = format!("Going back to version {} of {}", earlier.version, earlier.created_at);
        self.progress.say(title);
        let Some(answers) = templates::answers(&loaded.template) else {
            return Err(Error::new("the earlier release holds no answers that this runvoy can read").exit(REFUSED));
        };
        self.resume = Some(resume(place, &self.args));
        let guard = |changes: &[Change]| self.guard(changes, true);
        let installation = Installation {
            aws,
            stack: &place.stack,
            answers: &answers,
            learned: &Learned::none(),
            progress: &self.progress,
            guard: &guard,
            probe: !self.args.no_probe,
            restore: None,
        };
        let mut config = Config::load()?;
        let work = installation.roll_back(&loaded, &mut config);
        let installed = self.during(interrupts, aws, place, work).await?;
        Ok(self.report(place, &answers, installed))
    }

    /// A new key for the first admin.
    async fn reissue(&mut self, aws: &Aws, place: &Place, existing: &Existing) -> Result<Report> {
        if !self.confirm("The first admin's present key stops working. Replace it?")? {
            return Err(Error::new("nothing was changed").exit(REFUSED));
        }
        let endpoint = existing.endpoint()?.to_owned();
        let step = self.progress.step("admin", "replace the first admin's key");
        let email = self.args.flags.admin_email.as_deref();
        let admin = admin::reissue(aws, &place.stack, &endpoint, email, &mut self.config).await?;
        step.done("");
        let installed = Installed { endpoint, admin, changed: true };
        Ok(self.report(place, &existing.answers, installed))
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
        let what = Interruptible { aws, stack: &place.stack, resume: &resume, can_ask, progress, assurance };
        interrupts.during(&what, work).await
    }

    /// Whether these changes may be made to what is there already.
    fn guard(&self, changes: &[Change], exists: bool) -> Result<()> {
        changes::check_data(changes, &self.args.allow_replacing)?;
        if !exists {
            return Ok(());
        }
        self.emit_plan(changes::json(changes));
        self.show(|| {
            changes::show(changes);
            Ok(())
        })?;
        if self.confirm("Make these changes?")? { Ok(()) } else { Err(Error::new("nothing was changed").exit(REFUSED)) }
    }

    /// The plan and the templates, and nothing else.
    fn dry_run(
        &self,
        aws: &Aws,
        place: &Place,
        answers: &Answers,
        rates: &Rates,
        existing: Option<&Existing>,
    ) -> Result<()> {
        self.emit_plan(plan::json(aws, &place.stack, answers, rates, existing.is_some())?);
        self.show(|| plan::show(aws, &place.stack, answers, rates, existing.is_some()))?;
        let main = templates::main(&place.stack, answers)?;
        if let Some(existing) = existing {
            let changes = changes::of_templates(&existing.template, &main)?;
            self.emit_plan(changes::json(&changes));
            self.show(|| {
                changes::show(&changes);
                Ok(())
            })?;
        }
        let directory = env::temp_dir().join(format!("runvoy-plan-{}", place.stack));
        fs::create_dir_all(&directory).context(format!("can't make `{}`", directory.display()))?;
        for (name, template) in [("bucket.yaml", templates::bucket(&place.stack)?), ("main.yaml", main)] {
            let path = directory.join(name);
            fs::write(&path, template).context(format!("can't write `{}`", path.display()))?;
            if !self.args.json {
                ui::line(path.display())?;
            }
        }
        Ok(())
    }

    /// How long AWS will take, and what it will spend the time on.
    fn announce(&self, template: &str, learned: &Learned) -> Result<()> {
        let estimate = Estimate::create(template, learned)?;
        let resources = templates::resources(template)?;
        let what =
            |logical: &String| resources.get(logical).map_or(logical.as_str(), |info| &info.description).to_owned();
        let path = estimate.critical_path().iter().map(what).collect::<Vec<_>>().join(" → ");
        let time = ui::about(estimate.total().as_secs_f64());
        self.progress.say(format!("AWS takes {time}, which is how long this takes one after the other: {path}"));
        Ok(())
    }

    /// Programs are told by events instead.
    fn show(&self, show: impl FnOnce() -> Result<()>) -> Result<()> {
        if self.args.json { Ok(()) } else { self.progress.suspend(show) }
    }

    fn emit_plan(&self, plan: Value) {
        self.progress.emit(&Event::Plan { plan });
    }

    fn confirm(&self, question: &str) -> Result<bool> {
        let ask = || Confirm::new().with_prompt(question).default(true).interact();
        if self.can_ask { Ok(self.progress.suspend(ask)?) } else { Ok(true) }
    }

    /// What is known of a failure, at length.
    fn card(&self, error: &Error) {
        if let Some(card) = error.find::<Card>() {
            self.progress.emit(&Event::Failure { failure: failure::json(card) });
        }
        if !self.args.json {
            failure::show(error);
        }
    }

    fn report(&self, place: &Place, answers: &Answers, installed: Installed) -> Report {
        Report {
            stack: place.stack.clone(),
            region: place.region.clone(),
            email: answers.admin_email.clone(),
            config: self.config.path().to_owned(),
            is_current: self.config.profile_name(None) == place.stack,
            installed,
        }
    }
}

/// The command that goes on from here: the same one, with the place that was chosen.
fn resume(place: &Place, args: &Args) -> String {
    let mut words: Vec<String> = vec!["runvoy".into()];
    words.extend(env::args().skip(1).map(|word| quote(&word)));
    if !args.name.is_given() {
        words.extend(["--stack-name".into(), place.stack.clone()]);
    }
    if args.region.is_none() {
        words.extend(["--region".into(), place.region.clone()]);
    }
    words.join(" ")
}

/// As a shell reads it.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
