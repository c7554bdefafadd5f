//! What people see and are asked, and programs are told.

use std::fs;

use serde_json::{Value, json};

use super::Init;
use crate::{
    aws::Aws,
    deploy::{
        answers::Answers,
        changes::{self, Change, Stage},
        estimate::{Estimate, Learned},
        existing::Existing,
        failure::{self, Card},
        plan,
        progress::Event,
        questions::Place,
        rates::Rates,
    },
    error::{Error, Result, ResultExt as _},
    exit, prompt, templates, ui,
};

impl Init {
    /// Whether these changes may be made to what is there already.
    pub(super) fn guard(&self, changes: &[Change], stages: &[Stage], exists: bool) -> Result<()> {
        changes::check_data(changes, &self.args.allow_replacing)?;
        if !exists {
            return Ok(());
        }
        self.emit_plan(changes::json(changes, stages));
        self.show(|| {
            changes::show(changes, stages);
            Ok(())
        })?;
        if self.confirm("Make these changes?")? {
            Ok(())
        } else {
            Err(Error::new("nothing was changed").exit(exit::REFUSED))
        }
    }

    /// The plan and the templates, and nothing else.
    pub(super) fn dry_run(
        &self,
        aws: &Aws,
        place: &Place,
        answers: &Answers,
        rates: &Rates,
        existing: Option<&Existing>,
    ) -> Result<()> {
        let main = templates::main(&place.stack, answers)?;
        // Of its own each time: in a directory that all share, a name that can be guessed may be taken by a link elsewhere.
        let directory = tempfile::Builder::new().prefix(&format!("runvoy-plan-{}-", place.stack)).tempdir()?.keep();
        let [bucket_path, main_path] = ["bucket.yaml", "main.yaml"].map(|name| directory.join(name));
        for (path, template) in [(&bucket_path, &templates::bucket(&place.stack, answers)?), (&main_path, &main)] {
            fs::write(path, template).context(format!("can't write `{}`", path.display()))?;
        }
        let mut plan = plan::json(aws, &place.stack, answers, rates, existing.is_some())?;
        plan["templates"] = json!({ "bucket": bucket_path, "main": main_path });
        self.emit_plan(plan);
        self.show(|| plan::show(aws, &place.stack, answers, rates, existing.is_some()))?;
        if let Some(existing) = existing {
            let changes = changes::of_templates(&existing.template, &main)?;
            let stages = changes::stages(&existing.template, &main)?;
            self.emit_plan(changes::json(&changes, &stages));
            self.show(|| {
                changes::show(&changes, &stages);
                Ok(())
            })?;
        }
        self.show(|| [bucket_path, main_path].iter().try_for_each(|path| ui::line(path.display())))
    }

    /// How long AWS will take, and what it will spend the time on.
    pub(super) fn announce(&self, template: &str, learned: &Learned) -> Result<()> {
        let estimate = Estimate::create(template, learned)?;
        let resources = templates::resources(template)?;
        let what =
            |logical: &String| resources.get(logical).map_or(logical.as_str(), |info| &info.description).to_owned();
        let path = estimate.critical_path().iter().map(what).collect::<Vec<_>>().join(" → ");
        let time = ui::about(estimate.total().as_secs_f64());
        self.progress.say(format!("AWS takes {time}. The longest chain: {path}"));
        Ok(())
    }

    /// Programs are told by events instead.
    pub(super) fn show(&self, show: impl FnOnce() -> Result<()>) -> Result<()> {
        if self.args.json { Ok(()) } else { self.progress.suspend(show) }
    }

    pub(super) fn emit_plan(&self, plan: Value) {
        self.progress.emit(&Event::Plan { plan });
    }

    pub(super) fn confirm(&self, question: &str) -> Result<bool> {
        if self.can_ask { self.progress.suspend(|| prompt::confirm(question, true)) } else { Ok(true) }
    }

    /// What is known of a failure, at length.
    pub(super) fn card(&self, error: &Error) {
        if let Some(card) = error.find::<Card>() {
            self.progress.emit(&Event::Failure { failure: failure::json(card) });
        }
        if !self.args.json {
            failure::show(error);
        }
    }
}
