//! What a deployment costs: while nothing runs, and when something does.

use serde_json::{Value, json};

use super::{
    answers::{Answers, Architecture, Network},
    rates::{Item, Rates},
};
use crate::ui;

/// What Spot costs of the price on demand. It moves; AWS promises up to 70% off.
const SPOT: f64 = 0.3;

/// What an execution is taken to be.
pub const ASSUMED: &str = "1 vCPU, 2 GB, 2 minutes and 1 MB of output each";

/// Interface endpoints of a private network, in each of its two zones.
const ENDPOINTS: f64 = 4.0 * 2.0;

/// One line of the bill, in US dollars.
pub struct Line {
    /// What for.
    pub what: &'static str,
    /// How much.
    pub usd: f64,
    /// Whether that is a guess even where the rates are known.
    pub estimated: bool,
}

/// The bill.
pub struct Cost {
    /// A month without any execution.
    pub at_rest: Vec<Line>,
    /// A hundred executions.
    pub per_hundred: Vec<Line>,
}

impl Cost {
    /// Of these choices at these prices. What is less than a cent a month is left out: tables, functions, the bucket.
    pub fn of(answers: &Answers, rates: &Rates) -> Self {
        let line = |what, usd| Line { what, usd, estimated: false };
        let mut at_rest = vec![line("one secret", rates.of(Item::Secret))];
        match answers.network {
            Network::Nat => at_rest.extend([
                line("NAT gateway", rates.month(Item::Nat)),
                line("its public address", rates.month(Item::Address)),
            ]),
            Network::Private => at_rest.push(line("4 endpoints in 2 zones", ENDPOINTS * rates.month(Item::Endpoint))),
            Network::Public | Network::Existing => {}
        }
        if answers.alarm_email.is_some() {
            at_rest.push(line("11 alarms", 11.0 * rates.of(Item::Alarm)));
        }
        Self { at_rest, per_hundred: per_hundred(answers, rates) }
    }

    /// As JSON, with the sums.
    pub fn json(&self, rates: &Rates) -> Value {
        let lines = |lines: &[Line]| {
            let each = lines.iter().map(|line| {
                let estimated = line.estimated || rates.estimated;
                json!({ "what": line.what, "usd": round(line.usd), "estimated": estimated })
            });
            json!({ "usd": round(sum(lines)), "lines": each.collect::<Vec<_>>() })
        };
        json!({
            "rates": { "region": rates.region, "date": rates.date, "estimated": rates.estimated },
            "month_at_rest": lines(&self.at_rest),
            "hundred_executions": lines(&self.per_hundred),
            "assumed": ASSUMED,
        })
    }
}

/// `$1.20: this $1.00, that $0.20`.
pub fn describe(lines: &[Line]) -> String {
    let money = |line: &Line| format!("{}{}", if line.estimated { "~" } else { "" }, amount(line.usd));
    let parts: Vec<_> = lines.iter().map(|line| format!("{} {}", line.what, money(line))).collect();
    let about = if lines.iter().any(|line| line.estimated) { "about " } else { "" };
    format!("{about}{} ({})", amount(sum(lines)), parts.join(", "))
}

fn per_hundred(answers: &Answers, rates: &Rates) -> Vec<Line> {
    let hours = 100.0 * 2.0 / 60.0;
    let (cpu, memory) = match answers.architecture {
        Architecture::Arm64 => (Item::ArmCpu, Item::ArmMemory),
        Architecture::X86_64 => (Item::X86Cpu, Item::X86Memory),
    };
    let on_demand = hours * (rates.of(cpu) + 2.0 * rates.of(memory));
    let (compute, usd) = if answers.spot { ("Fargate Spot", on_demand * SPOT) } else { ("Fargate", on_demand) };
    let mut lines = vec![
        Line { what: compute, usd, estimated: answers.spot },
        Line { what: "output", usd: 0.1 * rates.of(Item::Log), estimated: false },
    ];
    if answers.public_addresses() {
        lines.push(Line { what: "public addresses", usd: hours * rates.of(Item::Address), estimated: false });
    }
    if answers.network == Network::Nat {
        // What they fetch is anyone's guess: an image of 100 MB.
        lines.push(Line {
            what: "10 GB through the NAT gateway",
            usd: 10.0 * rates.of(Item::NatTraffic),
            estimated: true,
        });
    }
    lines
}

fn sum(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.usd).sum()
}

/// Cents are enough for a plan.
fn amount(usd: f64) -> String {
    if usd >= 0.01 { format!("${usd:.2}") } else { ui::dollars(usd) }
}

fn round(usd: f64) -> f64 {
    (usd * 10_000.0).round() / 10_000.0
}
