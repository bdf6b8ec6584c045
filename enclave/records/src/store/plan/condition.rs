//! A filter as a condition on one row. The store's.

use autoclave_fhir::Kind;
use autoclave_search::{Filter, Parameter};

use super::Planner;
use crate::store::index;
use crate::store::sql::Value;

impl Planner<'_> {
    /// That the filter means the resource at this row, whose table is named if it takes part.
    pub(super) fn condition(
        &mut self,
        filter: &Filter,
        row: &str,
        resource: Option<&str>,
    ) -> String {
        match filter {
            Filter::Everything => "0 = 0".to_owned(),
            Filter::Nothing => "0 = 1".to_owned(),
            Filter::All(parts) => self.joined(parts, " AND ", "0 = 0", row, resource),
            Filter::Any(parts) => self.any_of(parts, row, resource),
            Filter::Not(part) => format!("NOT {}", self.condition(part, row, resource)),
            Filter::Term { parameter, term, system } => {
                self.has_term(*parameter, *term, *system, row)
            }
            Filter::System { parameter, system } => self.has_system(*parameter, *system, row),
            Filter::Span { .. } => {
                let of = self.alias();
                let bounds = self.span(filter, &of);
                format!("EXISTS (SELECT 1 FROM span {of} WHERE {bounds} AND {of}.row = {row})")
            }
            Filter::Present { parameter, is_span } => self.has_any(*parameter, *is_span, row),
            Filter::Chain { parameter, kinds, target } => {
                self.leads_to(*parameter, kinds, target, row)
            }
            Filter::Reverse { parameter, source, .. } => {
                self.is_led_to(*parameter, source, row, resource)
            }
            Filter::Keys(keys) => {
                let list = self.list(keys.clone());
                self.of_resource(row, resource, |of| format!("{of}.key IN ({list})"))
            }
            Filter::Updated { from, to } => {
                let from = self.int(from.unwrap_or(i64::MIN));
                let to = self.int(to.unwrap_or(i64::MAX));
                self.of_resource(row, resource, |of| {
                    format!("({of}.updated >= {from} AND {of}.updated <= {to})")
                })
            }
            Filter::Compartment { patient } => {
                let (of, patient) = (self.alias(), self.int(*patient));
                format!(
                    "EXISTS (SELECT 1 FROM compartment {of} WHERE {of}.tenant = ?1
                     AND {of}.patient = {patient} AND {of}.row = {row})"
                )
            }
        }
    }

    fn joined(
        &mut self,
        parts: &[Filter],
        by: &str,
        none: &str,
        row: &str,
        resource: Option<&str>,
    ) -> String {
        let parts: Vec<String> =
            parts.iter().map(|part| self.condition(part, row, resource)).collect();
        if parts.is_empty() { none.to_owned() } else { format!("({})", parts.join(by)) }
    }

    fn has_term(
        &mut self,
        parameter: Parameter,
        term: i64,
        system: Option<i64>,
        row: &str,
    ) -> String {
        let of = self.alias();
        let parameter = self.int(index::number(parameter));
        let term = self.int(term);
        let system = system
            .map_or_else(String::new, |system| format!(" AND {of}.system = {}", self.int(system)));
        format!(
            "EXISTS (SELECT 1 FROM term {of} WHERE {of}.tenant = ?1
             AND {of}.parameter = {parameter} AND {of}.term = {term} AND {of}.row = {row}{system})"
        )
    }

    /// Seldom asked: reads the parameter's terms once.
    fn has_system(&mut self, parameter: Parameter, system: i64, row: &str) -> String {
        let of = self.alias();
        let (parameter, system) = (self.int(index::number(parameter)), self.int(system));
        format!(
            "{row} IN (SELECT {of}.row FROM term {of} WHERE {of}.tenant = ?1
             AND {of}.parameter = {parameter} AND {of}.system = {system})"
        )
    }

    fn has_any(&mut self, parameter: Parameter, is_span: bool, row: &str) -> String {
        let of = self.alias();
        let number = self.int(index::number(parameter));
        let table = match (is_span, self.indexer.is_reference(parameter)) {
            (true, _) => "span",
            (false, true) => "link",
            (false, false) => {
                return format!(
                    "{row} IN (SELECT {of}.row FROM term {of} WHERE {of}.tenant = ?1
                     AND {of}.parameter = {number})"
                );
            }
        };
        format!(
            "EXISTS (SELECT 1 FROM {table} {of} WHERE {of}.tenant = ?1 AND {of}.row = {row}
             AND {of}.parameter = {number})"
        )
    }

    /// The bounds of a span, and of which parameter it is.
    pub(super) fn span(&mut self, filter: &Filter, of: &str) -> String {
        let Filter::Span { parameter, unit, low_from, low_to, high_from, high_to } = filter else {
            return "0 = 1".to_owned();
        };
        let (parameter, unit) = (self.int(index::number(*parameter)), self.int(*unit));
        let mut bounds = vec![format!(
            "{of}.tenant = ?1 AND {of}.parameter = {parameter} AND {of}.unit = {unit}"
        )];
        for (bound, column) in
            [(low_from, "low >="), (low_to, "low <="), (high_from, "high >="), (high_to, "high <=")]
        {
            if let Some(bound) = bound {
                let bound = self.value(Value::Real(*bound));
                bounds.push(format!("{of}.{column} {bound}"));
            }
        }
        bounds.join(" AND ")
    }

    fn leads_to(
        &mut self,
        parameter: Parameter,
        kinds: &[Kind],
        target: &Filter,
        row: &str,
    ) -> String {
        let (link, of) = (self.alias(), self.alias());
        let parameter = self.int(index::number(parameter));
        let kinds = self.of_kinds(&of, kinds);
        let (visible, target) = self.on_the_way(|way| {
            let visible = way.and_visible(&of);
            (visible, way.condition(target, &format!("{of}.row"), Some(&of)))
        });
        format!(
            "EXISTS (SELECT 1 FROM link {link} CROSS JOIN resource {of} WHERE {link}.tenant = ?1
             AND {link}.row = {row} AND {link}.parameter = {parameter} AND {of}.tenant = ?1
             AND {of}.key = {link}.target AND {kinds} AND {of}.how <> 2{visible} AND {target})"
        )
    }

    fn is_led_to(
        &mut self,
        parameter: Parameter,
        source: &Filter,
        row: &str,
        resource: Option<&str>,
    ) -> String {
        let (term, of) = (self.alias(), self.alias());
        let parameter = self.int(index::number(parameter));
        let key = if let Some(resource) = resource {
            format!("{resource}.key")
        } else {
            let own = self.alias();
            format!(
                "(SELECT {own}.key FROM resource {own} WHERE {own}.tenant = ?1
                 AND {own}.row = {row})"
            )
        };
        let (visible, source) = self.on_the_way(|way| {
            let visible = way.and_visible(&of);
            (visible, way.condition(source, &format!("{term}.row"), Some(&of)))
        });
        format!(
            "EXISTS (SELECT 1 FROM term {term} CROSS JOIN resource {of} WHERE {term}.tenant = ?1
             AND {term}.parameter = {parameter} AND {term}.term = {key} AND {of}.tenant = ?1
             AND {of}.row = {term}.row{visible} AND {source})"
        )
    }

    fn and_visible(&mut self, of: &str) -> String {
        self.visible(of).map_or_else(String::new, |visible| format!(" AND {visible}"))
    }

    fn of_resource(
        &mut self,
        row: &str,
        resource: Option<&str>,
        condition: impl FnOnce(&str) -> String,
    ) -> String {
        if let Some(resource) = resource {
            return condition(resource);
        }
        let of = self.alias();
        let condition = condition(&of);
        format!(
            "EXISTS (SELECT 1 FROM resource {of} WHERE {of}.tenant = ?1 AND {of}.row = {row}
             AND {condition})"
        )
    }
}
