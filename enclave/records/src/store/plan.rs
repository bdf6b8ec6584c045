//! From a filter to a statement, the same for both engines. The store's. One condition leads,
//! the one that means the fewest; every other is asked of each row that it yields. Whoever is
//! hidden from the asker is left out wherever a resource is passed, on the way too. Nothing
//! of a query is ever in a statement's text.

mod condition;
mod lead;
mod many;

use autoclave_fhir::Kind;
use autoclave_search::Filter;

use super::sql::{Dialect, Sql, Value, number};
use super::{Hidden, Indexer, StoreError};
use crate::Tenant;

/// Makes one statement.
pub(super) struct Planner<'a> {
    sql: &'a mut dyn Sql,
    indexer: &'a dyn Indexer,
    dialect: Dialect,
    values: Vec<Value<'a>>,
    aliases: usize,
    hidden: &'a Hidden,
    /// Which values the hidden ones are, once they are: of matches, and on the way.
    hidden_at: [Option<usize>; 2],
    /// How many chains lead here.
    depth: usize,
    tenant: Tenant,
}

/// Resources of a type that a filter means, each once.
pub(super) struct Source {
    /// After `FROM`.
    pub(super) from: String,
    /// After `WHERE`: all of these.
    pub(super) conditions: Vec<String>,
    /// The row.
    pub(super) row: String,
    /// What the table `resource` is called, where it takes part.
    pub(super) resource: Option<String>,
}

impl Source {
    pub(super) fn clauses(&self) -> String {
        format!("FROM {} WHERE {}", self.from, self.conditions.join(" AND "))
    }
}

/// What a source is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A page in the order of storing: it pays to stop early.
    Page,
    /// All of them.
    All,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        sql: &'a mut dyn Sql,
        indexer: &'a dyn Indexer,
        tenant: Tenant,
        hidden: &'a Hidden,
    ) -> Self {
        let dialect = sql.dialect();
        // The institution is value 1 of every statement.
        let values = vec![Value::Int(i64::from(tenant.0))];
        Self {
            sql,
            indexer,
            dialect,
            values,
            aliases: 0,
            hidden,
            hidden_at: [None; 2],
            depth: 0,
            tenant,
        }
    }

    /// The connection again, and the values of the statement.
    pub(super) fn finish(self) -> (&'a mut dyn Sql, Vec<Value<'a>>) {
        (self.sql, self.values)
    }

    /// Those of these types that the filter means. `joined` asks for the table `resource`.
    pub(super) fn source(
        &mut self,
        kinds: &[Kind],
        filter: &Filter,
        joined: bool,
        wanted: Use,
    ) -> Result<Source, StoreError> {
        let mut parts = Vec::new();
        flatten(filter, &mut parts);
        let lead = self.choose(&parts, wanted)?;
        let (mut source, is_typed) = match lead {
            Some(at) => self.lead(parts.remove(at), kinds)?,
            None => (self.all_of(kinds), true),
        };
        let needs = joined || !is_typed || self.hides();
        if needs && source.resource.is_none() {
            let of = self.alias();
            source.from = format!("{} CROSS JOIN resource {of}", source.from);
            source.conditions.push(format!("{of}.tenant = ?1 AND {of}.row = {}", source.row));
            source.resource = Some(of);
        }
        if let Some(of) = source.resource.clone() {
            if !is_typed {
                source.conditions.push(self.of_kinds(&of, kinds));
            }
            source.conditions.extend(self.visible(&of));
        }
        for part in parts {
            let condition = self.condition(part, &source.row, source.resource.as_deref());
            source.conditions.push(condition);
        }
        Ok(source)
    }

    /// All of these types.
    fn all_of(&mut self, kinds: &[Kind]) -> Source {
        let of = self.alias();
        let kinds = self.of_kinds(&of, kinds);
        Source {
            from: format!("resource {of}"),
            conditions: vec![format!("{of}.tenant = ?1 AND {kinds} AND {of}.how <> 2")],
            row: format!("{of}.row"),
            resource: Some(of),
        }
    }

    /// That a resource is of one of these types.
    fn of_kinds(&mut self, of: &str, kinds: &[Kind]) -> String {
        match kinds {
            [] => "0 = 0".to_owned(),
            [kind] => format!("{of}.kind = {}", self.int(i64::from(kind.number()))),
            kinds => {
                let numbers = kinds.iter().map(|kind| i64::from(kind.number())).collect();
                let list = self.list(numbers);
                format!("{of}.kind IN ({list})")
            }
        }
    }

    /// Whether anybody is hidden here.
    fn hides(&self) -> bool {
        !self.hidden.owners.is_empty() || (self.depth > 0 && !self.hidden.partly.is_empty())
    }

    /// That the asker may meet a resource: on the way of a chain, where nobody opens it and
    /// decides, only if everything of its patient's may be met.
    fn visible(&mut self, of: &str) -> Option<String> {
        if !self.hides() {
            return None;
        }
        let way = usize::from(self.depth > 0);
        let at = if let Some(at) = self.hidden_at[way] {
            at
        } else {
            let mut hidden = self.hidden.owners.clone();
            if way > 0 {
                hidden.extend_from_slice(&self.hidden.partly);
            }
            self.values.push(Value::Ints(hidden));
            *self.hidden_at[way].insert(self.values.len())
        };
        Some(format!("{of}.owner NOT IN ({})", self.dialect.list(at)))
    }

    /// What is made by `step`, which is on the way to what is meant.
    fn on_the_way<T>(&mut self, step: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let made = step(self);
        self.depth -= 1;
        made
    }

    /// A name for one more table.
    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    /// A value, as the statement names it.
    pub(super) fn value(&mut self, value: Value<'a>) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }

    pub(super) fn int(&mut self, value: i64) -> String {
        self.value(Value::Int(value))
    }

    /// A list, as the statement names its members.
    fn list(&mut self, values: Vec<i64>) -> String {
        self.values.push(Value::Ints(values));
        self.dialect.list(self.values.len())
    }

    /// A list, as a table of this name.
    fn table(&mut self, values: Vec<i64>, name: &str) -> String {
        self.values.push(Value::Ints(values));
        self.dialect.table(self.values.len(), name)
    }

    /// How many rows a statement yields, up to a limit. It has values of its own.
    fn probe(
        &mut self,
        clauses: &str,
        mut values: Vec<Value<'_>>,
        limit: i64,
    ) -> Result<u64, StoreError> {
        values.insert(0, Value::Int(i64::from(self.tenant.0)));
        values.push(Value::Int(limit));
        let at = values.len();
        let count = format!("SELECT count(*) FROM (SELECT 1 FROM {clauses} LIMIT ?{at}) AS few");
        Ok(number(self.sql, &count, &values)?.unsigned_abs())
    }
}

/// The conditions of which all must hold.
fn flatten<'f>(filter: &'f Filter, into: &mut Vec<&'f Filter>) {
    match filter {
        Filter::Everything => {}
        Filter::All(parts) => parts.iter().for_each(|part| flatten(part, into)),
        Filter::Any(parts) if parts.len() == 1 => flatten(&parts[0], into),
        part => into.push(part),
    }
}
