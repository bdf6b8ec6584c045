//! What was there before: versions of one resource, of a type or of everything, newest first.
//! The store's. Deleted resources are in it; erased ones are not.

use super::sql::{Value, all};
use super::view::{HEAD, head};
use super::{Hidden, Past, Scope, StoreError, Stored, View};

impl View<'_> {
    /// Versions, newest first.
    pub fn history(&mut self, past: Past, hidden: &Hidden) -> Result<Vec<Stored>, StoreError> {
        let mut values = vec![
            self.tenant_value(),
            Value::Int(past.since.unwrap_or(i64::MIN)),
            Value::Int(i64::from(past.limit)),
        ];
        let mut common = vec!["r.tenant = ?1 AND r.updated >= ?2".to_owned()];
        let mut value = |value: Value<'static>| {
            values.push(value);
            values.len()
        };
        match past.scope {
            Scope::System => {}
            Scope::Type(kind) => {
                let kind = value(Value::Int(i64::from(kind.number())));
                common.push(format!("r.kind = ?{kind}"));
            }
            Scope::Instance(key) => {
                let key = value(Value::Int(key));
                common.push(format!(
                    "r.row = (SELECT row FROM resource WHERE tenant = ?1 AND key = ?{key})"
                ));
            }
        }
        if let Some(cursor) = past.before {
            let updated = value(Value::Int(cursor.updated));
            let row = value(Value::Int(cursor.row));
            let version = value(Value::Int(i64::from(cursor.version)));
            common.push(format!(
                "r.updated <= ?{updated} AND (r.updated < ?{updated} OR r.row < ?{row}
                 OR (r.row = ?{row} AND r.version < ?{version}))"
            ));
        }
        if !hidden.owners.is_empty() {
            let list = value(Value::Ints(hidden.owners.clone()));
            common.push(format!("r.owner NOT IN ({})", self.sql.dialect().list(list)));
        }
        let mut ended = String::new();
        if let Some((from, to)) = past.at {
            let (from, to) = (value(Value::Int(from)), value(Value::Int(to)));
            common.push(format!("r.updated <= ?{to}"));
            ended = format!(" AND r.ended > ?{from}");
        }
        self.pick(&common.join(" AND "), &ended, &values)
    }

    /// Heads first, in order; then the bodies of those alone.
    fn pick(
        &mut self,
        common: &str,
        ended: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<Stored>, StoreError> {
        let order = "ORDER BY updated DESC, row DESC, version DESC LIMIT ?3";
        let find = format!(
            "SELECT * FROM (SELECT {HEAD}, 1 AS newest FROM resource r WHERE {common} {order}) a
             UNION ALL
             SELECT * FROM (SELECT {HEAD}, 0 AS newest FROM version r WHERE {common}{ended} {order}) b
             {order}"
        );
        let found = all(self.sql, &find, values, |row| Ok((head(row)?, row.int(7)? == 1)))?;
        let mut versions = Vec::with_capacity(found.len());
        for (head, is_newest) in found {
            let stored = if is_newest {
                self.newest(head.key)?
            } else {
                self.older(head.row, head.version)?
            };
            versions.push(stored.ok_or(StoreError::Malformed)?);
        }
        Ok(versions)
    }
}
