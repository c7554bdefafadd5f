//! What commands must keep off, whatever the admin allows them: this deployment itself.

use runvoy_api::infra::{self, name};

use super::{ARN, PLACE, alarms, bucket_name, cluster_arn, dead_letters_arn, function_arn, table_arn, viewer_bucket};
use crate::deploy::answers::{Answers, Viewer};

/// `Fn::Sub` texts.
pub(super) fn arns(stack: &str, answers: &Answers) -> Vec<String> {
    let place = |service: &str, what: String| format!("{ARN}:{service}:{PLACE}:{what}");
    let mut arns = bucket(&bucket_name(stack)).to_vec();
    arns.extend([
        format!("{ARN}:iam::${{AWS::AccountId}}:role/{stack}-*"),
        place("secretsmanager", format!("secret:{stack}/*")),
        place("logs", format!("log-group:{}*", name::execution_log_group(stack))),
        cluster_arn(stack),
        place("ecs", format!("task/{stack}/*")),
        place("ecs", format!("task-definition/{}:*", name::task_family(stack, "*"))),
        dead_letters_arn(stack),
        place("events", format!("rule/{stack}-*")),
        place("cloudformation", format!("stack/{stack}/*")),
        place("cloudformation", format!("stack/{}/*", name::bucket_stack(stack))),
    ]);
    for table in infra::TABLES {
        arns.extend([table_arn(stack, &table), format!("{}/*", table_arn(stack, &table))]);
    }
    for function in [infra::API_FUNCTION, infra::EVENTS_FUNCTION] {
        arns.push(function_arn(stack, &function));
        arns.push(format!("{}:*", function_arn(stack, &function)));
        arns.push(place("logs", format!("log-group:{}*", name::function_log_group(stack, &function))));
    }
    if answers.alarm_email.is_some() {
        arns.extend([place("sns", alarms::topic(stack)), place("cloudwatch", format!("alarm:{stack}-*"))]);
        arns.push(format!("{ARN}:cloudwatch::${{AWS::AccountId}}:dashboard/{stack}-${{AWS::Region}}"));
    }
    if answers.viewer == Viewer::Cloudfront {
        arns.extend(bucket(&viewer_bucket(stack)));
        arns.push(format!("{ARN}:cloudfront::${{AWS::AccountId}}:function/{stack}-${{AWS::Region}}"));
    }
    arns
}

fn bucket(name: &str) -> [String; 2] {
    [format!("{ARN}:s3:::{name}"), format!("{ARN}:s3:::{name}/*")]
}
