//! Back to an earlier release, and a lost key replaced: what is done to a deployment as it is.

use runvoy_api::infra::name;

use super::{Init, resume};
use crate::{
    aws::Aws,
    config::Config,
    deploy::{
        admin,
        changes::{Change, Stage},
        destroy::Site,
        estimate::Learned,
        existing::Existing,
        install::{Installation, Installed},
        interrupt::Interrupts,
        questions::Place,
        release::{self, Returned},
        report::Report,
        stack,
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
        self.resume = Some(resume(place, &self.args));
        let mut stack = existing.stack.clone();
        if Move::from(stack.stack_status()) == Move::Wait {
            // While AWS changes the stack, it need not be one release or the other.
            let rest = stack::rest(aws, &stack, &existing.template, &self.progress);
            stack = self.during(interrupts, aws, place, rest).await?;
        }
        let load = async {
            let from = release::deployed(aws, &stack).await?;
            let earlier = release::previous(aws, &bucket, &from).await?;
            Ok((release::load(aws, &bucket, &earlier).await?, earlier))
        };
        let (loaded, earlier) = interrupts.before(load).await?;
        interrupts.before(self.take_back(Site { aws, deployment: &place.stack })).await?;
        let title = format!("Going back to version {} of {}", earlier.version, earlier.created_at);
        self.progress.say(title);
        let Some(answers) = templates::answers(&loaded.template) else {
            return Err(
                Error::new("the earlier release holds no answers that this runvoy can read").exit(exit::REFUSED)
            );
        };
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
        let work = installation.roll_back(&loaded, &mut config);
        let installed = self.during(interrupts, aws, place, work).await?;
        let returned = Returned { aws: aws.clone(), bucket, release: earlier };
        Ok(Report { returned: Some(returned), ..self.report(place, &answers, installed) })
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
