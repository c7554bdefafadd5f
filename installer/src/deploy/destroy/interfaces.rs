//! Network interfaces of containers: AWS takes them back a while after their containers have ended, and until then neither
//! firewall nor subnet can be deleted.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{
    Site,
    show::number,
    stacks::{self, Found},
};
use crate::{
    aws::Service,
    deploy::progress::{Progress, Step},
    error::Result,
};

/// How long they may take. AWS tells of some minutes; after that the stack's deletion says what else is in its way.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until no interface is behind the deployment's firewall any more.
pub async fn wait(site: Site<'_>, main: &Found, step: Step, progress: &Progress) -> Result<()> {
    let groups = stacks::physical(site.aws, &main.id, "AWS::EC2::SecurityGroup").await?;
    // That of endpoints goes with the stack, and so do their interfaces.
    let Some((_, group)) = groups.into_iter().find(|(logical, _)| logical == "SecurityGroup") else {
        step.skipped("there is no network");
        return Ok(());
    };
    let show = |left: usize| step.detail(&format!("{} left", words(left)));
    let left = outlast(PATIENCE, PAUSE, || count(site, &group), show).await;
    match left {
        Some(0) => step.done("none is left"),
        Some(left) => {
            let minutes = PATIENCE.as_secs() / 60;
            step.done(&format!("{} left", words(left)));
            progress.warn(format!(
                "{} still behind the firewall `{group}` after {minutes} minutes: its deletion may take several attempts",
                words(left)
            ));
        }
        None => step.skipped("AWS does not tell of them"),
    }
    Ok(())
}

fn words(count: usize) -> String {
    number(count, "network interface is", "network interfaces are")
}

/// Counts until there are none, or patience is at its end; the last count, or none if there was no answer.
async fn outlast<F: Future<Output = Option<usize>>>(
    patience: Duration,
    pause: Duration,
    mut count: impl FnMut() -> F,
    mut show: impl FnMut(usize),
) -> Option<usize> {
    let started = Instant::now();
    loop {
        let left = count().await?;
        if left == 0 || started.elapsed() >= patience {
            return Some(left);
        }
        show(left);
        sleep(pause).await;
    }
}

/// How many there are; none if AWS does not say.
async fn count(site: Site<'_>, group: &str) -> Option<usize> {
    let filter = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", group)];
    let reply = site.aws.query(Service::Ec2, "DescribeNetworkInterfaces", &filter).await.ok()?;
    Some(reply.matches("<networkInterfaceId>").count())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn counts(patience: Duration, replies: &[Option<usize>]) -> (Option<usize>, Vec<usize>) {
        let (mut replies, mut shown) = (replies.iter().cycle(), vec![]);
        let pause = Duration::from_millis(1);
        let end = outlast(patience, pause, || std::future::ready(*replies.next().unwrap()), |left| shown.push(left));
        (end.await, shown)
    }

    #[tokio::test]
    async fn the_wait_ends_with_the_last_one_or_with_patience() {
        let long = Duration::from_secs(60);
        assert_eq!(counts(long, &[Some(2), Some(1), Some(0)]).await, (Some(0), vec![2, 1]));
        assert_eq!(counts(long, &[None]).await, (None, vec![]));
        assert_eq!(counts(Duration::ZERO, &[Some(2)]).await, (Some(2), vec![]));
        assert_eq!(counts(Duration::from_millis(20), &[Some(3)]).await.0, Some(3));
    }
}
