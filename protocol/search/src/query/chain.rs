//! Names of conditions: through references forward (`subject:Patient.name`) and backward
//! (`_has:Observation:patient:code`), link by link, to the condition at the end.

use std::cell::Cell;

use autoclave_fhir::Kind;

use super::asked::filter::any;
use super::check::Check;
use super::compare::Comparison;
use super::condition::Condition;
use super::value::{parts, prefix};
use super::{CHAIN_MAX, Context, KINDS_MAX, Named, QueryRefusal, VALUES_MAX};
use crate::Filter;
use crate::leaf::LeafKind;
use crate::reference::is_id;
use crate::table::{Only, ParameterInfo, ParameterType, UNSERVED, find};

/// Parameters of FHIR that are not served: refused under their own name.
const NOT_SERVED: [&str; 2] = ["_filter", "_list"];

/// Reads the names of conditions.
pub(crate) struct Chain<'a> {
    pub(crate) context: &'a Context<'a>,
    /// The name as it was asked for.
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    /// How many more rows the query may ask for.
    pub(crate) left: &'a Cell<usize>,
}

impl Chain<'_> {
    /// What a name and its value mean of resources of a type. Checks are for the type itself:
    /// behind a link there is no opened resource to ask.
    pub(crate) fn filter(
        &self,
        kind: Kind,
        name: &str,
        links: usize,
        checks: &mut Vec<Check>,
    ) -> Result<Filter, QueryRefusal> {
        if links > CHAIN_MAX {
            return Err(QueryRefusal::TooMuch(self.named()));
        }
        if let Some(rest) = name.strip_prefix("_has:") {
            return self.reverse(kind, rest, links);
        }
        let (head, rest) = match name.split_once('.') {
            Some((head, rest)) => (head, Some(rest)),
            None => (name, None),
        };
        let (code, modifier) = match head.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (head, None),
        };
        match (code, rest) {
            ("_id", None) => return self.ids(kind, modifier),
            ("_lastUpdated", None) => return self.updated(modifier),
            _ => {}
        }
        let info = self.parameter(kind, code)?;
        let (context, value) = (self.context, self.value);
        let condition = Condition { info, modifier, value, name: self.name, context };
        if let Some(rest) = rest {
            return self.forward(&condition, rest, links);
        }
        let understood = condition.understand()?;
        match understood.check {
            Some(_) if links > 0 => return Err(QueryRefusal::Chained(self.named())),
            check => checks.extend(check),
        }
        self.spend(size(&understood.filter))?;
        Ok(understood.filter)
    }

    /// Alternatives multiply along chains and over types of targets: their sum is bounded.
    fn spend(&self, count: usize) -> Result<(), QueryRefusal> {
        let left = self.left.get().checked_sub(count);
        self.left.set(left.ok_or_else(|| QueryRefusal::TooMuch(self.named()))?);
        Ok(())
    }

    fn named(&self) -> Named {
        Named::new(self.name)
    }

    fn parameter(&self, kind: Kind, code: &str) -> Result<&'static ParameterInfo, QueryRefusal> {
        let is_known = NOT_SERVED.contains(&code) || UNSERVED.contains(&code);
        match find(kind, code) {
            Some(info) => Ok(info),
            None if is_known || kind.name() == "Location" && code == "near" => {
                Err(QueryRefusal::Unserved(self.named()))
            }
            None => Err(QueryRefusal::Unknown(self.named())),
        }
    }

    /// `subject:Patient.name`: each type that the reference may lead to and that has the rest.
    fn forward(
        &self,
        condition: &Condition<'_>,
        rest: &str,
        links: usize,
    ) -> Result<Filter, QueryRefusal> {
        let info = condition.info;
        let is_canonical = info.leaves.iter().all(|leaf| leaf.kind == LeafKind::Canonical);
        if info.kind != ParameterType::Reference || is_canonical {
            return Err(QueryRefusal::Unserved(self.named()));
        }
        let kinds = match condition.modifier {
            Some(name) => vec![condition.type_modifier(name)?],
            None => self.kinds_with(info, rest)?,
        };
        let mut alternatives = Vec::new();
        for kind in kinds {
            let target = self.filter(kind, rest, links + 1, &mut Vec::new())?;
            for part in &info.parts {
                if !matches!(part.only, Only::Kind(only) if only != kind) {
                    let (parameter, target) = (part.numbers.plain, Box::new(target.clone()));
                    alternatives.push(Filter::Chain { parameter, kinds: vec![kind], target });
                }
            }
        }
        Ok(any(alternatives))
    }

    /// Types that have a parameter with which the rest begins.
    fn kinds_with(&self, info: &ParameterInfo, rest: &str) -> Result<Vec<Kind>, QueryRefusal> {
        let code = rest.split(['.', ':']).next().unwrap_or(rest);
        let has = |kind: &Kind| code == "_has" || find(*kind, code).is_some();
        let kinds: Vec<Kind> = info.target_kinds().into_iter().filter(has).collect();
        match kinds.len() {
            0 => Err(QueryRefusal::Unknown(self.named())),
            // A type has to be named: so many chains are nobody's question.
            count if count > KINDS_MAX => Err(QueryRefusal::TooMuch(self.named())),
            _ => Ok(kinds),
        }
    }

    /// `Observation:patient:code`: resources of that type that refer to this one.
    fn reverse(&self, kind: Kind, rest: &str, links: usize) -> Result<Filter, QueryRefusal> {
        let mut words = rest.splitn(3, ':');
        let (Some(source), Some(code), Some(rest)) = (words.next(), words.next(), words.next())
        else {
            return Err(QueryRefusal::Modifier(self.named()));
        };
        let from: Kind = source.parse().map_err(|_| QueryRefusal::Unknown(self.named()))?;
        let info = self.parameter(from, code)?;
        if info.kind != ParameterType::Reference || !info.leads_to(kind) {
            return Err(QueryRefusal::Unknown(self.named()));
        }
        let source = self.filter(from, rest, links + 1, &mut Vec::new())?;
        let of_part = |part: &crate::table::Part| Filter::Reverse {
            kind: from,
            parameter: part.numbers.plain,
            source: Box::new(source.clone()),
        };
        let fits =
            |part: &&crate::table::Part| !matches!(part.only, Only::Kind(only) if only != kind);
        Ok(any(info.parts.iter().filter(fits).map(of_part).collect()))
    }

    fn values(&self) -> Result<Vec<&str>, QueryRefusal> {
        let values = parts(self.value, ',');
        if values.len() > VALUES_MAX {
            return Err(QueryRefusal::TooMuch(self.named()));
        }
        Ok(values)
    }

    fn ids(&self, kind: Kind, modifier: Option<&str>) -> Result<Filter, QueryRefusal> {
        let values = self.values()?;
        if values.iter().any(|value| value.is_empty()) {
            return Err(QueryRefusal::Value(self.named()));
        }
        // What cannot be an id is nobody's.
        let ids = values.iter().filter(|id| is_id(id));
        let keys = ids.map(|id| self.context.blind.reference(kind, id)).collect();
        match modifier {
            None => Ok(Filter::Keys(keys)),
            Some("not") => Ok(Filter::Not(Box::new(Filter::Keys(keys)))),
            Some(_) => Err(QueryRefusal::Modifier(self.named())),
        }
    }

    fn updated(&self, modifier: Option<&str>) -> Result<Filter, QueryRefusal> {
        if modifier.is_some() {
            return Err(QueryRefusal::Modifier(self.named()));
        }
        let mut filters = Vec::new();
        for value in self.values()? {
            let comparison = prefix(value)
                .and_then(|(prefix, rest)| Comparison::date(prefix, rest, self.context.now));
            let comparison = comparison.ok_or_else(|| QueryRefusal::Value(self.named()))?;
            filters.extend(comparison.updated());
        }
        Ok(any(filters))
    }
}

/// How many rows a filter asks for.
fn size(filter: &Filter) -> usize {
    match filter {
        Filter::All(all) | Filter::Any(all) => all.iter().map(size).sum(),
        Filter::Not(not) => size(not),
        _ => 1,
    }
}
