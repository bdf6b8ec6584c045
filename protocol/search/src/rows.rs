//! What is indexed of a resource. It belongs to the crate. Nothing of the resource is in a row
//! but keyed, save for dates and quantities.

use autoclave_fhir::Kind;
use autoclave_fhir::json::Node;

use crate::leaf::{Component, Leaf, LeafKind, Span, identifier};
use crate::reference::Target;
use crate::table::{Numbers, ParameterInfo, ParameterType};
use crate::text::{normal, sounds};
use crate::{Blind, Parameter, Row, TEXTS_MAX, parameters};

/// Changes whenever the same resource has other rows: then an index is to be made anew.
pub const ROWS_VERSION: u32 = 1;
/// Rows of most resources.
const ROWS_USUAL: usize = 24;
/// Stands where a parameter has a value of which nothing can be searched, so that `:missing`
/// knows.
const PRESENT: &str = "\u{1}";

/// All rows of a resource, none twice: everything indexed but `_id`, `_lastUpdated` and the
/// compartment, which the store knows by itself.
pub fn rows(kind: Kind, node: &Node<'_>, blind: &Blind) -> Vec<Row> {
    let mut maker = Maker { blind, resource: node, rows: Vec::with_capacity(ROWS_USUAL) };
    for info in parameters(kind).filter(|info| !info.stored.is_empty()) {
        maker.parameter(info);
    }
    distinct(maker.rows)
}

fn distinct(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_unstable_by_key(|row| match *row {
        Row::Term { parameter, term, system } => (parameter, term, system, 0_u64),
        Row::Span { parameter, unit, low, high } => {
            (parameter, unit, i64::from_ne_bytes(low.to_ne_bytes()), high.to_bits())
        }
    });
    rows.dedup();
    rows
}

struct Maker<'m, 'n> {
    blind: &'m Blind,
    resource: &'m Node<'n>,
    rows: Vec<Row>,
}

impl Maker<'_, '_> {
    fn parameter(&mut self, info: &ParameterInfo) {
        let (before, resource) = (self.rows.len(), self.resource);
        let mut is_there = false;
        for leaf in &info.stored {
            leaf.each(resource, &mut |value| {
                is_there = true;
                self.value(info.kind, &info.numbers, leaf, value);
            });
        }
        let is_found = |row: &Row| match row {
            Row::Term { parameter, .. } | Row::Span { parameter, .. } => {
                *parameter == info.numbers.plain
            }
        };
        if is_there && !self.rows[before..].iter().any(is_found) {
            self.present(info);
        }
    }

    fn present(&mut self, info: &ParameterInfo) {
        let parameter = info.numbers.plain;
        let term = self.blind.term(parameter, PRESENT);
        self.rows.push(if info.stored.iter().any(Leaf::is_span) {
            Row::Span { parameter, unit: term, low: 0.0, high: 0.0 }
        } else {
            Row::Term { parameter, term, system: 0 }
        });
    }

    fn value(&mut self, kind: ParameterType, numbers: &Numbers, leaf: &Leaf, value: &Node<'_>) {
        match (&leaf.kind, kind) {
            (LeafKind::Tuple(components), _) => self.tuple(numbers.plain, components, value),
            (_, ParameterType::Token) => self.tokens(numbers, &leaf.kind, value),
            (_, ParameterType::String) => self.text(numbers, &leaf.kind, value),
            (_, ParameterType::Reference) => self.reference(numbers, &leaf.kind, value),
            (_, ParameterType::Uri) => self.uri(numbers, value),
            _ => {
                if let Some(span) = leaf.kind.span(value) {
                    self.span(numbers.plain, span);
                }
            }
        }
    }

    fn term(&mut self, parameter: Parameter, text: &str, system: &str) {
        let (term, system) = (self.blind.term(parameter, text), self.blind.system(system));
        self.rows.push(Row::Term { parameter, term, system });
    }

    fn tokens(&mut self, numbers: &Numbers, kind: &LeafKind, value: &Node<'_>) {
        kind.tokens(value, &mut |token| self.term(numbers.plain, &token.code, token.system));
        if *kind != LeafKind::Identifier {
            return;
        }
        let Some(token) = identifier(value) else { return };
        for coding in value.at(&["type", "coding"]).map_or(&[][..], Node::items) {
            if let Some(code) = coding.text_of("code") {
                let text = typed(coding.text_of("system").unwrap_or(""), code, &token.code);
                self.term(numbers.of_type, &text, "");
            }
        }
    }

    fn text(&mut self, numbers: &Numbers, kind: &LeafKind, value: &Node<'_>) {
        let Some(text) = value.text() else { return };
        if *kind == LeafKind::Sound {
            for sound in sounds(text) {
                self.term(numbers.plain, &sound, "");
            }
            return;
        }
        let plain = normal(text);
        let ends = plain.char_indices().skip(1).map(|(at, _)| at).chain([plain.len()]);
        for end in ends.take(TEXTS_MAX).filter(|end| *end > 0) {
            self.term(numbers.plain, &plain[..end], "");
        }
        self.term(numbers.exact, text, "");
    }

    fn reference(&mut self, numbers: &Numbers, kind: &LeafKind, value: &Node<'_>) {
        let parameter = numbers.plain;
        match kind {
            LeafKind::Canonical => self.canonical(parameter, value),
            LeafKind::Inline => {
                let kind = value.text_of("resourceType").and_then(|name| name.parse().ok());
                if let (Some(kind), Some(id)) = (kind, value.text_of("id")) {
                    let term = self.blind.reference(kind, id);
                    self.rows.push(Row::Term { parameter, term, system: 0 });
                }
            }
            LeafKind::Reference(only) => {
                let target = Target::of_node(value);
                if let Some(target) = target.filter(|to| only.is_none() || to.kind() == *only) {
                    let term = target_term(parameter, &target, self.blind);
                    self.rows.push(Row::Term { parameter, term, system: 0 });
                }
                if let Some(token) = value.get("identifier").and_then(identifier) {
                    self.term(numbers.identifier, &token.code, token.system);
                }
            }
            _ => {}
        }
    }

    /// A canonical by its address, and by address and version.
    fn canonical(&mut self, parameter: Parameter, value: &Node<'_>) {
        let Some(text) = value.text() else { return };
        self.term(parameter, text, "");
        if let Some((address, _)) = text.split_once('|') {
            self.term(parameter, address, "");
        }
    }

    fn uri(&mut self, numbers: &Numbers, value: &Node<'_>) {
        self.canonical(numbers.plain, value);
    }

    fn span(&mut self, parameter: Parameter, span: Span<'_>) {
        let Span { low, high, unit } = span;
        self.rows.push(Row::Span { parameter, unit: 0, low, high });
        unit.names(&mut |name| {
            let unit = self.blind.term(parameter, name);
            self.rows.push(Row::Span { parameter, unit, low, high });
        });
    }

    /// A row for each first with each second. Systems, units and a third component are not in
    /// it: a query that names them is checked on the opened resource.
    fn tuple(&mut self, parameter: Parameter, components: &[Component], element: &Node<'_>) {
        let [first, second, ..] = components else { return };
        let mut codes = Vec::new();
        let (blind, resource) = (self.blind, self.resource);
        first.codes(element, resource, &mut |code| codes.push(blind.term(parameter, code)));
        for unit in codes {
            second.each(element, resource, &mut |leaf, value| {
                if let Some(Span { low, high, .. }) = leaf.kind.span(value) {
                    self.rows.push(Row::Span { parameter, unit, low, high });
                }
            });
            let mut seconds = Vec::new();
            second.codes(element, resource, &mut |code| seconds.push(blind.term(parameter, code)));
            let pair = |system| Row::Term { parameter, term: unit, system };
            self.rows.extend(seconds.into_iter().map(pair));
        }
    }
}

/// The text of an identifier with its type, as `:of-type` asks for it.
pub(crate) fn typed(system: &str, code: &str, value: &str) -> String {
    format!("{system}|{}|{value}", crate::text::folded(code))
}

/// The term of what a reference leads to.
pub(crate) fn target_term(parameter: Parameter, target: &Target<'_>, blind: &Blind) -> i64 {
    match target {
        Target::Here(kind, id) => blind.reference(*kind, id),
        Target::There(address) => {
            let address = address.split_once("/_history/").map_or(*address, |(before, _)| before);
            blind.term(parameter, address)
        }
    }
}

impl Component {
    /// Calls back with every value of the component in an element.
    pub(crate) fn each<'n, 'a>(
        &self,
        element: &'n Node<'a>,
        resource: &'n Node<'a>,
        found: &mut impl FnMut(&Leaf, &'n Node<'a>),
    ) {
        let from = if self.of_resource { resource } else { element };
        for leaf in &self.leaves {
            leaf.each(from, &mut |value| found(leaf, value));
        }
    }

    /// Calls back with the texts by which its values are told: codes, texts, references.
    pub(crate) fn codes(
        &self,
        element: &Node<'_>,
        resource: &Node<'_>,
        found: &mut impl FnMut(&str),
    ) {
        self.each(element, resource, &mut |leaf, value| match &leaf.kind {
            LeafKind::Text => value.text().map(normal).iter().for_each(|text| found(text)),
            LeafKind::Reference(_) => {
                if let Some(Target::Here(kind, id)) = Target::of_node(value) {
                    found(&format!("{kind}/{id}"));
                }
            }
            kind => kind.tokens(value, &mut |token| found(&token.code)),
        });
    }
}
