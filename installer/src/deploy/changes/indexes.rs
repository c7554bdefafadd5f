//! The one limit of updates that AWS tells only when it has begun: a table gets or loses one index at a time (DynamoDB's
//! `UpdateTable`: "you can only perform one of these operations at once"). An update that changes more takes several.

use std::collections::BTreeSet;

use serde_yaml::{Mapping, Value as Yaml};

use crate::{error::Result, templates};

const INDEXES: &str = "GlobalSecondaryIndexes";
const ATTRIBUTES: &str = "AttributeDefinitions";

/// One of the updates that lead from one template to another.
#[derive(Debug)]
pub struct Stage {
    /// The template on the way; none if it is the one that it all leads to.
    pub template: Option<String>,
    /// Whether that has all that is new but indexes. Until then, the code that runs is the old one.
    pub is_new: bool,
    /// What changes of indexes, in the admin's words.
    pub what: String,
}

/// The updates that it takes because of the indexes, in order; none if it takes no more than one. New indexes come before
/// the code that needs them, and old ones go after the code that did.
///
/// # Errors
/// A template that can't be read.
pub fn stages(old: &str, new: &str) -> Result<Vec<Stage>> {
    let descriptions = templates::descriptions(new)?;
    let (old, new): (Yaml, Yaml) = (serde_yaml::from_str(old)?, serde_yaml::from_str(new)?);
    let plans: Vec<_> = tables(&new).filter_map(|name| Plan::of(name, &old, &new)).collect();
    let early = plans.iter().map(|plan| plan.early).max().unwrap_or_default();
    let main = early.saturating_sub(1);
    let count =
        plans.iter().map(|plan| plan.stage_of(plan.moves.len().saturating_sub(1), early)).max().unwrap_or(0) + 1;
    if count == 1 {
        return Ok(vec![]);
    }
    let stage = |at: usize| {
        let is_new = at >= main;
        let mut template = if is_new { new.clone() } else { old.clone() };
        let mut what = Vec::new();
        for plan in &plans {
            let made = |index: &usize| plan.stage_of(*index, early) <= at;
            let made: Vec<_> = (0..plan.moves.len()).filter(made).map(|index| &plan.moves[index]).collect();
            plan.apply(&mut template, &made);
            if let Some(last) = made.last().filter(|_| plan.stage_of(made.len() - 1, early) == at) {
                let table = descriptions.get(plan.table).map_or(plan.table, String::as_str);
                let verb = if last.adds { "new" } else { "removed" };
                what.push(format!("{verb} index `{}` of {table}", last.index));
            }
        }
        what.extend((at == main).then(|| "everything else".to_owned()));
        let template = (at + 1 < count).then(|| serde_yaml::to_string(&template)).transpose()?;
        Ok(Stage { template, is_new, what: what.join(", ") })
    };
    (0..count).map(stage).collect()
}

/// What becomes of one table's indexes, one after the other.
struct Plan<'a> {
    table: &'a str,
    old: &'a Mapping,
    new: &'a Mapping,
    moves: Vec<Move<'a>>,
    /// How many of the first have to be made by the time that everything else changes.
    early: usize,
}

struct Move<'a> {
    index: &'a str,
    adds: bool,
}

impl<'a> Plan<'a> {
    fn of(table: &'a str, old: &'a Yaml, new: &'a Yaml) -> Option<Self> {
        let (old, new) = (properties(old, table)?, properties(new, table)?);
        let (mut moves, mut gone) = (Vec::new(), Vec::new());
        for (index, entry) in indexes(old) {
            match find(new, index) {
                Some(same) if shape(same) == shape(entry) => {}
                // Keys and projection can't change in place.
                Some(_) => moves.extend([false, true].map(|adds| Move { index, adds })),
                None => gone.push(Move { index, adds: false }),
            }
        }
        moves.extend(
            indexes(new).filter(|(index, _)| find(old, index).is_none()).map(|(index, _)| Move { index, adds: true }),
        );
        let early = moves.len();
        moves.extend(gone);
        (!moves.is_empty()).then_some(Self { table, old, new, moves, early })
    }

    /// In which update a move is made, if those before everything else take `early` for some table.
    fn stage_of(&self, index: usize, early: usize) -> usize {
        let main = early.saturating_sub(1);
        let is_free = self.early <= main || early == 0;
        if index < self.early { index } else { main + usize::from(!is_free) + index - self.early }
    }

    /// Gives the template's table the indexes that it has after these moves.
    fn apply(&self, template: &mut Yaml, made: &[&Move<'_>]) {
        let latest = |index: &str| made.iter().rfind(|one| one.index == index).map(|one| one.adds);
        let kept = indexes(self.old).filter(|(index, _)| latest(index).is_none());
        let added = indexes(self.new).filter(|(index, _)| latest(index) == Some(true));
        let indexes: Vec<Yaml> = kept.chain(added).map(|(_, entry)| entry.clone()).collect();
        let Some(table) = properties_mut(template, self.table) else { return };
        // Each attribute of a key has to be defined, and no other may be.
        let keys = indexes.iter().filter_map(|index| index.get("KeySchema")).chain(table.get("KeySchema"));
        let used: BTreeSet<_> = keys.filter_map(Yaml::as_sequence).flatten().filter_map(attribute).collect();
        let mut defined: Vec<Yaml> = Vec::new();
        for one in [self.old, self.new].into_iter().filter_map(|table| table.get(ATTRIBUTES)?.as_sequence()).flatten() {
            if attribute(one).is_some_and(|name| used.contains(name)) && !defined.contains(one) {
                defined.push(one.clone());
            }
        }
        table.insert(ATTRIBUTES.into(), Yaml::Sequence(defined));
        if indexes.is_empty() {
            table.remove(INDEXES);
        } else {
            table.insert(INDEXES.into(), Yaml::Sequence(indexes));
        }
    }
}

fn tables(template: &Yaml) -> impl Iterator<Item = &str> {
    let resources = template.get("Resources").and_then(Yaml::as_mapping).into_iter().flatten();
    resources.filter_map(|(logical, resource)| {
        (resource.get("Type")?.as_str()? == "AWS::DynamoDB::Table").then(|| logical.as_str())?
    })
}

fn properties<'a>(template: &'a Yaml, table: &str) -> Option<&'a Mapping> {
    template.get("Resources")?.get(table)?.get("Properties")?.as_mapping()
}

fn properties_mut<'a>(template: &'a mut Yaml, table: &str) -> Option<&'a mut Mapping> {
    template.get_mut("Resources")?.get_mut(table)?.get_mut("Properties")?.as_mapping_mut()
}

fn indexes(table: &Mapping) -> impl Iterator<Item = (&str, &Yaml)> {
    let list = table.get(INDEXES).and_then(Yaml::as_sequence).into_iter().flatten();
    list.filter_map(|index| Some((index.get("IndexName")?.as_str()?, index)))
}

fn find<'a>(table: &'a Mapping, index: &str) -> Option<&'a Yaml> {
    indexes(table).find(|(name, _)| *name == index).map(|(_, entry)| entry)
}

fn shape(index: &Yaml) -> [Option<&Yaml>; 2] {
    ["KeySchema", "Projection"].map(|part| index.get(part))
}

fn attribute(of: &Yaml) -> Option<&str> {
    of.get("AttributeName")?.as_str()
}
