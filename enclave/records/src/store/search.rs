//! Searching: which rows a filter means, in order, page by page, and how many they are. The
//! store's. A page begins behind a row, not behind a number of rows, so that writes between
//! two pages neither repeat nor lose a match.

use autoclave_fhir::Kind;
use autoclave_search::{Filter, Page, Sort, SortKey};

use super::plan::{Planner, Source, Use};
use super::sql::{Value, all, first, number};
use super::{Hidden, Hit, StoreError, View, index};

/// One key of the order, as the statement has it.
struct Key {
    expression: String,
    descending: bool,
    /// Whether it is a number that is not whole.
    is_real: bool,
}

impl View<'_> {
    /// What a filter means, in order. An order by opened values is the caller's to make: here
    /// it is that of storing.
    pub fn search(
        &mut self,
        kind: Kind,
        filter: &Filter,
        hidden: &Hidden,
        order: &[Sort],
        page: &Page,
        limit: u32,
    ) -> Result<Vec<Hit>, StoreError> {
        self.flush()?;
        let by_row = order.iter().all(|sort| !is_by_value(sort));
        let backwards = matches!(order, [Sort { key: SortKey::Stored, descending: true }]);
        let behind = self.behind(order, page)?;
        let indexer = &*self.shared.indexer;
        let mut planner = Planner::new(self.sql, indexer, self.tenant, hidden);
        let wanted = if by_row { Use::Page } else { Use::All };
        let mut source = planner.source(&[kind], filter, true, wanted)?;
        let keys = keys(&mut planner, &source, order);
        let after = match (page, by_row) {
            (Page::After(row), true) => {
                let row = planner.int(*row);
                let than = if backwards { "<" } else { ">" };
                Some(format!("{} {than} {row}", source.row))
            }
            (Page::After(_), false) => behind.map(|values| {
                let values: Vec<String> =
                    values.into_iter().map(|value| planner.value(value)).collect();
                beyond(&keys, &source.row, &values)
            }),
            _ => None,
        };
        source.conditions.extend(after);
        let sorted = sorted(&keys, &source.row, backwards);
        let key = format!("{}.key", source.resource.as_deref().unwrap_or_default());
        let limit = planner.int(i64::from(limit));
        let offset = match page {
            Page::Offset(rows) => format!(" OFFSET {}", planner.int(i64::from(*rows))),
            _ => String::new(),
        };
        let (row, clauses) = (&source.row, source.clauses());
        let text = format!("SELECT {row}, {key} {clauses} ORDER BY {sorted} LIMIT {limit}{offset}");
        let (sql, values) = planner.finish();
        all(sql, &text, &values, |row| Ok(Hit { row: row.int(0)?, key: row.int(1)? }))
    }

    /// How many a filter means.
    pub fn count(
        &mut self,
        kind: Kind,
        filter: &Filter,
        hidden: &Hidden,
    ) -> Result<u64, StoreError> {
        self.flush()?;
        let indexer = &*self.shared.indexer;
        let mut planner = Planner::new(self.sql, indexer, self.tenant, hidden);
        let source = planner.source(&[kind], filter, false, Use::All)?;
        let text = format!("SELECT count(*) {}", source.clauses());
        let (sql, values) = planner.finish();
        Ok(number(sql, &text, &values)?.unsigned_abs())
    }

    /// What the row that a page begins behind is ordered by, itself last.
    fn behind(
        &mut self,
        order: &[Sort],
        page: &Page,
    ) -> Result<Option<Vec<Value<'static>>>, StoreError> {
        let Page::After(after) = page else { return Ok(None) };
        let indexer = &*self.shared.indexer;
        let nobody = Hidden::NOBODY;
        let mut planner = Planner::new(self.sql, indexer, self.tenant, &nobody);
        let row = planner.int(*after);
        let source = Source {
            from: "resource r".to_owned(),
            conditions: vec![format!("r.tenant = ?1 AND r.row = {row}")],
            row: "r.row".to_owned(),
            resource: Some("r".to_owned()),
        };
        let keys = keys(&mut planner, &source, order);
        if keys.is_empty() {
            return Ok(None);
        }
        let columns: Vec<&str> = keys.iter().map(|key| key.expression.as_str()).collect();
        let text = format!("SELECT {} {}", columns.join(", "), source.clauses());
        let (sql, values) = planner.finish();
        let found = first(sql, &text, &values, |row| {
            let read = |(at, key): (usize, &Key)| {
                if key.is_real {
                    row.real(at).map(Value::Real)
                } else {
                    row.int(at).map(Value::Int)
                }
            };
            keys.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(found.map(|mut values| {
            values.push(Value::Int(*after));
            values
        }))
    }
}

const fn is_by_value(sort: &Sort) -> bool {
    matches!(sort.key, SortKey::Updated | SortKey::Span(_))
}

/// The values that decide the order, each with what stands for none: it comes last.
fn keys(planner: &mut Planner<'_>, source: &Source, order: &[Sort]) -> Vec<Key> {
    let resource = source.resource.as_deref().unwrap_or_default();
    let mut keys = Vec::new();
    for Sort { key, descending } in order.iter().copied() {
        match key {
            SortKey::Updated => {
                let expression = format!("{resource}.updated");
                keys.push(Key { expression, descending, is_real: false });
            }
            SortKey::Span(parameter) => {
                let parameter = planner.int(index::number(parameter));
                let (best, none) = if descending {
                    ("max(s.high)", f64::NEG_INFINITY)
                } else {
                    ("min(s.low)", f64::INFINITY)
                };
                let none = planner.value(Value::Real(none));
                let expression = format!(
                    "coalesce((SELECT {best} FROM span s WHERE s.tenant = ?1
                     AND s.row = {} AND s.parameter = {parameter} AND s.unit = 0), {none})",
                    source.row
                );
                keys.push(Key { expression, descending, is_real: true });
            }
            SortKey::Stored | SortKey::Opened(_) => {}
        }
    }
    keys
}

fn sorted(keys: &[Key], row: &str, backwards: bool) -> String {
    let mut sorted = String::new();
    for key in keys {
        sorted.push_str(&key.expression);
        sorted.push_str(if key.descending { " DESC, " } else { ", " });
    }
    sorted.push_str(row);
    sorted.push_str(if backwards { " DESC" } else { "" });
    sorted
}

/// That a row comes behind the one with these values.
fn beyond(keys: &[Key], row: &str, values: &[String]) -> String {
    let (mut ways, mut equal) = (Vec::new(), String::new());
    for (key, value) in keys.iter().zip(values) {
        let than = if key.descending { "<" } else { ">" };
        ways.push(format!("({equal}{} {than} {value})", key.expression));
        equal = format!("{equal}{} = {value} AND ", key.expression);
    }
    let last = values.last().map_or("0", String::as_str);
    ways.push(format!("({equal}{row} > {last})"));
    format!("({})", ways.join(" OR "))
}
