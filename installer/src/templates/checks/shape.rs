//! Network, functions, viewer and alarms are what the answers say.

use std::collections::{BTreeMap, BTreeSet};

use runvoy_api::infra::{API_FUNCTION, EVENTS_FUNCTION, metric};

use super::*;

fn of_kind<'a>(template: &'a Yaml, kind: &'a str) -> BTreeMap<&'a str, &'a Yaml> {
    let all = template["Resources"].as_mapping().unwrap().iter();
    let found = all.filter(|(_, resource)| resource["Type"] == kind);
    found.map(|(logical, one)| (logical.as_str().unwrap(), &one["Properties"])).collect()
}

fn reference(value: &Yaml) -> &str {
    if let Yaml::Tagged(tagged) = value { tagged.value.as_str().unwrap() } else { panic!("no reference: {value:?}") }
}

#[test]
fn nothing_comes_in() {
    for (variant, template) in templates() {
        for (logical, group) in of_kind(&template, "AWS::EC2::SecurityGroup") {
            assert!(group["GroupDescription"].as_str().is_some() && group.get("VpcId").is_some());
            match logical {
                "EndpointSecurityGroup" => {
                    let rule = &group["SecurityGroupIngress"][0];
                    let ports = (rule["FromPort"].as_u64(), rule["ToPort"].as_u64());
                    assert_eq!((ports, rule["CidrIp"].as_str()), ((Some(443), Some(443)), Some("10.0.0.0/16")));
                }
                _ => {
                    assert!(group.get("SecurityGroupIngress").is_none(), "{variant}: {logical}");
                    assert_eq!(group["SecurityGroupEgress"].as_sequence().unwrap().len(), 1);
                }
            }
        }
    }
}

#[test]
fn containers_reach_out_as_was_chosen() {
    for (variant, expected) in [
        ("public", vec!["InternetRoute"]),
        ("nat", vec!["InternetRoute", "NatRoute"]),
        ("private", vec![]),
        ("existing", vec![]),
    ] {
        let template = template(variant);
        let routes = of_kind(&template, "AWS::EC2::Route");
        assert_eq!(routes.keys().copied().collect::<Vec<_>>(), expected, "{variant}");
        let target = |name: &str, field: &str| {
            routes.get(name).map(|route| (reference(&route["RouteTableId"]), reference(&route[field])))
        };
        assert!(target("InternetRoute", "GatewayId").is_none_or(|to| to == ("RouteTable", "InternetGateway")));
        assert!(target("NatRoute", "NatGatewayId").is_none_or(|to| to == ("PrivateRouteTable", "NatGateway")));
        assert!(routes.values().all(|route| route["DestinationCidrBlock"] == "0.0.0.0/0"));
        let subnets = of_kind(&template, "AWS::EC2::Subnet");
        let blocks: BTreeSet<_> = subnets.values().map(|subnet| subnet["CidrBlock"].as_str().unwrap()).collect();
        assert_eq!(blocks.len(), subnets.len(), "no two subnets of {variant} overlap");
        for (logical, subnet) in &subnets {
            assert_eq!(reference(&subnet["VpcId"]), "Vpc");
            assert!(subnet.get("AvailabilityZone").is_some());
            let routes =
                of_kind(&template, "AWS::EC2::SubnetRouteTableAssociation")[format!("{logical}Routes").as_str()];
            let table = if logical.starts_with("Private") { "PrivateRouteTable" } else { "RouteTable" };
            assert_eq!((reference(&routes["SubnetId"]), reference(&routes["RouteTableId"])), (*logical, table));
        }
    }
    let nat = template("nat");
    let attached = of_kind(&nat, "AWS::EC2::VPCGatewayAttachment")["InternetGatewayAttachment"];
    assert_eq!((reference(&attached["VpcId"]), reference(&attached["InternetGatewayId"])), ("Vpc", "InternetGateway"));
    assert!(of_kind(&nat, "AWS::EC2::RouteTable").values().all(|table| reference(&table["VpcId"]) == "Vpc"));
    let gateway = of_kind(&nat, "AWS::EC2::NatGateway")["NatGateway"];
    assert_eq!(
        (reference(&gateway["SubnetId"]), reference(&gateway["AllocationId"])),
        ("SubnetA", "NatAddress.AllocationId")
    );
    assert_eq!(of_kind(&nat, "AWS::EC2::EIP")["NatAddress"]["Domain"], "vpc");
}

#[test]
fn a_private_network_has_ways_to_aws_and_names_for_them() {
    let template = template("private");
    let vpc = of_kind(&template, "AWS::EC2::VPC")["Vpc"];
    assert!(vpc["EnableDnsSupport"] == true && vpc["EnableDnsHostnames"] == true);
    let endpoints = of_kind(&template, "AWS::EC2::VPCEndpoint");
    let services: BTreeSet<_> =
        endpoints.values().map(|one| substituted(&template, reference(&one["ServiceName"]))).collect();
    let expected = ["dynamodb", "ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager"];
    assert_eq!(services, expected.map(|service| format!("com.amazonaws.{REGION}.{service}")).into());
    for endpoint in endpoints.values() {
        assert_eq!(reference(&endpoint["VpcId"]), "Vpc");
        if endpoint["VpcEndpointType"] == "Gateway" {
            assert_eq!(reference(&endpoint["RouteTableIds"][0]), "PrivateRouteTable");
        } else {
            assert_eq!(endpoint["PrivateDnsEnabled"], true);
            assert_eq!(reference(&endpoint["SecurityGroupIds"][0]), "EndpointSecurityGroup");
            assert_eq!(endpoint["SubnetIds"].as_sequence().unwrap().len(), 2);
        }
    }
}

#[test]
fn functions_are_as_the_contract_says() {
    for (name, answers) in samples::variants() {
        let template = template(name);
        for function in [API_FUNCTION, EVENTS_FUNCTION] {
            let properties = of_kind(&template, "AWS::Lambda::Function")[function.logical];
            assert_eq!(properties["FunctionName"], format!("{STACK}-{}", function.suffix).as_str());
            assert_eq!(properties["Architectures"][0], answers.architecture.lambda());
            assert_eq!(
                (&properties["Runtime"], &properties["Handler"]),
                (&"provided.al2023".into(), &function.handler.into())
            );
            assert_eq!(properties["MemorySize"], u64::from(function.memory));
            assert_eq!(properties["LoggingConfig"]["LogFormat"], "JSON");
            assert!(properties["Description"].as_str().unwrap().contains(STACK));
            assert_eq!(reference(&properties["Role"]), format!("{}Role.Arn", function.logical));
            // X-Ray costs money and tells of nothing that the logs don't.
            assert!(properties.get("TracingConfig").is_none() && properties.get("VpcConfig").is_none(), "{name}");
        }
        let url = of_kind(&template, "AWS::Lambda::Url")["ApiUrl"];
        assert_eq!(reference(&url["TargetFunctionArn"]), API_FUNCTION.logical);
        assert_eq!((&url["AuthType"], &url["InvokeMode"]), (&"NONE".into(), &"BUFFERED".into()));
        assert_eq!(url["Cors"]["AllowMethods"].as_sequence().unwrap().as_slice(), [Yaml::from("GET")]);
        assert!(url["Cors"].get("AllowCredentials").is_none());
        let retries = of_kind(&template, "AWS::Lambda::EventInvokeConfig")["EventsFunctionRetries"];
        assert_eq!(reference(&retries["FunctionName"]), EVENTS_FUNCTION.logical);
        assert_eq!((&retries["MaximumRetryAttempts"], &retries["Qualifier"]), (&2.into(), &"$LATEST".into()));
    }
}

#[test]
fn rules_see_this_cluster_and_the_clock() {
    let template = template("public");
    let rules = of_kind(&template, "AWS::Events::Rule");
    let cluster = resolved(&template, &rules["TaskStateRule"]["EventPattern"]["detail"]["clusterArn"][0]);
    assert_eq!(cluster, format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{STACK}"));
    assert_eq!(rules["SweepRule"]["ScheduleExpression"], "rate(5 minutes)");
    assert!(rules.values().all(|rule| rule["State"] == "ENABLED"));
    assert_eq!(of_kind(&template, "AWS::ECS::Cluster")["Cluster"]["CapacityProviders"].as_sequence().unwrap().len(), 2);
}

#[test]
fn every_role_stays_within_the_boundary() {
    for (name, answers) in samples::variants() {
        for (logical, role) in of_kind(&template(name), "AWS::IAM::Role") {
            let boundary = role.get("PermissionsBoundary").and_then(Yaml::as_str);
            assert_eq!(boundary, answers.permissions_boundary.as_deref(), "{name}: {logical}");
        }
    }
}

#[test]
fn tags_travel_with_both_templates() {
    let (_, company) = samples::variants().into_iter().find(|(name, _)| *name == "company").unwrap();
    assert!(!company.tags.is_empty());
    for text in [main(STACK, &company).unwrap(), bucket(STACK, &company).unwrap()] {
        assert_eq!(crate::templates::tags(&text), company.tags);
    }
    assert!(crate::templates::tags(&main(STACK, &samples::answers()).unwrap()).is_empty());
}

#[test]
fn the_viewers_bucket_is_read_through_its_address_only() {
    let template = template("company");
    let distribution = of_kind(&template, "AWS::CloudFront::Distribution")["Distribution"];
    let config = &distribution["DistributionConfig"];
    assert_eq!(reference(&config["Origins"][0]["OriginAccessControlId"]), "ViewerAccess.Id");
    let certificate = &config["ViewerCertificate"];
    assert_eq!(certificate["MinimumProtocolVersion"], "TLSv1.2_2021");
    assert_eq!(config["Aliases"][0], "logs.example.com");
    assert_eq!(template["Outputs"]["ViewerUrl"]["Value"], "https://logs.example.com");
    assert_eq!(config["DefaultCacheBehavior"]["ViewerProtocolPolicy"], "redirect-to-https");
    let access =
        &of_kind(&template, "AWS::CloudFront::OriginAccessControl")["ViewerAccess"]["OriginAccessControlConfig"];
    assert_eq!((&access["SigningBehavior"], &access["SigningProtocol"]), (&"always".into(), &"sigv4".into()));
    let headers =
        &of_kind(&template, "AWS::CloudFront::ResponseHeadersPolicy")["ViewerHeaders"]["ResponseHeadersPolicyConfig"];
    for header in ["ContentSecurityPolicy", "ContentTypeOptions", "ReferrerPolicy", "StrictTransportSecurity"] {
        assert_eq!(headers["SecurityHeadersConfig"][header]["Override"], true, "{header}");
    }
    let page = of_kind(&template, "AWS::CloudFront::Function")["ViewerPage"];
    assert!(
        page["AutoPublish"] == true
            && page["FunctionCode"].as_str().unwrap().contains(&crate::templates::viewer::key())
    );
}

#[test]
fn alarms_watch_what_there_is() {
    assert!(of_kind(&template("public"), "AWS::CloudWatch::Alarm").is_empty());
    let template = template("company");
    let alarms = of_kind(&template, "AWS::CloudWatch::Alarm");
    let functions = [API_FUNCTION, EVENTS_FUNCTION].map(|function| format!("{STACK}-{}", function.suffix));
    for (logical, alarm) in &alarms {
        let value = alarm["Dimensions"][0]["Value"].as_str().unwrap();
        let name = alarm["MetricName"].as_str().unwrap();
        match (alarm["Namespace"].as_str().unwrap(), alarm["Dimensions"][0]["Name"].as_str().unwrap()) {
            ("AWS/Lambda", "FunctionName") => assert!(functions.iter().any(|one| one == value), "{logical}"),
            ("AWS/SQS", "QueueName") => assert_eq!(value, "acme-dead-letters"),
            ("AWS/Events", "RuleName") => assert_eq!(value, "acme-sweep"),
            (metric::NAMESPACE, metric::DIMENSION) => {
                assert_eq!(value, STACK);
                assert!([metric::SERVER_ERRORS, metric::TASK_FAILURES, metric::LOCK_CONFLICTS].contains(&name));
            }
            other => panic!("{logical}: {other:?}"),
        }
        assert_eq!(alarm["AlarmActions"].as_sequence().unwrap().len(), 1);
        assert_eq!(alarm["OKActions"], alarm["AlarmActions"]);
    }
    let rule = |logical: &str| {
        let alarm = alarms[logical];
        let text = |name: &str| alarm[name].as_str().unwrap().to_owned();
        (text("Statistic"), text("ComparisonOperator"), alarm["Threshold"].as_f64().unwrap(), text("TreatMissingData"))
    };
    let above = |statistic: &str, threshold| {
        (statistic.into(), "GreaterThanThreshold".into(), threshold, "notBreaching".into())
    };
    for (logical, expected) in [
        ("ApiErrorsAlarm", above("Average", 0.05)),
        ("EventsErrorsAlarm", above("Average", 0.05)),
        ("ServerErrorsAlarm", above("Average", 0.01)),
        ("TaskFailuresAlarm", above("Average", 0.1)),
        ("LockConflictsAlarm", above("Sum", 20.0)),
        ("ApiThrottlesAlarm", above("Sum", 0.0)),
        ("EventsThrottlesAlarm", above("Sum", 0.0)),
        ("ApiDurationAlarm", above("Maximum", 24_000.0)),
        ("EventsDurationAlarm", above("Maximum", 96_000.0)),
        ("DeadLettersAlarm", above("Maximum", 0.0)),
        ("SweepAlarm", ("Sum".into(), "LessThanThreshold".into(), 1.0, "breaching".into())),
    ] {
        assert_eq!(rule(logical), expected, "{logical}");
    }
    assert!(alarms.len() == 11 && alarms.values().all(|alarm| alarm["Period"] == 300));
    assert_eq!(alarms["SweepAlarm"]["EvaluationPeriods"], 3);
    let mail = of_kind(&template, "AWS::SNS::Subscription")["AlarmEmail"];
    assert_eq!(reference(&mail["TopicArn"]), "AlarmTopic");
    assert_eq!((&mail["Protocol"], &mail["Endpoint"]), (&"email".into(), &"ops@example.com".into()));
    let body = resolved(&template, &of_kind(&template, "AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]);
    let body: Json = serde_json::from_str(body.as_str().unwrap()).unwrap();
    let shown = body["widgets"].as_array().unwrap().iter().map(|widget| {
        assert_eq!(widget["properties"]["region"], REGION);
        widget["properties"]["metrics"].as_array().unwrap().len()
    });
    assert_eq!(shown.sum::<usize>(), alarms.len(), "the dashboard shows what the alarms watch");
}
