//! Back to an earlier release, and a lost key replaced: what is done to a deployment as it is.

use runvoy_api::infra::name;

use super::{Init, resume};
use crate::{
    aws::Aws,
    config::Config,
    deploy::{
        admin,
        changes::{Change, Stage},
        estimate::Learned,
        existing::Existing,
        install::{Installation, Installed},
        interrupt::Interrupts,
        questions::Place,
        release,
        remembered::{Remembered, WayBack},
        report::Report,
        status::Move,
    },
    error::{Error, Result},
    exit, templates,
};

impl Init {
    /// Back to the release before this one.
    pub(super) async fn roll_back(
        &mut self,
        aws: &Aws,
        place: &Place,
        existing: &Existing,
        interrupts: &mut Interrupts,
    ) -> Result<Report> {
        let bucket = name::bucket(&place.stack, &aws.account, &aws.region);
        let remembered = self.way_back(aws, place);
        let load = async {
            let from = release::deployed(aws, &existing.stack).await?;
            // While AWS changes the stack, it need not be one release or the other.
            let is_changing = Move::from(existing.stack.stack_status()) == Move::Wait;
            let way = match remembered.load().filter(|way| is_changing || way.leads_through(&from)) {
                Some(begun) => begun,
                None => WayBack { to: release::previous(aws, &bucket, &from).await?, from },
            };
            Ok((release::load(aws, &bucket, &way.to).await?, way))
        };
        let (loaded, way) = interrupts.before(load).await?;
        let WayBack { to: earlier, .. } = &way;
        let title = format!("Going back to version {} of {}", earlier.version, earlier.created_at);
        self.progress.say(title);
        let Some(answers) = templates::answers(&loaded.template) else {
            return Err(
                Error::new("the earlier release holds no answers that this runvoy can read").exit(exit::REFUSED)
            );
        };
        self.resume = Some(resume(place, &self.args));
        let guard = |changes: &[Change], stages: &[Stage]| self.guard(changes, stages, true);
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
        remembered.save(&way)?;
        let work = installation.roll_back(&loaded, &mut config);
        let installed = self.during(interrupts, aws, place, work).await?;
        remembered.forget()?;
        Ok(self.report(place, &answers, installed))
    }

    pub(super) fn way_back(&self, aws: &Aws, place: &Place) -> Remembered<WayBack> {
        Remembered::way_back(self.config.path(), &aws.account, &aws.region, &place.stack)
    }

    /// A new key for the first admin.
    pub(super) async fn reissue(
        &mut self,
        aws: &Aws,
        place: &Place,
        existing: &Existing,
        interrupts: &mut Interrupts,
    ) -> Result<Report> {
        let question = "The first admin's present key stops working. Replace it?";
        if !interrupts.before(async { self.confirm(question) }).await? {
            return Err(Error::new("nothing was changed").exit(exit::REFUSED));
        }
        self.resume = Some(resume(place, &self.args));
        let endpoint = existing.endpoint()?.to_owned();
        let mut config = Config::load()?;
        let work = async {
            let step = self.progress.step("admin", "replace the first admin's key");
            let email = self.args.flags.admin_email.as_deref();
            let admin = admin::reissue(aws, &place.stack, &endpoint, email, &mut config).await?;
            step.done("");
            Ok(admin)
        };
        let admin = self.during(interrupts, aws, place, work).await?;
        let installed = Installed { endpoint, admin, changed: true };
        Ok(self.report(place, &existing.answers, installed))
    }
}
