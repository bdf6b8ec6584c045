//! Reads `types.txt`. The table is part of the program: what does not read is a mistake in it,
//! which the first test finds, so it stops the program.

use std::collections::HashMap;

use super::{Binding, Class, Definitions, Element, Invariant, Name, Primitive, Strength, Type};
use super::{TypeUse, choice};
use crate::Kind;

/// The whole table.
pub(super) fn table(text: &'static str) -> Definitions {
    let lines: Vec<&'static str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut reader = Reader::new(&lines);
    for line in lines {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match mark {
            "=" => reader.begin(rest),
            "!" => reader.invariant(rest),
            _ => reader.element(rest),
        }
    }
    reader.finish()
}

struct Reader {
    made: Definitions,
    /// The rules of the resource that is read, by key.
    keys: HashMap<&'static str, u16>,
}

impl Reader {
    /// Numbers every type first, because elements name types that come later.
    fn new(lines: &[&'static str]) -> Self {
        let names = lines.iter().filter_map(|line| line.strip_prefix("= ")?.split(' ').next());
        let by_name: HashMap<&'static str, u16> = names.zip(0..).collect();
        let made = Definitions {
            types: Vec::with_capacity(by_name.len()),
            elements: Vec::new(),
            invariants: Vec::new(),
            by_name,
            by_kind: Vec::new(),
        };
        Self { made, keys: HashMap::new() }
    }

    fn begin(&mut self, rest: &'static str) {
        let mut words = rest.split(' ');
        let name = words.next().unwrap_or_default();
        let class = match words.next() {
            Some("primitive") => Class::Primitive,
            Some("nested") => Class::Nested,
            Some("resource") => Class::Resource,
            _ => Class::Complex,
        };
        let base = words.next().and_then(|base| self.made.by_name.get(base).copied());
        if class != Class::Nested {
            self.keys.clear();
        }
        self.made.types.push(Type {
            name,
            class,
            primitive: primitive(name).filter(|_| class == Class::Primitive),
            is_abstract: words.next().is_some(),
            base,
            elements: Vec::new(),
            required: Vec::new(),
            names: Vec::new(),
            invariants: Vec::new(),
        });
    }

    fn invariant(&mut self, rest: &'static str) {
        let mut fields = rest.split('\t');
        let (key, severity) =
            fields.next().and_then(|head| head.split_once(' ')).unwrap_or_default();
        self.keys.insert(key, number(self.made.invariants.len()));
        self.made.invariants.push(Invariant {
            key,
            is_error: severity == "error",
            expression: fields.next().unwrap_or_default(),
            words: fields.next().unwrap_or_default(),
        });
    }

    fn element(&mut self, rest: &'static str) {
        let mut words = rest.split(' ');
        let name = words.next().unwrap_or_default();
        if name == "." {
            let keys = words.next().and_then(|word| word.strip_prefix("i="));
            let rules = self.rules(keys.unwrap_or_default());
            if let Some(kind) = self.made.types.last_mut() {
                kind.invariants = rules;
            }
            return;
        }
        let (min, max) = words.next().and_then(|word| word.split_once("..")).unwrap_or_default();
        let types = words.next().unwrap_or_default();
        let mut element = Element {
            name: name.trim_end_matches("[x]"),
            is_choice: name.ends_with("[x]"),
            min: min.parse().unwrap_or_default(),
            max: max.parse().ok(),
            uses: types.split('|').map(|one| self.type_use(one)).collect(),
            is_summary: false,
            is_modifier: false,
            binding: None,
            invariants: Vec::new(),
        };
        for word in words {
            match word.split_once('=') {
                Some(("b", bound)) => element.binding = binding(bound),
                Some(("i", keys)) => element.invariants = self.rules(keys),
                _ if word == "s" => element.is_summary = true,
                _ => element.is_modifier = true,
            }
        }
        let at = number(self.made.elements.len());
        self.made.elements.push(element);
        if let Some(kind) = self.made.types.last_mut() {
            kind.elements.push(at);
        }
    }

    fn rules(&self, keys: &str) -> Vec<u16> {
        keys.split(',').filter_map(|key| self.keys.get(key).copied()).collect()
    }

    fn type_use(&self, text: &'static str) -> TypeUse {
        let (rest, targets) = match text.split_once('(') {
            Some((rest, targets)) => (rest, targets.trim_end_matches(')')),
            None => (text, ""),
        };
        let (name, profile) = match rest.split_once('<') {
            Some((name, profile)) => (name, Some(profile.trim_end_matches('>'))),
            None => (rest, None),
        };
        TypeUse {
            kind: self.made.by_name[name],
            profile,
            targets: targets.split(',').filter_map(|target| target.parse().ok()).collect(),
        }
    }

    /// Gives every type what its base has, then its names in JSON.
    fn finish(self) -> Definitions {
        let mut made = self.made;
        for at in 0..made.types.len() {
            let (elements, rules) = inherited(&made, at);
            let is_required = |one: &&u16| made.elements[usize::from(**one)].min > 0;
            made.types[at].required = elements.iter().filter(is_required).copied().collect();
            made.types[at].names = names(&made, &elements);
            made.types[at].elements = elements;
            made.types[at].invariants = rules;
        }
        made.by_kind = Kind::all().map(|kind| made.by_name[kind.name()]).collect();
        made
    }
}

/// Elements and rules with those of the bases, which are complete where they came earlier.
fn inherited(made: &Definitions, at: usize) -> (Vec<u16>, Vec<u16>) {
    let own = &made.types[at];
    let Some(base) = own.base else {
        return (own.elements.clone(), own.invariants.clone());
    };
    let (mut elements, mut rules) = if usize::from(base) < at {
        let base = &made.types[usize::from(base)];
        (base.elements.clone(), base.invariants.clone())
    } else {
        inherited(made, usize::from(base))
    };
    for new in &own.elements {
        let name = made.elements[usize::from(*new)].name;
        match elements.iter_mut().find(|old| made.elements[usize::from(**old)].name == name) {
            Some(old) => *old = *new,
            None => elements.push(*new),
        }
    }
    rules.extend(&own.invariants);
    (elements, rules)
}

fn names(made: &Definitions, elements: &[u16]) -> Vec<Name> {
    let mut names = Vec::new();
    for at in elements {
        let element = &made.elements[usize::from(*at)];
        for one in &element.uses {
            let kind = &made.types[usize::from(one.kind)];
            let text = if element.is_choice {
                choice(element.name, kind.name)
            } else {
                element.name.to_owned()
            };
            names.push(Name { text: text.into(), element: *at, kind: one.kind });
        }
    }
    names.sort_by(|a, b| a.text.cmp(&b.text));
    names
}

fn primitive(name: &str) -> Option<Primitive> {
    Some(match name {
        "base64Binary" => Primitive::Base64Binary,
        "boolean" => Primitive::Boolean,
        "canonical" => Primitive::Canonical,
        "code" => Primitive::Code,
        "date" => Primitive::Date,
        "dateTime" => Primitive::DateTime,
        "decimal" => Primitive::Decimal,
        "id" => Primitive::Id,
        "instant" => Primitive::Instant,
        "integer" => Primitive::Integer,
        "markdown" => Primitive::Markdown,
        "oid" => Primitive::Oid,
        "positiveInt" => Primitive::PositiveInt,
        "string" => Primitive::String,
        "time" => Primitive::Time,
        "unsignedInt" => Primitive::UnsignedInt,
        "uri" => Primitive::Uri,
        "url" => Primitive::Url,
        "uuid" => Primitive::Uuid,
        "xhtml" => Primitive::Xhtml,
        _ => return None,
    })
}

fn binding(text: &'static str) -> Option<Binding> {
    let (strength, set) = text.split_once(':')?;
    let strength = match strength {
        "required" => Strength::Required,
        "extensible" => Strength::Extensible,
        "preferred" => Strength::Preferred,
        _ => Strength::Example,
    };
    Some(Binding { strength, set })
}

#[expect(clippy::expect_used, reason = "the table has a few thousand lines, as a test says")]
fn number(count: usize) -> u16 {
    u16::try_from(count).expect("a table of fewer than 65,536 lines")
}
