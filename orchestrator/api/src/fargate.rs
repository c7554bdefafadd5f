//! The sizes that Fargate offers.
//!
//! Source: Amazon ECS developer guide, "Task size" (CPU in units of 1/1024 vCPU, memory in MiB).

use crate::error::Invalid;

/// What a request without `cpu` gets, in units of 1/1024 vCPU.
pub const DEFAULT_CPU: u32 = 1024;

struct Size {
    cpu: u32,
    memory: std::ops::RangeInclusive<u32>,
    step: u32,
}

const SIZES: [Size; 7] = [
    Size { cpu: 256, memory: 512..=2048, step: 512 },
    Size { cpu: 512, memory: 1024..=4096, step: 1024 },
    Size { cpu: 1024, memory: 2048..=8192, step: 1024 },
    Size { cpu: 2048, memory: 4096..=16384, step: 1024 },
    Size { cpu: 4096, memory: 8192..=30720, step: 1024 },
    Size { cpu: 8192, memory: 16384..=61440, step: 4096 },
    Size { cpu: 16384, memory: 32768..=122_880, step: 8192 },
];

/// Fills in what was left out and checks that Fargate has such a size. Without `memory`, the least for that CPU.
pub fn size(cpu: Option<u32>, memory: Option<u32>) -> Result<(u32, u32), Invalid> {
    let cpu = cpu.unwrap_or(DEFAULT_CPU);
    let Some(size) = SIZES.iter().find(|size| size.cpu == cpu) else {
        let known = SIZES.iter().map(|size| size.cpu.to_string()).collect::<Vec<_>>().join(", ");
        return Err(Invalid::new("cpu", format!("must be one of {known} (units of 1/1024 vCPU), not {cpu}")));
    };
    let memory = memory.unwrap_or(*size.memory.start());
    // Fargate's smallest CPU takes 512, 1024 and 2048 MiB only.
    let offered = size.memory.contains(&memory) && memory.is_multiple_of(size.step) && (cpu, memory) != (256, 1536);
    if !offered {
        let (least, most, step) = (size.memory.start(), size.memory.end(), size.step);
        let problem = format!("must be {least} to {most} MiB in steps of {step} with cpu {cpu}, not {memory}");
        return Err(Invalid::new("memory", problem));
    }
    Ok((cpu, memory))
}

/// Checks a task's storage, in GiB. Every task has 20, and pays for what it has beyond.
///
/// Source: Amazon ECS developer guide, "Fargate task ephemeral storage".
pub fn validate_disk(gib: u32) -> Result<(), Invalid> {
    if (21..=200).contains(&gib) {
        return Ok(());
    }
    Err(Invalid::new("disk", format!("must be 21 to 200 GiB, not {gib}; without it, there are 20")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sizes_that_fargate_offers() {
        assert_eq!(size(None, None), Ok((1024, 2048)));
        assert_eq!(size(Some(256), Some(1024)), Ok((256, 1024)));
        assert_eq!(size(Some(8192), Some(20480)), Ok((8192, 20480)));
        for (cpu, memory) in [(256, 1536), (256, 4096), (1024, 2049), (8192, 17408), (300, 512)] {
            assert!(size(Some(cpu), Some(memory)).is_err(), "{cpu}/{memory}");
        }
    }
}
