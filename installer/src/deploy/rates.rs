//! What AWS charges.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::timeout;

/// Hours of a month, as AWS's own calculator counts them.
const MONTH: f64 = 730.0;

/// Where the built-in table is from, and when.
const TABLE: (&str, &str) = ("us-east-1", "2026-08");

/// How long the Price List may take: the table is good enough for a plan.
const PATIENCE: Duration = Duration::from_secs(3);

/// Something that AWS has a price for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// Hour of a vCPU of Fargate on Graviton.
    ArmCpu,
    /// Hour of a GB of memory of Fargate on Graviton.
    ArmMemory,
    /// Hour of a vCPU of Fargate.
    X86Cpu,
    /// Hour of a GB of memory of Fargate.
    X86Memory,
    /// Hour of a public IPv4 address.
    Address,
    /// Hour of a NAT gateway.
    Nat,
    /// GB through a NAT gateway.
    NatTraffic,
    /// Hour of an interface endpoint in one zone.
    Endpoint,
    /// Month of a secret.
    Secret,
    /// GB of log taken in.
    Log,
    /// Month of an alarm.
    Alarm,
}

/// Each item's service and usage type in the Price List (which starts with a code of the region), and its price in
/// us-east-1. Source: AWS's pricing pages of Fargate, VPC, Secrets Manager and CloudWatch.
const ITEMS: [(Item, &str, &str, f64); 11] = [
    (Item::ArmCpu, "AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU", 0.032_38),
    (Item::ArmMemory, "AmazonECS", "Fargate-ARM-GB-Hours", 0.003_56),
    (Item::X86Cpu, "AmazonECS", "Fargate-vCPU-Hours:perCPU", 0.040_48),
    (Item::X86Memory, "AmazonECS", "Fargate-GB-Hours", 0.004_445),
    (Item::Address, "AmazonVPC", "PublicIPv4:InUseAddress", 0.005),
    (Item::Nat, "AmazonEC2", "NatGateway-Hours", 0.045),
    (Item::NatTraffic, "AmazonEC2", "NatGateway-Bytes", 0.045),
    (Item::Endpoint, "AmazonVPC", "VpcEndpoint-Hours", 0.01),
    (Item::Secret, "AWSSecretsManager", "AWSSecretsManager-Secrets", 0.40),
    (Item::Log, "AmazonCloudWatch", "DataProcessing-Bytes", 0.50),
    (Item::Alarm, "AmazonCloudWatch", "CW:AlarmMonitorUsage", 0.10),
];

/// Prices of one region, in US dollars without tax.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// The region that they are of.
    pub region: String,
    /// When they began to hold: `2026-08`, or a day.
    pub date: String,
    /// Whether some of them are another region's.
    pub estimated: bool,
    prices: BTreeMap<Item, f64>,
}

impl Rates {
    /// The built-in table, for want of anything better in most regions.
    pub fn for_region(region: &str) -> Self {
        let prices = ITEMS.iter().map(|(item, _, _, usd)| (*item, *usd)).collect();
        Self { region: TABLE.0.to_owned(), date: TABLE.1.to_owned(), estimated: region != TABLE.0, prices }
    }

    /// The region's own prices by the Price List, asked with `ask` (the body of a `GetProducts` in, its reply out), or
    /// the table where that has no answer in time.
    pub async fn load<E>(region: &str, ask: impl AsyncFn(Value) -> Result<Value, E>) -> Self {
        let table = Self::for_region(region);
        if !table.estimated {
            return table;
        }
        let replies = ask_all(region, ask, PATIENCE).await;
        Self::from_price_list(region, &replies)
    }

    /// The region's prices by replies of the Price List's `GetProducts`; what none of them tells is the table's.
    pub fn from_price_list(region: &str, replies: &[Value]) -> Self {
        let mut rates = Self::for_region(region);
        let mut told = BTreeMap::new();
        let products = replies.iter().filter_map(|reply| reply["PriceList"].as_array()).flatten();
        // Each product is a text that holds JSON.
        let products = products.filter_map(|text| serde_json::from_str::<Value>(text.as_str()?).ok());
        let mut since = String::new();
        for product in products.filter(|product| product["product"]["attributes"]["regionCode"] == region) {
            let Some((item, usd, from)) = price(&product) else { continue };
            // Where one usage has several prices, nobody shall be surprised by the higher one.
            let known: &mut f64 = told.entry(item).or_default();
            *known = known.max(usd);
            since = since.max(from);
        }
        if told.is_empty() {
            return rates;
        }
        rates.estimated = told.len() < ITEMS.len();
        rates.prices.extend(told);
        rates.region = region.to_owned();
        rates.date = since;
        rates
    }

    /// The price of one of it.
    pub fn of(&self, item: Item) -> f64 {
        self.prices.get(&item).copied().unwrap_or_default()
    }

    /// The price of a month of what is charged by the hour.
    pub fn month(&self, item: Item) -> f64 {
        self.of(item) * MONTH
    }
}

/// What a resource of this type costs a month while nothing runs, in US dollars of us-east-1; none if next to nothing.
/// An endpoint is taken as one of two zones that is paid for.
pub fn resource_cost(kind: &str) -> Option<f64> {
    let rates = Rates::for_region(TABLE.0);
    match kind {
        "AWS::EC2::NatGateway" => Some(rates.month(Item::Nat)),
        "AWS::EC2::EIP" => Some(rates.month(Item::Address)),
        "AWS::EC2::VPCEndpoint" => Some(2.0 * rates.month(Item::Endpoint)),
        "AWS::SecretsManager::Secret" => Some(rates.of(Item::Secret)),
        "AWS::CloudWatch::Alarm" => Some(rates.of(Item::Alarm)),
        _ => None,
    }
}

/// Everything that has been answered in time: without the rest, there is the table.
async fn ask_all<E>(region: &str, ask: impl AsyncFn(Value) -> Result<Value, E>, patience: Duration) -> Vec<Value> {
    let replies = Mutex::new(Vec::new());
    let lane = async |first: usize| {
        for (_, service, usage, _) in ITEMS.iter().skip(first).step_by(4) {
            let Ok(reply) = ask(question(region, service, usage)).await else { return };
            replies.lock().unwrap_or_else(PoisonError::into_inner).push(reply);
        }
    };
    let _ = timeout(patience, async { tokio::join!(lane(0), lane(1), lane(2), lane(3)) }).await;
    replies.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn question(region: &str, service: &str, usage: &str) -> Value {
    let filter = |kind: &str, field: &str, value: &str| json!({ "Type": kind, "Field": field, "Value": value });
    let filters = [filter("EQUALS", "regionCode", region), filter("CONTAINS", "usagetype", usage)];
    json!({ "ServiceCode": service, "FormatVersion": "aws_v1", "Filters": filters })
}

/// Which item a product is, its price on demand from the first unit on, and since when.
fn price(product: &Value) -> Option<(Item, f64, String)> {
    let usage = product["product"]["attributes"]["usagetype"].as_str()?;
    // `EUW1-NatGateway-Hours`, and in us-east-1 sometimes without its code.
    let is = |name: &str| {
        let code = usage.strip_suffix(name)?;
        code.strip_suffix('-').map_or(code.is_empty(), |code| !code.contains('-')).then_some(())
    };
    let (item, ..) = ITEMS.iter().find(|(_, _, name, _)| is(name).is_some())?;
    let terms = product["terms"]["OnDemand"].as_object()?.values();
    let from_the_first = |dimension: &&Value| dimension["beginRange"].as_str().is_none_or(|from| from == "0");
    terms
        .flat_map(|term| {
            let since = term["effectiveDate"].as_str().unwrap_or_default();
            let dimensions = term["priceDimensions"].as_object().into_iter().flat_map(|all| all.values());
            let usd =
                dimensions.filter(from_the_first).filter_map(|it| it["pricePerUnit"]["USD"].as_str()?.parse().ok());
            usd.map(|usd: f64| (*item, usd, since.chars().take(10).collect()))
        })
        .find(|(_, usd, _)| *usd > 0.0)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn product(region: &str, usage: &str, dimensions: &Value) -> Value {
        let attributes = json!({ "regionCode": region, "usagetype": usage, "servicecode": "AmazonECS" });
        let term = json!({ "effectiveDate": "2026-09-01T00:00:00Z", "priceDimensions": dimensions });
        let product = json!({ "productFamily": "Compute", "sku": "8CESGAFWKAJ98PME", "attributes": attributes });
        json!({ "product": product, "terms": { "OnDemand": { "8CESGAFWKAJ98PME.JRTCKXETXF": term } } })
    }

    fn dimension(usd: &str, begin: &str) -> Value {
        json!({ "unit": "hours", "beginRange": begin, "endRange": "Inf", "pricePerUnit": { "USD": usd } })
    }

    fn list(products: &[Value]) -> Value {
        json!({ "FormatVersion": "aws_v1", "PriceList": products.iter().map(Value::to_string).collect::<Vec<_>>() })
    }

    #[test]
    fn the_price_list_is_read() {
        let one = |usage: &str, usd: &str| product("eu-west-1", usage, &json!({ "a": dimension(usd, "0") }));
        let tiers = json!({ "a": dimension("0.0500000000", "10000"), "b": dimension("0.5700000000", "0") });
        let reply = list(&[
            one("EU-Fargate-vCPU-Hours:perCPU", "0.0404800000"),
            one("EU-Fargate-ARM-vCPU-Hours:perCPU", "0.0323800000"),
            one("EU-NatGateway-Hours", "0.0480000000"),
            one("EU-Regional-NatGateway-Hours", "9.0000000000"),
            one("EU-PublicIPv4:InUseAddress", "0.0000000000"),
            product("eu-west-1", "EU-DataProcessing-Bytes", &tiers),
            product("eu-west-2", "EUW2-Fargate-GB-Hours", &json!({ "a": dimension("7.0", "0") })),
        ]);
        let rates = Rates::from_price_list("eu-west-1", &[reply]);
        assert_eq!((rates.region.as_str(), rates.date.as_str(), rates.estimated), ("eu-west-1", "2026-09-01", true));
        let prices = [Item::X86Cpu, Item::ArmCpu, Item::Nat, Item::Log].map(|item| rates.of(item));
        assert_eq!(prices, [0.04048, 0.03238, 0.048, 0.57]);
        // What it does not tell, or calls free, is the table's.
        assert_eq!([Item::X86Memory, Item::Address].map(|item| rates.of(item)), [0.004_445, 0.005]);
    }

    #[test]
    fn a_full_answer_is_no_estimate() {
        let all = ITEMS.map(|(_, _, usage, usd)| {
            product("eu-west-1", &format!("EU-{usage}"), &json!({ "a": dimension(&(2.0 * usd).to_string(), "0") }))
        });
        let rates = Rates::from_price_list("eu-west-1", &[list(&all[..4]), list(&all[4..])]);
        assert!(!rates.estimated);
        assert!(ITEMS.iter().all(|(item, _, _, usd)| rates.of(*item) == 2.0 * usd));
    }

    #[tokio::test]
    async fn without_an_answer_there_is_the_table() {
        let refused = Rates::load("eu-west-1", async |_| Err::<Value, _>("refused")).await;
        assert_eq!(refused, Rates::for_region("eu-west-1"));
        assert!(refused.estimated && refused.region == "us-east-1");
        let told = Rates::load("eu-west-1", async |asked| {
            let usage = asked["Filters"][1]["Value"].as_str().unwrap().to_owned();
            let price = json!({ "a": dimension("0.25", "0") });
            Ok::<_, Infallible>(list(&[product("eu-west-1", &format!("EU-{usage}"), &price)]))
        });
        assert!(!told.await.estimated);
    }

    #[tokio::test]
    async fn the_price_list_is_not_waited_for_long() {
        let never = async |_| std::future::pending::<Result<Value, Infallible>>().await;
        assert!(ask_all("eu-west-1", never, Duration::ZERO).await.is_empty());
    }

    #[test]
    fn what_stands_idle_and_costs() {
        assert_eq!(resource_cost("AWS::EC2::NatGateway").map(f64::round), Some(33.0));
        assert_eq!(resource_cost("AWS::DynamoDB::Table"), None);
    }
}
