//! Network interfaces of containers: AWS takes them back a while after their containers have ended, and until then neither
//! firewall nor subnet can be deleted.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{
    Site,
    stacks::{self, Found},
};
use crate::{aws::Service, deploy::progress::Step, error::Result};

/// How long they may take. Then the stack's deletion says what else is in its way.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until no interface is behind the deployment's firewall any more.
pub async fn wait(site: Site<'_>, main: &Found, step: &Step) -> Result<()> {
    let groups = stacks::physical(site.aws, &main.id, "AWS::EC2::SecurityGroup").await?;
    // That of endpoints goes with the stack, and so do their interfaces.
    let Some((_, group)) = groups.into_iter().find(|(logical, _)| logical == "SecurityGroup") else { return Ok(()) };
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match count(site, &group).await {
            Some(0) | None => break,
            Some(count) => step.detail(&format!("{count} are left")),
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// How many there are; none if AWS does not say.
async fn count(site: Site<'_>, group: &str) -> Option<usize> {
    let filter = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", group)];
    let reply = site.aws.query(Service::Ec2, "DescribeNetworkInterfaces", &filter).await.ok()?;
    Some(reply.matches("<networkInterfaceId>").count())
}
