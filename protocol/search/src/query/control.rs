//! Parameters that say how the answer is to look.

use autoclave_fhir::Kind;

use super::value::parts;
use super::{ELEMENTS_MAX, INCLUDES_MAX, Named, Query, QueryRefusal, SORTS_MAX, Summary, Total};
use crate::table::{Only, ParameterInfo, ParameterType, find};
use crate::{Include, Sort, SortKey};

impl Query {
    /// Takes a parameter that is about the answer; says whether it was one.
    pub(crate) fn control(
        &mut self,
        kind: Kind,
        name: &str,
        value: &str,
    ) -> Result<bool, QueryRefusal> {
        let invalid = || QueryRefusal::Value(Named::new(name));
        let base = name.split(':').next().unwrap_or(name);
        let takes_modifier = matches!(base, "_include" | "_revinclude");
        match base {
            "_type" | "_format" | "_pretty" => {}
            "_count" => self.count = Some(value.parse().map_err(|_| invalid())?),
            "_total" => self.total = total(value).ok_or_else(invalid)?,
            "_summary" => self.summary = Some(summary(value).ok_or_else(invalid)?),
            "_elements" => self.elements(value).ok_or_else(invalid)?,
            "_sort" => self.sort(kind, value)?,
            "_contained" if value == "false" => {}
            "_contained" | "_containedType" | "_score" => {
                return Err(QueryRefusal::Unserved(Named::new(name)));
            }
            "_include" | "_revinclude" => self.include(kind, base, name, value)?,
            _ => return Ok(false),
        }
        if name != base && !takes_modifier {
            return Err(QueryRefusal::Modifier(Named::new(name)));
        }
        Ok(true)
    }

    fn elements(&mut self, value: &str) -> Option<()> {
        for element in value.split(',') {
            let is_name = !element.is_empty()
                && element.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
            if !is_name || self.elements.len() == ELEMENTS_MAX {
                return None;
            }
            self.elements.push(element.to_owned());
        }
        Some(())
    }

    fn sort(&mut self, kind: Kind, value: &str) -> Result<(), QueryRefusal> {
        let named = || Named::new("_sort");
        let one = |text: &str| {
            let (descending, code) =
                text.strip_prefix('-').map_or((false, text), |code| (true, code));
            let key = find(kind, code).map(sort_key).ok_or_else(|| QueryRefusal::Names(named()))?;
            Ok(Sort { key, descending })
        };
        let keys = value.split(',').map(one).collect::<Result<Vec<_>, _>>()?;
        if keys.len() > SORTS_MAX {
            return Err(QueryRefusal::TooMuch(named()));
        }
        self.sort = keys;
        Ok(())
    }

    fn include(
        &mut self,
        kind: Kind,
        base: &str,
        name: &str,
        value: &str,
    ) -> Result<(), QueryRefusal> {
        let iterate = match name.strip_prefix(base) {
            Some("") => false,
            Some(":iterate" | ":recurse") => true,
            _ => return Err(QueryRefusal::Modifier(Named::new(name))),
        };
        for value in parts(value, ',') {
            if self.includes.len() == INCLUDES_MAX {
                return Err(QueryRefusal::TooMuch(Named::new(name)));
            }
            let include = match base {
                "_include" => include(kind, value, iterate),
                _ => reverse_include(value, iterate),
            };
            self.includes.push(include.ok_or_else(|| QueryRefusal::Names(Named::new(name)))?);
        }
        Ok(())
    }
}

fn total(value: &str) -> Option<Total> {
    match value {
        "none" => Some(Total::None),
        "estimate" => Some(Total::Estimate),
        "accurate" => Some(Total::Accurate),
        _ => None,
    }
}

fn summary(value: &str) -> Option<Summary> {
    match value {
        "true" => Some(Summary::True),
        "text" => Some(Summary::Text),
        "data" => Some(Summary::Data),
        "count" => Some(Summary::Count),
        "false" => Some(Summary::False),
        _ => None,
    }
}

fn sort_key(info: &ParameterInfo) -> SortKey {
    match info.parts.as_slice() {
        [] if info.code == "_lastUpdated" => SortKey::Updated,
        [part]
            if part.is_span && part.only == Only::All && info.kind != ParameterType::Composite =>
        {
            SortKey::Span(part.numbers.plain)
        }
        _ => SortKey::Opened(info.numbers.plain),
    }
}

/// `*`, `Type:*`, `Type:code`, `Type:code:Target`.
fn include(kind: Kind, value: &str, iterate: bool) -> Option<Include> {
    if value == "*" {
        let source = (!iterate).then_some(kind);
        return Some(Include { reverse: false, iterate, source, codes: Vec::new(), target: None });
    }
    let include = links(value, iterate, false)?;
    // Only what came along can be of another type.
    (iterate || include.source == Some(kind)).then_some(include)
}

fn reverse_include(value: &str, iterate: bool) -> Option<Include> {
    links(value, iterate, true)
}

fn links(value: &str, iterate: bool, reverse: bool) -> Option<Include> {
    let words: Vec<&str> = value.split(':').collect();
    let (source, code, target) = match words.as_slice() {
        [source, code] => (source, *code, None),
        [source, code, target] => (source, *code, Some(target)),
        _ => return None,
    };
    let source: Kind = source.parse().ok()?;
    let target = target.map(|target| target.parse::<Kind>()).transpose().ok()?;
    if code == "*" {
        return Some(Include { reverse, iterate, source: Some(source), codes: Vec::new(), target });
    }
    let info = find(source, code).filter(|info| info.kind == ParameterType::Reference)?;
    if target.is_some_and(|target| !info.leads_to(target)) {
        return None;
    }
    let target = target.or_else(|| own_target(info));
    Some(Include { reverse, iterate, source: Some(source), codes: vec![info.code], target })
}

/// The one type that a parameter such as `patient` speaks of.
fn own_target(info: &ParameterInfo) -> Option<Kind> {
    match info.targets.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}
