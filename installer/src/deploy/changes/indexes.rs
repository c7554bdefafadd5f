//! The one limit of updates that AWS tells only when it has begun: a table gets or loses one index at a time.

use std::collections::BTreeMap;

use serde_yaml::Value as Yaml;

use crate::{
    error::{Error, Result},
    exit,
};

/// Refuses an update that makes or removes more than one global secondary index of one table (DynamoDB's `UpdateTable`:
/// "you can only perform one of these operations at once").
///
/// # Errors
/// The table and its indexes.
pub fn check_indexes(old: &str, new: &str) -> Result<()> {
    let (old, new) = (indexes(old)?, indexes(new)?);
    for (table, new) in &new {
        let Some(old) = old.get(table) else { continue };
        let added = new.iter().filter(|(name, index)| old.get(*name) != Some(index)).map(|(name, _)| name);
        let removed = old.iter().filter(|(name, index)| new.get(*name) != Some(index)).map(|(name, _)| name);
        let changed: Vec<_> = added.chain(removed).map(|name| format!("`{name}`")).collect();
        if changed.len() > 1 {
            let problem = format!(
                "AWS makes or removes one index of a table per update, and this one changes {} of `{table}`",
                changed.join(", ")
            );
            let hint = "update to the releases in between first, one after the other";
            return Err(Error::new(problem).hint(hint).exit(exit::REFUSED));
        }
    }
    Ok(())
}

type Indexes = BTreeMap<String, Yaml>;

/// The indexes of each table, by name. Keys and projection can never change in place.
fn indexes(template: &str) -> Result<BTreeMap<String, Indexes>> {
    let template: Yaml = serde_yaml::from_str(template)?;
    let resources = template.get("Resources").and_then(Yaml::as_mapping);
    let tables = resources.into_iter().flatten().filter_map(|(logical, resource)| {
        (resource.get("Type")?.as_str()? == "AWS::DynamoDB::Table").then_some(())?;
        let list = resource.get("Properties")?.get("GlobalSecondaryIndexes").and_then(Yaml::as_sequence);
        let named = list.into_iter().flatten().filter_map(|index| {
            let shape = Yaml::Sequence(vec![index.get("KeySchema")?.clone(), index.get("Projection")?.clone()]);
            Some((index.get("IndexName")?.as_str()?.to_owned(), shape))
        });
        Some((logical.as_str()?.to_owned(), named.collect()))
    });
    Ok(tables.collect())
}
