//! What a task costs.
//!
//! Source: AWS Fargate pricing, Linux, on demand, us-east-1; public IPv4 addresses, Amazon VPC pricing. Fargate bills from
//! the start of the image pull to the end of the task, by the second, at least one minute.

use crate::app::Deployment;

/// Names the rates below in `cost_basis`.
const RATES: &str = "us-east-1/2026-08";

const X86_VCPU_HOUR: f64 = 0.04048;
const X86_GB_HOUR: f64 = 0.004_445;
const ARM_VCPU_HOUR: f64 = 0.03238;
const ARM_GB_HOUR: f64 = 0.003_56;
/// GiB of storage beyond the 20 that every task has.
const DISK_GB_HOUR: f64 = 0.000_111;
const FREE_DISK: u32 = 20;
const PUBLIC_IPV4_HOUR: f64 = 0.005;
const LEAST_SECONDS: f64 = 60.0;

/// What was billed for, as far as the row and the task tell.
pub struct Usage {
    /// Units of 1/1024 vCPU.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    /// GiB, where it is more than usual.
    pub disk: Option<u32>,
    pub spot: bool,
    pub seconds: f64,
}

/// US dollars, and the rates they were reckoned with.
///
/// Spot prices move, and other regions cost more or less: both are marked `estimated`.
pub fn of(usage: &Usage, deployment: &Deployment) -> (f64, String) {
    let (vcpu_hour, gb_hour) =
        if deployment.architecture == "ARM64" { (ARM_VCPU_HOUR, ARM_GB_HOUR) } else { (X86_VCPU_HOUR, X86_GB_HOUR) };
    let hours = usage.seconds.max(LEAST_SECONDS) / 3600.0;
    let address = if deployment.assign_public_ip == "ENABLED" { PUBLIC_IPV4_HOUR } else { 0.0 };
    let disk = f64::from(usage.disk.unwrap_or_default().saturating_sub(FREE_DISK)) * DISK_GB_HOUR;
    let hourly =
        f64::from(usage.cpu) / 1024.0 * vcpu_hour + f64::from(usage.memory) / 1024.0 * gb_hour + disk + address;
    let estimated = usage.spot || deployment.region != "us-east-1";
    // Six digits are a ten-thousandth of a cent; more would be noise in every table.
    let dollars = (hourly * hours * 1e6).round() / 1e6;
    (dollars, if estimated { format!("{RATES} estimated") } else { RATES.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(architecture: &str, assign_public_ip: &str) -> Deployment {
        Deployment {
            architecture: architecture.into(),
            assign_public_ip: assign_public_ip.into(),
            region: "us-east-1".into(),
            ..Deployment::for_tests()
        }
    }

    #[test]
    fn the_published_examples() {
        // 1 vCPU and 2 GB for 10 minutes: $0.0082 on x86, $0.0066 on arm64.
        let usage = |spot| Usage { cpu: 1024, memory: 2048, disk: None, spot, seconds: 600.0 };
        let cents = |dollars: f64| (dollars * 10_000.0).round() as u32;
        assert_eq!(cents(of(&usage(false), &deployment("X86_64", "DISABLED")).0), 82);
        assert_eq!(cents(of(&usage(false), &deployment("ARM64", "DISABLED")).0), 66);
        let larger = Usage { disk: Some(200), seconds: 36_000.0, ..usage(false) };
        let usual = Usage { disk: None, ..larger };
        let dollars = |usage: &Usage| of(usage, &deployment("X86_64", "DISABLED")).0;
        assert!((dollars(&larger) - dollars(&usual) - 180.0 * 10.0 * 0.000_111).abs() < 1e-6);
        let (with_address, basis) = of(&usage(true), &deployment("ARM64", "ENABLED"));
        assert_eq!(cents(with_address), 74);
        assert_eq!(basis, "us-east-1/2026-08 estimated");
    }

    #[test]
    fn a_second_costs_a_minute() {
        let usage = |seconds| Usage { cpu: 256, memory: 512, disk: None, spot: false, seconds };
        let deployment = deployment("ARM64", "DISABLED");
        assert_eq!(of(&usage(1.0), &deployment), of(&usage(60.0), &deployment));
    }
}
