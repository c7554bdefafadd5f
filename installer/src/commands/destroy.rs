//! `runvoy destroy`.

mod choices;
mod end;
mod profile;

use std::{future::Future, path::PathBuf, time::Instant};

use runvoy_api::infra::validate_stack_name;

use crate::{
    aws::Aws,
    config::Config,
    deploy::{
        destroy::{Data, Destruction, Inventory, Proof, Site, proof},
        failure::{self, Card},
        interrupt::{Interruptible, Interrupts},
        progress::{Event, Progress, View},
        report,
    },
    error::{Error, Result},
    exit, ui,
};
use end::{End, kept};

const EXAMPLES: &str = "\
Examples:
  runvoy destroy
  runvoy destroy --stack-name runvoy-staging --keep-data
  runvoy destroy --yes --export ./runvoy-data
  runvoy destroy --yes --stop-running --delete-data";

/// Arguments of `runvoy destroy`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Don't ask; what needs a flag of its own still needs it
    #[arg(long, short)]
    yes: bool,
    /// Name of the deployment
    #[arg(long, value_name = "NAME", default_value = "runvoy", value_parser = stack_name)]
    stack_name: String,
    /// AWS region [default: the one of the AWS profile or `AWS_REGION`]
    #[arg(long)]
    region: Option<String>,
    /// Write users, history, audit trail and the commands' output to this directory before they are deleted [default with
    /// `--yes`: `runvoy-export-NAME-TIME`]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["keep_data", "delete_data"])]
    export: Option<PathBuf>,
    /// Leave them in AWS; the next `runvoy init` of this name adopts them
    #[arg(long, conflicts_with = "delete_data")]
    keep_data: bool,
    /// Delete them and keep nothing
    #[arg(long)]
    delete_data: bool,
    /// Stop the executions that run, instead of refusing
    #[arg(long)]
    stop_running: bool,
    /// Switch the stacks' termination protection off, instead of refusing
    #[arg(long)]
    disable_protection: bool,
    /// Make AWS let go of a stack whose resources it can't delete; what it leaves behind is listed
    #[arg(long)]
    force: bool,
    /// Keep the profile in the config file
    #[arg(long)]
    keep_config: bool,
    /// Print JSON lines, by `docs/init-events.schema.json`; asks nothing
    #[arg(long)]
    json: bool,
}

/// Removes a deployment, and proves that it is gone.
pub async fn run(args: Args) -> Result<()> {
    let (started, mut interrupts) = (Instant::now(), Interrupts::catch()?);
    let progress = Progress::new(View::choose(args.json));
    let mut destroy = Destroy { can_ask: ui::can_ask() && !args.yes && !args.json, args, progress, resume: None };
    let ended = destroy.run(&mut interrupts).await;
    if let Err(error) = &ended {
        destroy.card(error);
    }
    destroy.progress.emit(&Event::Result(match &ended {
        Ok(end) => end.result(&destroy.args, started),
        Err(error) => report::failure(error, destroy.resume.clone(), started.elapsed()),
    }));
    let end = ended?;
    if !destroy.args.json {
        end.show()?;
    }
    end.into_result()
}

/// One run of the command.
struct Destroy {
    args: Args,
    progress: Progress,
    /// Whether there is somebody to ask.
    can_ask: bool,
    /// The command that goes on from here, once there is anything to go on from.
    resume: Option<String>,
}

impl Destroy {
    async fn run(&mut self, interrupts: &mut Interrupts) -> Result<End> {
        if !self.can_ask && !self.args.yes {
            let hint = format!("add `--yes` to destroy `{}` without being asked", self.args.stack_name);
            return Err(Error::new("there is no terminal to ask on").hint(hint).exit(exit::USAGE));
        }
        let mut config = Config::load()?;
        let name = self.args.stack_name.clone();
        let look = async {
            let aws = Aws::connect(self.args.region.as_deref()).await?;
            let progress = self.progress.clone();
            aws.on_notice(move |notice| progress.warn(notice));
            let inventory = Inventory::take(Site { aws: &aws, deployment: &name }).await?;
            Ok((aws, inventory))
        };
        let (aws, inventory) = interrupts.before(look).await?;
        let site = Site { aws: &aws, deployment: &name };
        if !self.has_work(&inventory) {
            return self.nothing_there(site, &inventory, interrupts).await;
        }
        let permitted = self.permitted();
        inventory.check(permitted)?;
        let data = interrupts.before(async { self.data(site, &inventory) }).await?;
        self.progress.emit(&Event::Plan { plan: inventory.json(site, &data) });
        if !self.args.json {
            self.progress.suspend(|| inventory.show(site, &data));
        }
        interrupts.before(async { self.confirm() }).await?;
        self.resume = Some(self.resume(&aws, &data));
        let destruction = Destruction::new(site, &data, permitted, &self.progress);
        let closed = || self.forget_profile(&mut config, site, &inventory, &data);
        let work = destruction.run(&inventory, closed);
        let ended = self.during(work, &aws, interrupts).await;
        if let Err(error) = &ended {
            self.give_up(error, destruction.give_up(&inventory), interrupts).await;
        }
        let proof = ended?;
        let kept = if data == Data::Keep { kept(site, &inventory) } else { vec![] };
        let export = if let Data::Export(directory) = data { Some(directory) } else { None };
        Ok(End { proof, changed: true, export, kept, again: self.resume.clone().unwrap_or_default() })
    }

    async fn during(
        &self,
        work: impl Future<Output = Result<Proof>>,
        aws: &Aws,
        interrupts: &mut Interrupts,
    ) -> Result<Proof> {
        let what = Interruptible {
            aws,
            stack: None,
            resume: self.resume.as_deref().unwrap_or_default(),
            can_ask: self.can_ask,
            progress: &self.progress,
            assurance: "What is deleted stays deleted; what is not yet is still there.",
        };
        interrupts.during(&what, work).await
    }

    /// Nobody who has interrupted is kept waiting: what is not taken back by then, another run or `init` does.
    async fn give_up(&self, error: &Error, work: impl Future<Output = ()>, interrupts: &mut Interrupts) {
        if error.code() != exit::INTERRUPTED {
            work.await;
        } else if !interrupts.afterwards(work).await {
            let name = &self.args.stack_name;
            self.progress.warn(format!(
                "new executions may still be refused: `runvoy init --update --stack-name {name}` lets them start again"
            ));
        }
    }

    /// Whether there is anything to do. Data that was kept on purpose is only removed by who asks for that.
    fn has_work(&self, found: &Inventory) -> bool {
        let asked = self.args.delete_data || self.args.export.is_some();
        !found.is_gone() || (found.has_data() && (asked || found.unfinished.is_some()) && !self.args.keep_data)
    }

    async fn nothing_there(&self, site: Site<'_>, found: &Inventory, interrupts: &mut Interrupts) -> Result<End> {
        let Aws { account, region, .. } = site.aws;
        self.progress.say(format!("There is no deployment `{}` in account {account}, {region}.", site.deployment));
        let step = self.progress.step("proof", "look for anything that is left");
        let proof = interrupts.before(proof::sweep(site, found.has_data(), &step)).await?;
        step.done("");
        let again = format!("runvoy destroy --stack-name {} --region {region}", site.deployment);
        Ok(End { proof, changed: false, export: None, kept: kept(site, found), again })
    }

    fn card(&self, error: &Error) {
        if let Some(card) = error.find::<Card>() {
            self.progress.emit(&Event::Failure { failure: failure::json(card) });
        }
        if !self.args.json {
            failure::show(error);
        }
    }
}

fn stack_name(text: &str) -> Result<String, String> {
    validate_stack_name(text).map(|()| text.to_owned())
}
