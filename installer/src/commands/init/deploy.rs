//! From any state to what the answers say.

use std::time::Duration;

use super::{Init, PRICES, git::Tokens, resume};
use crate::{
    aws::{Aws, Service},
    config::Config,
    deploy::{
        answers::Answers,
        build::Source,
        changes::{Change, Stage},
        destroy::{self, Site},
        existing::Existing,
        install::Installation,
        interrupt::Interrupts,
        plan,
        preflight::{self, Check},
        progress::Event,
        questions::{self, Place, Vpc},
        rates::Rates,
        remembered::Remembered,
        report::Report,
        restore::Restore,
    },
    error::{Error, Result},
    exit, templates,
};

/// What a deployment begins with.
struct Ready {
    source: Source,
    found: preflight::Report,
    answers: Answers,
}

impl Init {
    /// Makes the deployment, or changes it. None if only the plan was wanted.
    pub(super) async fn deploy(
        &mut self,
        aws: &Aws,
        place: &Place,
        existing: Option<Existing>,
        interrupts: &mut Interrupts,
    ) -> Result<Option<Report>> {
        let tokens = Tokens::read(&self.args.git_tokens)?;
        let restore = self.args.restore.as_deref().map(Restore::open).transpose()?;
        let remembered = Remembered::new(self.config.path(), &aws.account, &aws.region, &place.stack);
        let ready = interrupts.before(self.prepare(aws, place, existing.as_ref(), &remembered)).await?;
        let Some(Ready { source, found, answers }) = ready else { return Ok(None) };
        self.resume = Some(resume(place, &self.args));
        let guard = |changes: &[Change], stages: &[Stage]| self.guard(changes, stages, existing.is_some());
        let installation = Installation {
            aws,
            stack: &place.stack,
            answers: &answers,
            learned: &found.learned,
            progress: &self.progress,
            guard: &guard,
            probe: !self.args.no_probe,
            restore: restore.as_ref(),
        };
        let mut config = Config::load()?;
        let work = installation.install(source, found.service_linked_role, &mut config);
        let installed = self.during(interrupts, aws, place, work).await?;
        remembered.forget()?;
        let trouble = tokens.set(&installed, &self.progress).await.err();
        Ok(Some(Report { trouble, ..self.report(place, &answers, installed) }))
    }

    /// All that comes before the first change: checks, questions, the plan. None if only the plan was wanted.
    async fn prepare(
        &self,
        aws: &Aws,
        place: &Place,
        existing: Option<&Existing>,
        remembered: &Remembered,
    ) -> Result<Option<Ready>> {
        let source = Source::find(self.args.artifact.as_deref())?;
        // Flags that make no sense are told before AWS is asked anything; questions come after what might make them vain.
        let ask = self.can_ask && (self.args.ask || existing.is_none());
        let given = if ask { None } else { Some(self.answer(existing, remembered, None)?) };
        let exists = existing.is_some();
        let networks = async {
            let is_asked = ask && self.args.flags.leave_network_open();
            if is_asked { questions::networks(aws).await } else { vec![] }
        };
        let limit = Duration::from_secs(self.args.preflight_seconds);
        let (found, networks) = tokio::join!(Box::pin(preflight::run(aws, &place.stack, exists, limit)), networks);
        self.check(&found.checks)?;
        let mut answers = match given {
            Some(given) => given,
            None => self.answer(existing, remembered, Some(&networks))?,
        };
        if !exists {
            // A subnet can't move: later runs leave it where it is.
            answers.zones.clone_from(&found.zones);
        }
        let chosen = preflight::choices(aws, &place.stack, &answers, source.checkout(), exists, [limit, found.took]);
        self.check(&chosen.await)?;
        self.take_back(Site { aws, deployment: &place.stack }).await?;
        let rates = Rates::load(&aws.region, async |body| aws.json(Service::Pricing, PRICES, &body).await).await;
        if self.args.dry_run {
            return self.dry_run(aws, place, &answers, &rates, existing).map(|()| None);
        }
        if existing.is_none() {
            self.emit_plan(plan::json(aws, &place.stack, &answers, &rates, false)?);
            self.show(|| plan::show(aws, &place.stack, &answers, &rates, false))?;
            self.announce(&templates::main(&place.stack, &answers)?, &found.learned)?;
            if !self.confirm("Go ahead?")? {
                return Err(Error::new("nothing was changed").exit(exit::REFUSED));
            }
            remembered.save(&answers)?;
        }
        Ok(Some(Ready { source, found, answers }))
    }

    /// Says what a removal has left behind that did not come to its end; whoever can be asked decides.
    pub(super) async fn take_back(&self, site: Site<'_>) -> Result<()> {
        let Some(since) = destroy::since(site).await? else { return Ok(()) };
        let name = site.deployment;
        self.progress.warn(format!(
            "`{name}` is being destroyed since {since}, and takes no executions: this takes that back. \
             If it still goes on somewhere, end it there first"
        ));
        if self.args.dry_run || self.confirm("Take it back?")? {
            return Ok(());
        }
        let hint = format!("`runvoy destroy --stack-name {name} --region {}` goes on with it", site.aws.region);
        Err(Error::new("nothing was changed").hint(hint).exit(exit::REFUSED))
    }

    fn answer(&self, existing: Option<&Existing>, remembered: &Remembered, asked: Option<&[Vpc]>) -> Result<Answers> {
        let before = existing.map(|existing| existing.answers.clone());
        // Those of a run that did not reach its end are worth as much as defaults.
        let defaults = if existing.is_none() { remembered.load() } else { None };
        questions::answer(self.args.flags.clone(), before, defaults, asked)
    }

    /// Tells what was found beforehand. A check that failed ends it here, with nothing changed.
    fn check(&self, checks: &[Check]) -> Result<()> {
        if checks.is_empty() {
            return Ok(());
        }
        self.progress.emit(&Event::Preflight { checks: preflight::json(checks) });
        self.show(|| {
            preflight::show(checks);
            Ok(())
        })?;
        if preflight::failed(checks) {
            let problem = "something is in the way of the deployment, and nothing was changed";
            return Err(Error::new(problem).hint("see the checks marked ✗").exit(exit::PREFLIGHT));
        }
        Ok(())
    }
}
