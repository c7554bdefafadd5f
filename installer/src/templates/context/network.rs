//! The network of the containers, in the shape that the templates walk through.

use serde_json::{Value, json};

use crate::deploy::answers::{Answers, Network};

const CIDR: &str = "10.0.0.0/16";
const PUBLIC: Kind =
    Kind { routes: "RouteTable", subnet: "Subnet", name: "", what: "", routes_what: "route table", first: 0 };
const PRIVATE: Kind = Kind {
    routes: "PrivateRouteTable",
    subnet: "PrivateSubnet",
    name: "private-",
    what: "private ",
    routes_what: "route table of the private subnets",
    first: 128,
};

/// A pair of subnets with one route table. The public pair is the same in every kind of network that has it, so that a
/// public network becomes one with a NAT gateway by additions alone.
struct Kind {
    routes: &'static str,
    subnet: &'static str,
    name: &'static str,
    what: &'static str,
    routes_what: &'static str,
    /// Third number of the first subnet's addresses.
    first: u16,
}

impl Kind {
    fn logical(&self) -> [String; 2] {
        ["A", "B"].map(|letter| format!("{}{letter}", self.subnet))
    }

    fn route_table(&self, stack: &str, zones: &[String]) -> Value {
        let subnets = [("a", "first", 0u16), ("b", "second", 1)].map(|(letter, ordinal, index)| {
            let what = format!("{ordinal} {}subnet", self.what);
            json!({
                "logical": format!("{}{}", self.subnet, letter.to_uppercase()),
                "name": format!("{stack}-{}{letter}", self.name),
                "cidr": format!("10.0.{}.0/20", self.first + index * 16),
                "zone": zones.get(usize::from(index)),
                "description": what,
                "routes_description": format!("routes of the {what}"),
            })
        });
        json!({ "logical": self.routes, "description": self.routes_what, "subnets": subnets })
    }
}

/// What the answers make of the network.
pub(super) fn of(stack: &str, answers: &Answers) -> Value {
    let (kinds, tasks): (&[Kind], Vec<String>) = match answers.network {
        Network::Public => (&[PUBLIC], PUBLIC.logical().into()),
        Network::Nat => (&[PUBLIC, PRIVATE], PRIVATE.logical().into()),
        Network::Private => (&[PRIVATE], PRIVATE.logical().into()),
        Network::Existing => (&[], vec![]),
    };
    json!({
        "own": answers.network != Network::Existing,
        "internet": matches!(answers.network, Network::Public | Network::Nat),
        "nat": answers.network == Network::Nat,
        "endpoints": if answers.network == Network::Private { endpoints() } else { vec![] },
        "cidr": CIDR,
        "vpc_id": answers.vpc_id,
        "subnet_ids": answers.subnet_ids,
        "route_tables": kinds.iter().map(|kind| kind.route_table(stack, &answers.zones)).collect::<Vec<_>>(),
        "task_subnets": tasks,
        "nat_subnet": PUBLIC.logical()[0],
        "private_routes": PRIVATE.routes,
    })
}

/// The subnets of the containers, as a `Fn::Sub` text.
pub(super) fn subnet_ids(network: &Value) -> String {
    let texts = |name: &str| network[name].as_array().into_iter().flatten().filter_map(Value::as_str);
    let own = texts("task_subnets").map(|logical| format!("${{{logical}}}"));
    own.chain(texts("subnet_ids").map(str::to_owned)).collect::<Vec<_>>().join(",")
}

/// The ways to AWS of a network without any other: pull images, write logs, read secrets. Those by route table cost
/// nothing.
fn endpoints() -> Vec<Value> {
    let all = [
        ("EcrApiEndpoint", "ecr.api", "way to the image registry", false),
        ("EcrImagesEndpoint", "ecr.dkr", "way to the images", false),
        ("LogsEndpoint", "logs", "way to CloudWatch Logs", false),
        ("SecretsEndpoint", "secretsmanager", "way to Secrets Manager", false),
        ("S3Endpoint", "s3", "way to S3, where images' layers are", true),
        ("DynamoDbEndpoint", "dynamodb", "way to DynamoDB", true),
    ];
    let endpoint = |(logical, service, what, gateway)| json!({ "logical": logical, "service": service, "description": what, "gateway": gateway });
    all.into_iter().map(endpoint).collect()
}
