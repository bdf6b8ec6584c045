//! Whether an opened resource has what is asked for.

use autoclave_fhir::json::Node;

use super::{Amount, Asked};
use crate::leaf::{Component, Leaf, LeafKind, Span, Token, UCUM, Unit, contact_folded, identifier};
use crate::query::compare::decimal_holds;
use crate::reference::Target;
use crate::text::{folded, normal, sounds};

impl Asked {
    /// Whether rows cannot say it all.
    pub(crate) fn needs_check(&self, is_whole: bool) -> bool {
        match self {
            Self::TokenText(_) | Self::Contains(_) | Self::UriBelow(_) => true,
            Self::Begins(text) => text.chars().count() > crate::TEXTS_MAX,
            Self::Amount(amount) => amount.number.is_long(),
            Self::Tuple(asked) if is_whole => asked.iter().any(|one| one.needs_check(true)),
            Self::Tuple(asked) => asked.len() > 2 || asked.iter().any(Self::is_more_than_paired),
            _ => false,
        }
    }

    /// Whether a row of pairs holds less than this asks for.
    fn is_more_than_paired(&self) -> bool {
        match self {
            Self::Token { system, code } => system.is_some() || code.is_none(),
            Self::Amount(amount) => amount.unit.is_some() || amount.number.is_long(),
            Self::Date(_) | Self::Targets(_) => false,
            _ => true,
        }
    }

    /// Whether one of the leaves has it.
    pub(crate) fn meets(&self, leaves: &[Leaf], resource: &Node<'_>) -> bool {
        let mut met = false;
        for leaf in leaves {
            leaf.each(resource, &mut |value| {
                met = met || self.met_by(leaf, value, resource);
            });
        }
        met
    }

    fn met_by(&self, leaf: &Leaf, value: &Node<'_>, resource: &Node<'_>) -> bool {
        match (self, &leaf.kind) {
            (Self::Tuple(asked), LeafKind::Tuple(components)) => asked
                .iter()
                .zip(components)
                .all(|(asked, one)| asked.of_component(one, value, resource)),
            (Self::Token { .. }, kind) => {
                let mut met = false;
                kind.tokens(value, &mut |token| met = met || self.is_token(kind, &token));
                met
            }
            (Self::TokenText(text), kind) => {
                let mut met = false;
                kind.displays(value, &mut |display| met = met || normal(display).starts_with(text));
                met
            }
            (Self::OfType { system, code, value: number }, LeafKind::Identifier) => {
                is_of_type(value, system, code, number)
            }
            (Self::Logical { system, code }, LeafKind::Reference(_)) => {
                value.get("identifier").and_then(identifier).is_some_and(|token| {
                    token.code == *code
                        && system.as_ref().is_none_or(|system| token.system == system)
                })
            }
            (Self::Date(comparison), kind) => {
                kind.span(value).is_some_and(|span| comparison.holds(span.low, span.high))
            }
            (Self::Amount(amount), kind) => amount.met_by(kind, value),
            (_, LeafKind::Reference(only)) => Target::of_node(value).is_some_and(|target| {
                (only.is_none() || target.kind() == *only) && self.is_target(&target)
            }),
            _ => value.text().is_some_and(|text| self.is_text(text)),
        }
    }

    fn of_component(&self, component: &Component, element: &Node<'_>, resource: &Node<'_>) -> bool {
        let mut met = false;
        component.each(element, resource, &mut |leaf, value| {
            met = met || self.met_by(leaf, value, resource);
        });
        met
    }

    fn is_token(&self, kind: &LeafKind, token: &Token<'_>) -> bool {
        let Self::Token { system, code } = self else { return false };
        let is_implied = |system: &str| kind.implied().is_some_and(|of| of.holds(system));
        let is_code = code.as_ref().is_none_or(|code| match kind {
            LeafKind::Contact => token.code == contact_folded(code),
            _ => token.code == folded(code),
        });
        let is_system = system.as_ref().is_none_or(|system| {
            token.system == system || !system.is_empty() && is_implied(system)
        });
        is_code && is_system
    }

    fn is_target(&self, target: &Target<'_>) -> bool {
        match (self, target) {
            (Self::Targets(asked), Target::Here(kind, id)) => {
                asked.iter().any(|(own, wanted)| own == kind && wanted == id)
            }
            (Self::There(asked), Target::There(address)) => asked == address,
            _ => false,
        }
    }

    fn is_text(&self, text: &str) -> bool {
        match self {
            Self::Begins(asked) => normal(text).starts_with(asked),
            Self::Contains(asked) => normal(text).contains(asked),
            Self::Exact(asked) => text == asked,
            Self::Sounds(words) => sounds(text).iter().any(|sound| words.contains(sound)),
            Self::Uri(asked) | Self::Canonical(asked) => {
                text == asked || text.split_once('|').is_some_and(|(address, _)| address == asked)
            }
            Self::UriBelow(asked) => text.strip_prefix(asked.as_str()).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') || asked.ends_with('/')
            }),
            _ => false,
        }
    }
}

fn is_of_type(value: &Node<'_>, system: &str, code: &str, number: &str) -> bool {
    let codings = value.at(&["type", "coding"]).map_or(&[][..], Node::items);
    let is_type = codings.iter().any(|coding| {
        coding.text_of("system").unwrap_or("") == system
            && coding.text_of("code").is_some_and(|own| folded(own) == folded(code))
    });
    is_type && identifier(value).is_some_and(|token| token.code == number)
}

impl Amount {
    fn met_by(&self, kind: &LeafKind, value: &Node<'_>) -> bool {
        let Some(Span { low, high, unit }) = kind.span(value) else { return false };
        let is_amount = match kind.decimal(value) {
            Some(own) => decimal_holds(self.prefix, &self.number, &own).unwrap_or(false),
            None => self.comparison.holds(low, high),
        };
        is_amount && self.unit.as_ref().is_none_or(|(system, code)| is_unit(&unit, system, code))
    }
}

fn is_unit(unit: &Unit<'_>, system: &str, code: &str) -> bool {
    match system {
        "" => unit.code == code || unit.text == code,
        UCUM => unit.system == UCUM && unit.code == code,
        system => unit.system == system && unit.code == code,
    }
}
