//! Which condition leads, and how it yields rows by itself. The store's. What leads is chosen
//! by asking the index how much each would yield, never by guessing from names.

use autoclave_fhir::Kind;
use autoclave_search::{Filter, Parameter};

use super::{Planner, Source, Use};
use crate::store::sql::Value;
use crate::store::{StoreError, index};

/// A condition that yields fewer leads without further questions.
const FEW: i64 = 64;
/// What yields more is not counted further.
const MANY: i64 = 4_096;

impl Planner<'_> {
    /// Which of the conditions leads; none where it is best to go through the type.
    pub(super) fn choose(
        &mut self,
        parts: &[&Filter],
        wanted: Use,
    ) -> Result<Option<usize>, StoreError> {
        if let Some(at) = parts.iter().position(|part| matches!(part, Filter::Nothing)) {
            return Ok(Some(at));
        }
        let able: Vec<usize> = (0..parts.len()).filter(|at| can_lead(parts[*at])).collect();
        if let [only] = able[..]
            && (wanted == Use::All || is_ordered(parts[only]))
        {
            return Ok(Some(only));
        }
        for limit in [FEW, MANY] {
            let mut best = None;
            for &at in &able {
                let yields = self.yields(parts[at], limit)?;
                if best.is_none_or(|(fewest, _)| yields < fewest) {
                    best = Some((yields, at));
                }
            }
            if let Some((_, at)) = best.filter(|(yields, _)| *yields < limit.unsigned_abs()) {
                return Ok(Some(at));
            }
        }
        // Each means many: what comes in the order of storing can stop early.
        let ordered = able.iter().copied().find(|at| is_ordered(parts[*at]));
        Ok(ordered.or_else(|| able.first().copied().filter(|_| wanted == Use::All)))
    }

    /// About how many rows a condition yields, up to a limit.
    fn yields(&mut self, part: &Filter, limit: i64) -> Result<u64, StoreError> {
        match part {
            Filter::Keys(keys) => Ok(keys.len() as u64),
            Filter::Term { parameter, term, .. } => {
                let values = vec![Value::Int(index::number(*parameter)), Value::Int(*term)];
                self.probe("term WHERE tenant = ?1 AND parameter = ?2 AND term = ?3", values, limit)
            }
            Filter::Compartment { patient } => self.probe(
                "compartment WHERE tenant = ?1 AND patient = ?2",
                vec![Value::Int(*patient)],
                limit,
            ),
            Filter::Updated { from, to } => {
                let bounds = vec![from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX)];
                let clauses = "resource WHERE tenant = ?1 AND updated >= ?2 AND updated <= ?3";
                self.probe(clauses, bounds.into_iter().map(Value::Int).collect(), limit)
            }
            Filter::Span { parameter, unit, low_from, low_to, .. } => {
                let clauses = "span WHERE tenant = ?1 AND parameter = ?2 AND unit = ?3
                     AND low >= ?4 AND low <= ?5";
                let values = vec![
                    Value::Int(index::number(*parameter)),
                    Value::Int(*unit),
                    Value::Real(low_from.unwrap_or(f64::NEG_INFINITY)),
                    Value::Real(low_to.unwrap_or(f64::INFINITY)),
                ];
                self.probe(clauses, values, limit)
            }
            Filter::Any(parts) => parts
                .iter()
                .try_fold(0, |sum: u64, part| Ok(sum.saturating_add(self.yields(part, limit)?))),
            Filter::All(parts) => {
                let mut fewest = u64::MAX;
                for part in parts.iter().filter(|part| can_lead(part)) {
                    fewest = fewest.min(self.yields(part, limit)?);
                }
                Ok(fewest)
            }
            Filter::Chain { target: inner, .. } | Filter::Reverse { source: inner, .. } => {
                // Each of those brings several with it.
                Ok(self.yields(inner, limit)?.saturating_mul(4))
            }
            _ => Ok(u64::MAX),
        }
    }

    /// The rows of one condition, each once, and whether all are of the type that is meant.
    pub(super) fn lead(
        &mut self,
        part: &Filter,
        kinds: &[Kind],
    ) -> Result<(Source, bool), StoreError> {
        match part {
            Filter::Term { parameter, term, system } => {
                Ok((self.by_term(*parameter, *term, *system), true))
            }
            Filter::Compartment { patient } => Ok((self.by_compartment(*patient), false)),
            Filter::Keys(keys) => {
                let mut keys = keys.clone();
                keys.sort_unstable();
                keys.dedup();
                let name = self.alias();
                let list = self.table(keys, &name);
                let mut source = self.by_resource(|of| format!("{of}.key = {name}.value"));
                source.from = format!("{list} CROSS JOIN {}", source.from);
                Ok((source, false))
            }
            Filter::Updated { from, to } => {
                let from = self.int(from.unwrap_or(i64::MIN));
                let to = self.int(to.unwrap_or(i64::MAX));
                let between = |of: &str| format!("{of}.updated >= {from} AND {of}.updated <= {to}");
                Ok((self.by_resource(between), false))
            }
            Filter::Span { .. } => {
                let of = self.alias();
                let bounds = self.span(part, &of);
                let rows = format!("SELECT DISTINCT {of}.row AS row FROM span {of} WHERE {bounds}");
                Ok((self.by_rows(&rows), true))
            }
            Filter::Any(parts) => Ok((self.rows_of_any(parts, kinds)?, true)),
            Filter::Chain { parameter, kinds: targets, target } => {
                Ok((self.by_chain(*parameter, targets, target)?, true))
            }
            Filter::Reverse { kind, parameter, source } => {
                Ok((self.by_reverse(*kind, *parameter, source, kinds)?, true))
            }
            _ => {
                let of = self.alias();
                let source = Source {
                    from: format!("resource {of}"),
                    conditions: vec![format!("{of}.tenant = ?1 AND 0 = 1")],
                    row: format!("{of}.row"),
                    resource: Some(of),
                };
                Ok((source, true))
            }
        }
    }

    /// What a condition yields, as a subquery.
    pub(super) fn rows_of(&mut self, part: &Filter, kinds: &[Kind]) -> Result<String, StoreError> {
        let source = self.source(kinds, part, false, Use::All)?;
        Ok(format!("SELECT {} AS row {}", source.row, source.clauses()))
    }

    fn by_term(&mut self, parameter: Parameter, term: i64, system: Option<i64>) -> Source {
        let of = self.alias();
        let parameter = self.int(index::number(parameter));
        let term = self.int(term);
        let place =
            format!("{of}.tenant = ?1 AND {of}.parameter = {parameter} AND {of}.term = {term}");
        let once = if let Some(system) = system {
            format!("{of}.system = {}", self.int(system))
        } else {
            // The same term under two systems is one match.
            let other = self.alias();
            format!(
                "NOT EXISTS (SELECT 1 FROM term {other} WHERE {other}.tenant = ?1
                 AND {other}.parameter = {parameter} AND {other}.term = {term}
                 AND {other}.row = {of}.row AND {other}.system < {of}.system)"
            )
        };
        Source {
            from: format!("term {of}"),
            conditions: vec![place, once],
            row: format!("{of}.row"),
            resource: None,
        }
    }

    fn by_compartment(&mut self, patient: i64) -> Source {
        let (of, patient) = (self.alias(), self.int(patient));
        Source {
            from: format!("compartment {of}"),
            conditions: vec![format!("{of}.tenant = ?1 AND {of}.patient = {patient}")],
            row: format!("{of}.row"),
            resource: None,
        }
    }

    fn by_resource(&mut self, condition: impl FnOnce(&str) -> String) -> Source {
        let of = self.alias();
        Source {
            from: format!("resource {of}"),
            conditions: vec![format!("{of}.tenant = ?1 AND {of}.how <> 2"), condition(&of)],
            row: format!("{of}.row"),
            resource: Some(of),
        }
    }

    pub(super) fn by_rows(&mut self, rows: &str) -> Source {
        let of = self.alias();
        Source {
            from: format!("({rows}) {of}"),
            conditions: vec!["0 = 0".to_owned()],
            row: format!("{of}.row"),
            resource: None,
        }
    }

    fn by_chain(
        &mut self,
        parameter: Parameter,
        targets: &[Kind],
        target: &Filter,
    ) -> Result<Source, StoreError> {
        let inner = self.on_the_way(|way| way.source(targets, target, true, Use::All))?;
        let of = self.alias();
        let parameter = self.int(index::number(parameter));
        let target = inner.resource.as_deref().unwrap_or_default();
        let rows = format!(
            "SELECT DISTINCT {of}.row AS row FROM {} CROSS JOIN term {of} WHERE {}
             AND {of}.tenant = ?1 AND {of}.parameter = {parameter} AND {of}.term = {target}.key",
            inner.from,
            inner.conditions.join(" AND ")
        );
        Ok(self.by_rows(&rows))
    }

    fn by_reverse(
        &mut self,
        kind: Kind,
        parameter: Parameter,
        source: &Filter,
        kinds: &[Kind],
    ) -> Result<Source, StoreError> {
        let inner = self.on_the_way(|way| way.source(&[kind], source, false, Use::All))?;
        let (link, of) = (self.alias(), self.alias());
        let parameter = self.int(index::number(parameter));
        let kinds = self.of_kinds(&of, kinds);
        let rows = format!(
            "SELECT DISTINCT {of}.row AS row FROM {} CROSS JOIN link {link} CROSS JOIN resource {of}
             WHERE {} AND {link}.tenant = ?1 AND {link}.row = {} AND {link}.parameter = {parameter}
             AND {of}.tenant = ?1 AND {of}.key = {link}.target AND {kinds} AND {of}.how <> 2",
            inner.from,
            inner.conditions.join(" AND "),
            inner.row
        );
        Ok(self.by_rows(&rows))
    }
}

/// Whether a condition can yield rows by itself without going through the type.
fn can_lead(part: &Filter) -> bool {
    match part {
        Filter::Term { .. }
        | Filter::Compartment { .. }
        | Filter::Keys(_)
        | Filter::Updated { .. }
        | Filter::Span { .. }
        | Filter::Nothing => true,
        Filter::Any(parts) => !parts.is_empty() && parts.iter().all(can_lead),
        Filter::All(parts) => parts.iter().any(can_lead),
        Filter::Chain { target: inner, .. } | Filter::Reverse { source: inner, .. } => {
            can_lead(inner)
        }
        _ => false,
    }
}

/// Whether it yields them in the order of storing.
const fn is_ordered(part: &Filter) -> bool {
    matches!(part, Filter::Term { .. } | Filter::Compartment { .. } | Filter::Keys(_))
}
