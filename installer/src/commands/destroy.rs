//! `runvoy destroy`.

use console::style;
use dialoguer::Input;
use runvoy_api::infra::{name, validate_stack_name};

use crate::{
    aws::Aws,
    config::Config,
    deploy::{
        failure,
        interrupt::{Interruptible, Interrupts},
        progress::{Progress, View},
        remove::{self, Inventory},
        viewer,
    },
    error::{Error, Result},
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy destroy
  runvoy destroy --stack-name runvoy-staging --delete-data --yes";

/// Arguments of `runvoy destroy`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
    /// Name of the deployment
    #[arg(long, value_name = "NAME", default_value = "runvoy", value_parser = stack_name)]
    stack_name: String,
    /// AWS region [default: the one of the AWS profile or `AWS_REGION`]
    #[arg(long)]
    region: Option<String>,
    /// Delete users, history, audit trail and the commands' output too
    #[arg(long)]
    delete_data: bool,
}

/// Removes a deployment. Its data stays, unless that is to go too.
pub async fn run(args: Args) -> Result<()> {
    if !args.yes && !ui::can_ask() {
        let hint = format!("add `--yes` to destroy `{}` without being asked", args.stack_name);
        return Err(Error::new("there is no terminal to ask on").hint(hint).exit(2));
    }
    let mut config = Config::load()?;
    let aws = Aws::connect(args.region.as_deref()).await?;
    let inventory = Inventory::take(&aws, &args.stack_name).await?;
    if inventory.is_gone() && !(args.delete_data && inventory.has_data()) {
        ui::note(format_args!(
            "There is no deployment `{}` in account {}, {}.",
            args.stack_name, aws.account, aws.region
        ));
        return show_kept(&aws, &inventory);
    }
    show_plan(&aws, &args, &inventory);
    if !args.yes {
        confirm(&args.stack_name)?;
    }
    let resume = format!("runvoy destroy --stack-name {} --region {}", args.stack_name, aws.region);
    let progress = Progress::new(View::choose(false));
    let what = Interruptible {
        aws: &aws,
        stack: &args.stack_name,
        resume: &resume,
        can_ask: ui::can_ask(),
        progress: &progress,
    };
    let removed = Interrupts::catch()?.during(&what, remove(&aws, &args, &inventory, &progress)).await;
    removed.inspect_err(failure::show)?;
    let left = Inventory::take(&aws, &args.stack_name).await?;
    forget_profile(&mut config, &args.stack_name, &left)?;
    show_kept(&aws, &left)
}

fn stack_name(text: &str) -> Result<String, String> {
    validate_stack_name(text).map(|()| text.to_owned())
}

fn show_plan(aws: &Aws, args: &Args, inventory: &Inventory) {
    let title = format!("Destroy runvoy `{}` in account {}, region {}", args.stack_name, aws.account, aws.region);
    ui::note(style(title).for_stderr().bold());
    let mut going = Vec::new();
    if !inventory.tasks.is_empty() {
        going.push(format!("{} running executions, which are stopped", inventory.tasks.len()));
    }
    if inventory.main.is_some() {
        going.push("network, cluster, functions, permissions, secrets and the API's address".into());
    }
    if !inventory.families.is_empty() {
        going.push(format!("{} task definitions", inventory.families.len()));
    }
    if inventory.bucket.is_some() {
        let bucket = name::bucket(&args.stack_name, &aws.account, &aws.region);
        going.push(format!("bucket {bucket} with everything in it"));
    }
    let data = inventory.tables.iter().map(|table| format!("table {table}"));
    let data = data.chain(inventory.log_group.iter().map(|group| format!("log group {group}")));
    let (fate, red) = if args.delete_data { ("goes", true) } else { ("stays", false) };
    for what in going {
        ui::note(format_args!("  {} {what}", style("goes ").for_stderr().red()));
    }
    for what in data {
        let fate = style(format!("{fate:<5}")).for_stderr();
        ui::note(format_args!("  {} {what}", if red { fate.red() } else { fate.green() }));
    }
}

fn confirm(stack: &str) -> Result<()> {
    let prompt = format!("Type `{stack}` to destroy it");
    let typed: String = Input::new().with_prompt(prompt).allow_empty(true).interact_text()?;
    if typed == stack { Ok(()) } else { Err(Error::new("that is another name: nothing was changed").exit(5)) }
}

async fn remove(aws: &Aws, args: &Args, inventory: &Inventory, progress: &Progress) -> Result<()> {
    if !inventory.tasks.is_empty() {
        let step = progress.step("stop-executions", "stop running executions");
        remove::stop_tasks(aws, &args.stack_name, &inventory.tasks).await?;
        step.done("");
    }
    if let Some(main) = &inventory.main {
        let step = progress.step("main-stack", "remove everything but the bucket");
        viewer::withdraw(aws, &args.stack_name, &step).await?;
        remove::stack(aws, main, &step).await?;
        step.done("");
    }
    if !inventory.families.is_empty() {
        let step = progress.step("task-definitions", "remove the task definitions");
        remove::task_definitions(aws, &inventory.families).await?;
        step.done("");
    }
    if let Some(bucket) = &inventory.bucket {
        let step = progress.step("bucket-objects", "empty the bucket");
        let count =
            remove::empty_bucket(aws, &name::bucket(&args.stack_name, &aws.account, &aws.region), &step).await?;
        step.done(&format!("{count} objects"));
        let step = progress.step("bucket-stack", "remove the bucket");
        remove::stack(aws, bucket, &step).await?;
        step.done("");
    }
    if args.delete_data && inventory.has_data() {
        let step = progress.step("data", "delete the data");
        remove::data(aws, &args.stack_name, inventory).await?;
        step.done("");
    }
    Ok(())
}

/// As long as the users are kept, so is our key: a new deployment takes up both again.
fn forget_profile(config: &mut Config, stack: &str, left: &Inventory) -> Result<()> {
    if config.profile(Some(stack)).is_err() {
        return Ok(());
    }
    if left.tables.is_empty() {
        return config.update(|config| config.remove_profile(stack));
    }
    let path = config.path().display();
    ui::note(format_args!(
        "The profile `{stack}` in `{path}` stays too: a new `runvoy init` takes up users and keys again."
    ));
    Ok(())
}

fn show_kept(aws: &Aws, left: &Inventory) -> Result<()> {
    if !left.has_data() {
        ui::note("Nothing of it is left.");
        return Ok(());
    }
    ui::note("Kept, and how to delete each (or all of them: `runvoy destroy --delete-data`):");
    let region = &aws.region;
    for table in &left.tables {
        let table = format!("--region {region} --table-name {table}");
        ui::note(format_args!("  aws dynamodb update-table {table} --no-deletion-protection-enabled"));
        ui::note(format_args!("  aws dynamodb delete-table {table}"));
    }
    if let Some(group) = &left.log_group {
        ui::note(format_args!("  aws logs delete-log-group --region {region} --log-group-name {group}"));
    }
    Ok(())
}
