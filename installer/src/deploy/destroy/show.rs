//! An inventory for people.

use console::style;

use super::{Data, Inventory, Site, stacks::Found};
use crate::ui;

/// `1 execution is`, `2 executions are`, `no executions are`.
pub fn number(count: usize, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}

/// `12 B`, `3.4 KB`: as many digits as one wants to read.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let (mut amount, mut unit) = (bytes as f64, 0);
    while amount >= 1000.0 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    if unit == 0 || amount >= 100.0 {
        format!("{amount:.0} {}", UNITS[unit])
    } else {
        format!("{amount:.1} {}", UNITS[unit])
    }
}

impl Inventory {
    /// Shows on stderr what goes and what stays.
    pub fn show(&self, site: Site<'_>, data: &Data) {
        let Site { aws, deployment } = site;
        let title = format!("Destroy runvoy `{deployment}` in account {}, region {}", aws.account, aws.region);
        ui::note(style(title).for_stderr().bold());
        if let Some(since) = &self.unfinished {
            ui::note(format_args!(
                "This goes on with a removal that began {since}: no execution can start since then."
            ));
        }
        for line in self.going() {
            ui::note(format_args!("  {:<7} {line}", style("goes").for_stderr().red()));
        }
        let fate = match data {
            Data::Export(_) => style("export").for_stderr().cyan(),
            Data::Keep => style("stays").for_stderr().green(),
            Data::Delete => style("goes").for_stderr().red(),
        };
        for line in self.data() {
            ui::note(format_args!("  {fate:<7} {line}"));
        }
        if let Data::Export(directory) = data {
            ui::note(format_args!(
                "The data is exported to `{}`, read again there, then deleted in AWS.",
                directory.display()
            ));
        }
    }

    fn going(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.running.is_empty() {
            let ids: Vec<_> = self.running.iter().filter_map(|one| one.execution.as_deref()).take(5).collect();
            lines.push(format!(
                "{}, stopped: {}",
                number(self.running.len(), "running execution", "running executions"),
                ids.join(", ")
            ));
        }
        lines.extend(self.main.iter().chain(&self.bucket).map(stack));
        let definitions = &self.definitions;
        let (active, inactive) = (definitions.active.len(), definitions.inactive.len());
        if active + inactive > 0 {
            lines.push(format!(
                "{} ({inactive} of them inactive)",
                number(active + inactive, "task definition", "task definitions")
            ));
        }
        if !definitions.leaving.is_empty() {
            lines.push(format!(
                "{} that AWS is deleting already",
                number(definitions.leaving.len(), "task definition", "task definitions")
            ));
        }
        for bucket in &self.buckets {
            lines.push(format!(
                "bucket {}: {}, {} and {}, {}",
                bucket.name,
                number(bucket.objects, "object", "objects"),
                number(bucket.versions, "version", "versions"),
                number(bucket.delete_markers, "delete marker", "delete markers"),
                size(bucket.bytes)
            ));
        }
        if !self.secrets.is_empty() {
            lines.push(format!("{} that the API has made", number(self.secrets.len(), "secret", "secrets")));
        }
        lines.extend(self.function_logs.iter().map(|group| format!("log group {}: {}", group.name, size(group.bytes))));
        lines
    }

    fn data(&self) -> Vec<String> {
        let mut lines: Vec<_> = self
            .tables
            .iter()
            .map(|table| {
                format!(
                    "table {} ({}): {}, {}",
                    table.name,
                    table.what,
                    number(table.items, "row", "rows"),
                    size(table.bytes)
                )
            })
            .collect();
        if self.has_keys_table() {
            lines.push(format!("{} that work", number(self.keys, "key", "keys")));
        }
        lines.extend(
            self.output
                .iter()
                .map(|group| format!("log group {} (the commands' output): {}", group.name, size(group.bytes))),
        );
        lines
    }
}

fn stack(found: &Found) -> String {
    let Found { name, status, protected, resources, .. } = found;
    let shield = if *protected { ", protected from termination" } else { "" };
    format!("stack {name} ({status}{shield}): {}", number(resources.values().sum(), "resource", "resources"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        assert_eq!([0, 999, 1_000, 99_900, 123_456_789].map(size), ["0 B", "999 B", "1.0 KB", "99.9 KB", "123 MB"]);
        assert_eq!([0, 1, 2].map(|count| number(count, "row", "rows")), ["no rows", "1 row", "2 rows"]);
    }
}
