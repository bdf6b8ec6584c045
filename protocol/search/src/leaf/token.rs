//! Values that are a code, with or without a system.

use std::borrow::Cow;

use autoclave_fhir::json::Node;

use super::LeafKind;
use crate::text::folded;

/// A code as it is compared.
#[derive(Clone, PartialEq)]
pub(crate) struct Token<'n> {
    pub(crate) code: Cow<'n, str>,
    /// Empty where there is none.
    pub(crate) system: &'n str,
}

impl LeafKind {
    /// Calls back with every token of a value.
    pub(crate) fn tokens<'n>(&self, value: &'n Node<'_>, found: &mut impl FnMut(Token<'n>)) {
        match self {
            Self::Concept => {
                let codings = value.get("coding").map_or(&[][..], Node::items);
                codings.iter().filter_map(coding).for_each(found);
            }
            Self::Coding => coding(value).into_iter().for_each(found),
            Self::Identifier => identifier(value).into_iter().for_each(found),
            Self::Contact => contact(value).into_iter().for_each(found),
            Self::Code(_) | Self::Word => {
                let token = |code| Token { code: folded(code), system: "" };
                value.text().map(token).into_iter().for_each(found);
            }
            Self::Bool => value.bool().map(truth).into_iter().for_each(found),
            Self::Deceased => found(truth(value.bool() != Some(false))),
            _ => {}
        }
    }
}

fn truth(truth: bool) -> Token<'static> {
    Token { code: if truth { "true" } else { "false" }.into(), system: "" }
}

fn coding<'n>(value: &'n Node<'_>) -> Option<Token<'n>> {
    let code = value.text_of("code")?;
    Some(Token { code: folded(code), system: value.text_of("system").unwrap_or("") })
}

/// An identifier by its value (of a reference's `identifier` too).
pub(crate) fn identifier<'n>(value: &'n Node<'_>) -> Option<Token<'n>> {
    let code = value.text_of("value")?;
    Some(Token { code: folded(code), system: value.text_of("system").unwrap_or("") })
}

/// A phone number is its digits, whatever parts them; what it is (`phone`, `email`) is the
/// system.
fn contact<'n>(value: &'n Node<'_>) -> Option<Token<'n>> {
    let code = contact_folded(value.text_of("value")?);
    Some(Token { code, system: value.text_of("system").unwrap_or("") })
}

/// A phone number or address as it is compared.
pub(crate) fn contact_folded(value: &str) -> Cow<'_, str> {
    let parts = |c: char| matches!(c, ' ' | '(' | ')' | '-' | '.' | '/' | '+');
    let is_number = value.chars().all(|c| c.is_ascii_digit() || parts(c));
    if is_number && value.contains(parts) { value.replace(parts, "").into() } else { folded(value) }
}
