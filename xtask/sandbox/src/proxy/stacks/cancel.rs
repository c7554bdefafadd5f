//! The engine is done with a paced update before anyone could cancel it, so it is led back by another one.

use anyhow::{Result, ensure};
use time::OffsetDateTime;

use super::Stacks;
use super::members::members;
use super::operations::Operation;
use crate::proxy::reply::element;

impl Stacks {
    /// Cancels the paced update of a stack that callers see under way; whether there is one.
    pub(super) async fn cancel(&self, stack_id: &str) -> Result<bool> {
        let events = self.engine_list("DescribeStackEvents", "StackEvents", &[("StackName", stack_id)]).await?;
        let events = events.unwrap_or_default();
        let baseline = events.len();
        let Some(at_work) = self.operations.reveal(stack_id, events).1 else { return Ok(false) };
        let update = at_work.operation;
        let began = OffsetDateTime::now_utc();
        self.update_back(&update).await?;
        self.operations.end(stack_id, began);
        let pace = self.script.current_pace();
        self.operations.add(Operation { baseline, began, pace, rolls_back: true, ..update });
        Ok(true)
    }

    async fn update_back(&self, update: &Operation) -> Result<()> {
        let mut fields = vec![
            ("StackName".to_owned(), update.stack_id.clone()),
            ("TemplateBody".to_owned(), update.template_before.clone()),
            ("Capabilities.member.1".to_owned(), "CAPABILITY_NAMED_IAM".to_owned()),
        ];
        for (index, parameter) in members(&update.before, "Parameters").iter().enumerate() {
            for field in ["ParameterKey", "ParameterValue"] {
                let value = element(parameter, field).unwrap_or_default().to_owned();
                fields.push((format!("Parameters.member.{}.{field}", index + 1), value));
            }
        }
        let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>();
        let (status, reply) = self.engine_query("UpdateStack", &fields).await?;
        ensure!(status == 200, "the update can't be taken back: {reply}");
        Ok(())
    }
}
