//! One condition of a query: a parameter, its modifier, its values.

use autoclave_fhir::Kind;

use super::asked::filter::{any, present};
use super::asked::{Amount, Asked};
use super::check::Check;
use super::compare::Comparison;
use super::value::{parts, plain, prefix};
use super::{Context, Named, QueryRefusal, VALUES_MAX};
use crate::Filter;
use crate::decimal::Decimal;
use crate::leaf::LeafKind;
use crate::reference::{Target, is_id};
use crate::table::{Only, ParameterInfo, ParameterType};
use crate::text::{folded, normal, sounds};

/// A parameter as a query names it.
pub(crate) struct Condition<'a> {
    pub(crate) info: &'static ParameterInfo,
    pub(crate) modifier: Option<&'a str>,
    pub(crate) value: &'a str,
    /// The name as it was asked for, for refusals.
    pub(crate) name: &'a str,
    pub(crate) context: &'a Context<'a>,
}

/// A condition, understood.
pub(crate) struct Understood {
    pub(crate) filter: Filter,
    /// What rows cannot decide.
    pub(crate) check: Option<Check>,
}

impl Understood {
    fn exact(filter: Filter) -> Self {
        Self { filter, check: None }
    }
}

impl Condition<'_> {
    /// What it means.
    pub(crate) fn understand(&self) -> Result<Understood, QueryRefusal> {
        if self.modifier == Some("missing") {
            return self.missing();
        }
        let values = parts(self.value, ',');
        if values.len() > VALUES_MAX {
            return Err(QueryRefusal::TooMuch(Named::new(self.name)));
        }
        let mut asked = Vec::new();
        for value in values {
            asked.extend(self.asked(value)?);
        }
        let filters = asked.iter().map(|one| one.filter(self.info, self.context.blind)).collect();
        let filter = any(filters);
        if matches!(self.modifier, Some("not" | "not-in")) {
            return Ok(Understood::exact(Filter::Not(Box::new(filter))));
        }
        let is_whole = self.info.leaves.iter().any(|leaf| leaf.path.0.is_empty());
        let needs_check = asked.iter().any(|one| one.needs_check(is_whole));
        Ok(Understood { filter, check: needs_check.then_some(Check::Has(self.info, asked)) })
    }

    fn invalid(&self) -> QueryRefusal {
        QueryRefusal::Value(Named::new(self.name))
    }

    fn modifier_refused(&self) -> QueryRefusal {
        QueryRefusal::Modifier(Named::new(self.name))
    }

    fn missing(&self) -> Result<Understood, QueryRefusal> {
        let is_missing = match self.value {
            "true" => true,
            "false" => false,
            _ => return Err(self.invalid()),
        };
        if self.info.kind == ParameterType::Composite {
            return Err(self.modifier_refused());
        }
        let there = present(self.info, self.context.blind);
        // Rows that another parameter lends may be of other types of resources.
        let is_lent = self.info.parts.iter().any(|part| matches!(part.only, Only::Kind(_)));
        let filter = match (is_missing, is_lent) {
            (true, true) => Filter::Everything,
            (true, false) => Filter::Not(Box::new(there)),
            (false, _) => there,
        };
        let check = is_lent.then_some(Check::IsThere(self.info, !is_missing));
        Ok(Understood { filter, check })
    }

    /// What one of the alternatives asks for.
    fn asked(&self, value: &str) -> Result<Vec<Asked>, QueryRefusal> {
        if value.is_empty() {
            return Err(self.invalid());
        }
        let one = |asked: Option<Asked>| asked.map(|one| vec![one]).ok_or_else(|| self.invalid());
        match (self.info.kind, self.modifier) {
            (ParameterType::String, _) => one(self.string(value)?),
            (ParameterType::Token, _) => self.token(value),
            (ParameterType::Reference, _) => one(self.reference(value)?),
            (ParameterType::Uri, _) => self.uri(value),
            (_, Some(_)) | (ParameterType::Special, _) => Err(self.modifier_refused()),
            (ParameterType::Composite, None) => one(self.tuple(value)),
            (ParameterType::Date, None) => one(self.date(value)),
            (ParameterType::Number, None) => one(number(value, None)),
            (ParameterType::Quantity, None) => one(quantity(value)),
        }
    }

    fn string(&self, value: &str) -> Result<Option<Asked>, QueryRefusal> {
        let Some(text) = plain(value) else { return Ok(None) };
        let comparable = Some(normal(&text)).filter(|text| !text.is_empty());
        let is_sound = self.info.leaves.iter().all(|leaf| leaf.kind == LeafKind::Sound);
        match self.modifier {
            None if is_sound => {
                let words = Some(sounds(&text)).filter(|words| !words.is_empty());
                Ok(words.map(Asked::Sounds))
            }
            None => Ok(comparable.map(Asked::Begins)),
            Some("contains") if !is_sound => Ok(comparable.map(Asked::Contains)),
            Some("exact") if !is_sound => Ok(Some(Asked::Exact(text))),
            Some(_) => Err(self.modifier_refused()),
        }
    }

    fn token(&self, value: &str) -> Result<Vec<Asked>, QueryRefusal> {
        match self.modifier {
            None | Some("not") => token(value).map(|one| vec![one]).ok_or_else(|| self.invalid()),
            Some("text") => {
                let text = plain(value).map(|text| normal(&text)).filter(|text| !text.is_empty());
                text.map(|text| vec![Asked::TokenText(text)]).ok_or_else(|| self.invalid())
            }
            Some("of-type") => of_type(value).map(|one| vec![one]).ok_or_else(|| self.invalid()),
            Some("in" | "not-in") => {
                let value_set = plain(value).ok_or_else(|| self.invalid())?;
                let codes = self.context.terms.codes_of(&value_set);
                let codes = codes.ok_or_else(|| QueryRefusal::Terms(Named::new(self.name)))?;
                self.tokens(codes)
            }
            Some(way @ ("below" | "above")) => {
                let Some(Asked::Token { system: Some(system), code: Some(code) }) = token(value)
                else {
                    return Err(self.invalid());
                };
                let terms = self.context.terms;
                let codes = if way == "below" {
                    terms.below(&system, &code)
                } else {
                    terms.above(&system, &code)
                };
                let codes = codes.ok_or_else(|| QueryRefusal::Terms(Named::new(self.name)))?;
                self.tokens(codes.into_iter().map(|code| (system.clone(), code)).collect())
            }
            Some(_) => Err(self.modifier_refused()),
        }
    }

    fn tokens(&self, codes: Vec<(String, String)>) -> Result<Vec<Asked>, QueryRefusal> {
        if codes.len() > super::CODES_MAX {
            return Err(QueryRefusal::TooMuch(Named::new(self.name)));
        }
        let token = |(system, code)| Asked::Token { system: Some(system), code: Some(code) };
        Ok(codes.into_iter().map(token).collect())
    }

    fn reference(&self, value: &str) -> Result<Option<Asked>, QueryRefusal> {
        let only: Option<Kind> = match self.modifier {
            Some("identifier") => return Ok(logical(value)),
            Some(name) => Some(self.type_modifier(name)?),
            None => None,
        };
        let Some(text) = plain(value) else { return Ok(None) };
        if self.info.leaves.iter().all(|leaf| leaf.kind == LeafKind::Canonical) {
            return Ok(Some(Asked::Canonical(text)));
        }
        if is_id(&text) {
            let kinds = only.map_or_else(|| self.info.target_kinds(), |kind| vec![kind]);
            let targets = kinds.into_iter().map(|kind| (kind, text.clone())).collect();
            return Ok(Some(Asked::Targets(targets)));
        }
        Ok(match Target::asked(&text, self.context.bases) {
            Some(Target::Here(kind, id)) => {
                let fits = only.is_none_or(|only| only == kind);
                Some(Asked::Targets(fits.then(|| (kind, id.to_owned())).into_iter().collect()))
            }
            Some(Target::There(address)) => Some(Asked::There(address.to_owned())),
            None => None,
        })
    }

    /// A type that the parameter may refer to.
    pub(crate) fn type_modifier(&self, name: &str) -> Result<Kind, QueryRefusal> {
        let kind = name.parse().ok().filter(|kind| self.info.leads_to(*kind));
        kind.ok_or_else(|| self.modifier_refused())
    }

    fn uri(&self, value: &str) -> Result<Vec<Asked>, QueryRefusal> {
        let text = plain(value).ok_or_else(|| self.invalid())?;
        match self.modifier {
            None => Ok(vec![Asked::Uri(text)]),
            Some("below") => Ok(vec![Asked::UriBelow(text)]),
            Some("above") => Ok(above(&text).into_iter().map(Asked::Uri).collect()),
            Some(_) => Err(self.modifier_refused()),
        }
    }

    fn date(&self, value: &str) -> Option<Asked> {
        let (prefix, rest) = prefix(value)?;
        Comparison::date(prefix, rest, self.context.now).map(Asked::Date)
    }

    /// `first$second`, each as its own type asks.
    fn tuple(&self, value: &str) -> Option<Asked> {
        let components = self.info.leaves.iter().find_map(|leaf| match &leaf.kind {
            LeafKind::Tuple(components) => Some(components),
            _ => None,
        })?;
        let values = parts(value, '$');
        if values.len() != components.len() {
            return None;
        }
        let one = |(component, value): (&crate::leaf::Component, &&str)| match component.kind {
            _ if value.is_empty() => None,
            ParameterType::Token => token(value),
            ParameterType::Date => self.date(value),
            ParameterType::Number => number(value, None),
            ParameterType::Quantity => quantity(value),
            ParameterType::Reference => reference_text(value, self.context.bases),
            ParameterType::String => plain(value)
                .map(|text| normal(&text))
                .filter(|text| !text.is_empty())
                .map(Asked::Begins),
            _ => None,
        };
        components.iter().zip(&values).map(one).collect::<Option<Vec<_>>>().map(Asked::Tuple)
    }
}

fn token(value: &str) -> Option<Asked> {
    let parts = parts(value, '|');
    let text = |part: &str| plain(part);
    match parts.as_slice() {
        [code] => Some(Asked::Token { system: None, code: Some(text(code)?) }),
        ["", ""] => None,
        [system, ""] => Some(Asked::Token { system: Some(text(system)?), code: None }),
        [system, code] => {
            Some(Asked::Token { system: Some(text(system)?), code: Some(text(code)?) })
        }
        _ => None,
    }
}

fn logical(value: &str) -> Option<Asked> {
    match token(value)? {
        Asked::Token { system, code: Some(code) } => {
            Some(Asked::Logical { system, code: folded(&code).into_owned() })
        }
        _ => None,
    }
}

fn of_type(value: &str) -> Option<Asked> {
    match parts(value, '|').as_slice() {
        [_, "", _] | [_, _, ""] => None,
        [system, code, value] => Some(Asked::OfType {
            system: plain(system)?,
            code: plain(code)?,
            value: folded(&plain(value)?).into_owned(),
        }),
        _ => None,
    }
}

fn number(value: &str, unit: Option<(String, String)>) -> Option<Asked> {
    let (prefix, rest) = prefix(value)?;
    let number = Decimal::parse(rest)?;
    let comparison = Comparison::number(prefix, &number)?;
    Some(Asked::Amount(Amount { prefix, number, comparison, unit }))
}

/// `5.4`, `5.4|system|code`, `5.4||code` (R4, search.html#quantity).
fn quantity(value: &str) -> Option<Asked> {
    match parts(value, '|').as_slice() {
        [value] | [value, "", ""] => number(value, None),
        [_, _, ""] => None,
        [value, system, code] => number(value, Some((plain(system)?, plain(code)?))),
        _ => None,
    }
}

fn reference_text(value: &str, bases: &[String]) -> Option<Asked> {
    let text = plain(value)?;
    match Target::asked(&text, bases)? {
        Target::Here(kind, id) => Some(Asked::Targets(vec![(kind, id.to_owned())])),
        Target::There(address) => Some(Asked::There(address.to_owned())),
    }
}

/// A URI and all that it is below.
fn above(uri: &str) -> Vec<String> {
    let host = uri.find("://").map_or(0, |at| at + 3);
    let ends = uri.match_indices('/').map(|(at, _)| at).filter(|at| *at >= host);
    let mut all: Vec<String> = ends.map(|at| uri[..at].to_owned()).collect();
    all.push(uri.to_owned());
    all.retain(|uri| uri.len() > host);
    all
}
