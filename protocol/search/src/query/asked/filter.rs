//! What is asked for as a filter over rows: exact, or wider where an opened resource is asked
//! again.

use super::Asked;
use crate::leaf::{Leaf, LeafKind, Unit, contact_folded};
use crate::reference::Target;
use crate::rows::{target_term, typed};
use crate::table::{Only, ParameterInfo, Part};
use crate::text::folded;
use crate::{Blind, Filter, Parameter, TEXTS_MAX};

/// One of these.
pub(crate) fn any(mut filters: Vec<Filter>) -> Filter {
    match filters.len() {
        0 => Filter::Nothing,
        1 => filters.remove(0),
        _ => Filter::Any(filters),
    }
}

/// All of these.
pub(crate) fn all(mut filters: Vec<Filter>) -> Filter {
    filters.retain(|filter| *filter != Filter::Everything);
    match filters.len() {
        0 => Filter::Everything,
        1 => filters.remove(0),
        _ => Filter::All(filters),
    }
}

/// Resources that have any value of a parameter.
pub(crate) fn present(info: &ParameterInfo, blind: &Blind) -> Filter {
    if info.parts.is_empty() {
        return Filter::Everything;
    }
    any(info.parts.iter().map(|part| part.present(blind)).collect())
}

impl Part {
    fn present(&self, blind: &Blind) -> Filter {
        let parameter = self.numbers.plain;
        match &self.only {
            Only::System(system) => Filter::System { parameter, system: blind.system(system) },
            _ => Filter::Present { parameter, is_span: self.is_span },
        }
    }
}

impl Asked {
    /// The resources that may have what is asked for.
    pub(crate) fn filter(&self, info: &ParameterInfo, blind: &Blind) -> Filter {
        if let Self::Tuple(asked) = self {
            return tuple(info, asked, blind);
        }
        let of_part = |part: &Part| self.of_part(part, blind);
        any(info.parts.iter().flat_map(of_part).collect())
    }

    fn of_part(&self, part: &Part, blind: &Blind) -> Vec<Filter> {
        let parameter = part.numbers.plain;
        let term = |parameter: Parameter, text: &str| Filter::Term {
            parameter,
            term: blind.term(parameter, text),
            system: None,
        };
        vec![match self {
            Self::Token { system, code } => {
                return token(part, system.as_deref(), code.as_deref(), blind);
            }
            Self::OfType { system, code, value } => {
                term(part.numbers.of_type, &typed(system, code, value))
            }
            Self::TokenText(_) | Self::Contains(_) | Self::UriBelow(_) => part.present(blind),
            Self::Begins(text) => term(parameter, beginning(text)),
            Self::Sounds(words) => all(words.iter().map(|word| term(parameter, word)).collect()),
            Self::Exact(text) => term(part.numbers.exact, text),
            Self::Uri(text) | Self::Canonical(text) => term(parameter, text),
            Self::There(address) => {
                let target = Target::There(address);
                if matches!(part.only, Only::Kind(kind) if target.kind() != Some(kind)) {
                    return Vec::new();
                }
                Filter::Term {
                    parameter,
                    term: target_term(parameter, &target, blind),
                    system: None,
                }
            }
            Self::Targets(targets) => return references(part, targets, blind),
            Self::Logical { system, code } => Filter::Term {
                parameter: part.numbers.identifier,
                term: blind.term(part.numbers.identifier, code),
                system: system.as_deref().map(|system| blind.system(system)),
            },
            Self::Date(comparison) => return comparison.filter(parameter, 0),
            Self::Amount(amount) => {
                let units = match &amount.unit {
                    None => vec![0],
                    Some((system, code)) => {
                        let names = Unit::asked(system, code);
                        names.iter().map(|name| blind.term(parameter, name)).collect()
                    }
                };
                let comparison = amount.comparison;
                return units.iter().flat_map(|unit| comparison.filter(parameter, *unit)).collect();
            }
            Self::Tuple(_) => Filter::Nothing,
        }]
    }
}

/// As much of a text as rows hold.
pub(crate) fn beginning(text: &str) -> &str {
    text.char_indices().nth(TEXTS_MAX).map_or(text, |(end, _)| &text[..end])
}

fn token(part: &Part, system: Option<&str>, code: Option<&str>, blind: &Blind) -> Vec<Filter> {
    let system = match (&part.only, system) {
        (Only::System(own), None) => Some(&**own),
        (Only::System(own), Some(asked)) if **own != *asked => return Vec::new(),
        (_, asked) => asked,
    };
    let systems = match system {
        None => vec![None],
        Some(system) => part.systems(system, blind).into_iter().map(Some).collect(),
    };
    systems.into_iter().map(|system| of_system(part, system, code, blind)).collect()
}

impl Part {
    /// How rows hold what a system means: by itself, or as none where the codes imply it.
    fn systems(&self, system: &str, blind: &Blind) -> Vec<i64> {
        let implied = |leaf: &Leaf| leaf.kind.implied();
        let mut systems = Vec::new();
        if system.is_empty() || self.leaves.iter().any(|leaf| implied(leaf).is_none()) {
            systems.push(blind.system(system));
        }
        let is_implied = |leaf: &Leaf| implied(leaf).is_some_and(|of| of.holds(system));
        if !system.is_empty() && self.leaves.iter().any(is_implied) {
            systems.push(0);
        }
        systems
    }
}

fn of_system(part: &Part, system: Option<i64>, code: Option<&str>, blind: &Blind) -> Filter {
    let parameter = part.numbers.plain;
    match (code, system) {
        (None, Some(system)) => Filter::System { parameter, system },
        (None, None) => part.present(blind),
        (Some(code), system) => {
            let is_contact = part.leaves.iter().any(|leaf| leaf.kind == LeafKind::Contact);
            let code = if is_contact { contact_folded(code) } else { folded(code) };
            Filter::Term { parameter, term: blind.term(parameter, &code), system }
        }
    }
}

fn references(
    part: &Part,
    targets: &[(autoclave_fhir::Kind, String)],
    blind: &Blind,
) -> Vec<Filter> {
    let parameter = part.numbers.plain;
    let fits = |kind| !matches!(part.only, Only::Kind(only) if only != kind);
    let term = |(kind, id): &(_, String)| Filter::Term {
        parameter,
        term: blind.reference(*kind, id),
        system: None,
    };
    targets.iter().filter(|(kind, _)| fits(*kind)).map(term).collect()
}

/// Of the resource itself: all of it at once, each in its own parameter's rows. Of an element
/// below it: rows of pairs, without systems and units.
fn tuple(info: &ParameterInfo, asked: &[Asked], blind: &Blind) -> Filter {
    let mut alternatives = Vec::new();
    for leaf in info.leaves.iter().filter(|leaf| leaf.path.0.is_empty()) {
        let LeafKind::Tuple(components) = &leaf.kind else { continue };
        let one = |(component, asked): (&crate::leaf::Component, &Asked)| {
            component.rows_of(info.of).map(|info| asked.filter(info, blind))
        };
        let parts: Option<Vec<Filter>> = components.iter().zip(asked).map(one).collect();
        alternatives.extend(parts.map(all));
    }
    for part in &info.parts {
        alternatives.extend(pair(part, asked, blind));
    }
    any(alternatives)
}

fn pair(part: &Part, asked: &[Asked], blind: &Blind) -> Vec<Filter> {
    let parameter = part.numbers.plain;
    let [first, second, ..] = asked else { return Vec::new() };
    let terms = first.pair_terms(parameter, blind);
    let of_first = |term: &i64| match second {
        Asked::Date(comparison) => comparison.filter(parameter, *term),
        Asked::Amount(amount) => amount.comparison.filter(parameter, *term),
        second => {
            let pair = |system| Filter::Term { parameter, term: *term, system: Some(system) };
            second.pair_terms(parameter, blind).into_iter().map(pair).collect()
        }
    };
    if terms.is_empty() || second.is_open() {
        return vec![Filter::Present { parameter, is_span: part.is_span }];
    }
    terms.iter().flat_map(of_first).collect()
}

impl Asked {
    /// The terms under which a component stands in a row of pairs; none: any.
    fn pair_terms(&self, parameter: Parameter, blind: &Blind) -> Vec<i64> {
        let term = |text: &str| blind.term(parameter, text);
        match self {
            Self::Token { code: Some(code), .. } => vec![term(&folded(code))],
            Self::Targets(targets) => {
                targets.iter().map(|(kind, id)| term(&format!("{kind}/{id}"))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a row of pairs cannot tell this.
    fn is_open(&self) -> bool {
        !matches!(
            self,
            Self::Date(_) | Self::Amount(_) | Self::Token { code: Some(_), .. } | Self::Targets(_)
        )
    }
}
