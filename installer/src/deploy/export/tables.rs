//! Tables to files.

use runvoy_api::infra::{TABLES, Table};

use super::{Export, Lines, TableEntry, item};
use crate::{
    aws::explain,
    deploy::{destroy, progress::Step},
    error::{Error, Result, ResultExt as _},
    exit,
};

impl Export<'_> {
    pub(super) async fn write_tables(&mut self, step: &Step) -> Result<()> {
        for (table, id) in self.tables().await? {
            let name = table.name(self.site.deployment);
            step.detail(&name);
            let file = self.write_table(table.suffix, &name).await?;
            self.manifest.tables.retain(|known| known.table != table.suffix);
            self.manifest.tables.push(TableEntry { table: table.suffix.to_owned(), id, file });
            self.save()?;
        }
        Ok(())
    }

    /// The tables that are there. One that was made anew since does not take the place of the one that was exported.
    pub(super) async fn tables(&self) -> Result<Vec<(Table, String)>> {
        let mut found = Vec::new();
        for table in TABLES {
            let name = table.name(self.site.deployment);
            let Some(id) = destroy::identity_of_table(self.site.aws, &name).await? else { continue };
            if self.manifest.tables.iter().any(|known| known.table == table.suffix && known.id != id) {
                let problem = format!("`{}` holds an earlier table `{name}`, not this one", self.directory.display());
                return Err(Error::new(problem).hint("name another directory with `--export`").exit(exit::REFUSED));
            }
            found.push((table, id));
        }
        Ok(found)
    }

    async fn write_table(&self, suffix: &str, table: &str) -> Result<super::FileEntry> {
        let file = format!("tables/{suffix}.jsonl");
        let path = self.directory.join(&file);
        let mut lines = Lines::create(&path)?;
        let request = self.site.aws.dynamodb().scan().table_name(table).consistent_read(true);
        let mut rows = request.into_paginator().items().send();
        while let Some(row) = rows.next().await {
            let row = row.map_err(explain).context(format!("can't read the table `{table}`"))?;
            // That it is being removed is nothing that a deployment should wake up with.
            if let Some(row) = destroy::without_mark(row) {
                lines.push(&item::to_json(&row)?)?;
            }
        }
        lines.finish(&path, file)
    }
}
