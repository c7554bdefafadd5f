//! The profile of a deployment that goes.

use super::Destroy;
use crate::{
    commands::profile,
    config::Config,
    deploy::destroy::{Data, Inventory, Site},
    error::Result,
};

impl Destroy {
    /// As long as the users are kept, so is our key: a new deployment takes up both again.
    pub(super) fn forget_profile(
        &self,
        config: &mut Config,
        site: Site<'_>,
        found: &Inventory,
        data: &Data,
    ) -> Result<()> {
        let stack = &self.args.stack_name;
        let path = config.path().display().to_string();
        let Ok(profile) = config.profile(Some(stack)) else { return Ok(()) };
        // A deployment of the same name elsewhere has its profile under the same name.
        let endpoint = found.main.as_ref().and_then(|main| main.endpoint.as_deref());
        let is_its = |endpoint| profile.api_endpoint.as_deref() == Some(endpoint);
        let is_here = profile.region.as_deref().is_none_or(|region| region == site.aws.region);
        if !endpoint.map_or(is_here, is_its) {
            self.progress.say(format!("The profile `{stack}` in `{path}` is another deployment's, and stays."));
        } else if *data == Data::Keep {
            self.progress.say(format!(
                "The profile `{stack}` stays in `{path}`: a new `runvoy init` takes up users and keys again."
            ));
        } else if self.args.keep_config {
            self.progress.say(format!("The profile `{stack}` stays in `{path}`."));
        } else {
            profile::forget(config, stack)?;
        }
        Ok(())
    }
}
