//! Whether two `Patient` resources are about one person (`Patient/$match`). It belongs to
//! whoever asks; a score is a guess, and nothing here merges anybody.
//!
//! Weights in the manner of Fellegi and Sunter (1969): what agrees adds the logarithm of how
//! much likelier that is for one person than for two, what differs takes away. They are
//! estimates for a hospital of some hundred thousand patients, not learnt from data.

use std::collections::BTreeSet;

use autoclave_fhir::json::Node;

use crate::moment;

/// From here on a match is certain, where an identifier or three kinds of facts agree.
const CERTAIN: f64 = 18.0;
/// From here on it is probable.
const PROBABLE: f64 = 11.0;
/// From here on it is possible; below, it is none.
const POSSIBLE: f64 = 6.0;
/// The weight at which the score is as near to 1 as it gets.
const FULL: f64 = 24.0;
/// Kinds of facts (of seven) that must agree for a certain match without an identifier.
const KINDS_CERTAIN: usize = 4;
/// Likeness of names from which they count as nearly the same (Jaro and Winkler).
const ALIKE: f64 = 0.9;

/// How sure a match is: the codes of FHIR's `match-grade`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// `certainly-not`
    CertainlyNot,
    /// `possible`
    Possible,
    /// `probable`
    Probable,
    /// `certain`
    Certain,
}

impl Grade {
    /// FHIR's code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CertainlyNot => "certainly-not",
            Self::Possible => "possible",
            Self::Probable => "probable",
            Self::Certain => "certain",
        }
    }
}

/// A guess.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// From 0 to 1, for `Bundle.entry.search.score`.
    pub value: f64,
    /// How sure.
    pub grade: Grade,
}

/// Where to look for candidates: search parameters of `Patient` with a value, each wide enough
/// that one mistyped fact does not hide a person.
pub fn blocks(patient: &Node<'_>) -> Vec<Vec<(&'static str, String)>> {
    let facts = Facts::of(patient);
    let mut blocks = Vec::new();
    for (system, value) in &facts.identifiers {
        blocks.push(vec![("identifier", format!("{}|{}", escaped(system), escaped(value)))]);
    }
    for family in &facts.families {
        blocks.push(vec![("family", escaped(family))]);
    }
    if let Some(born) = &facts.born {
        let mut block = vec![("birthdate", born.clone())];
        block.extend(facts.gender.iter().map(|gender| ("gender", gender.clone())));
        blocks.push(block);
        blocks.extend(facts.givens.iter().map(|given| {
            vec![("given", escaped(given)), ("birthdate", born[..4.min(born.len())].into())]
        }));
    }
    blocks.extend(facts.telecoms.iter().map(|value| vec![("telecom", escaped(value))]));
    blocks
}

/// Compares two patients.
pub fn score(asked: &Node<'_>, candidate: &Node<'_>) -> Score {
    let (asked, candidate) = (Facts::of(asked), Facts::of(candidate));
    let (same_identifier, identifier) = asked.identifier(&candidate);
    let weights = [
        identifier,
        names(&asked.families, &candidate.families, 6.0, -4.0),
        names(&asked.givens, &candidate.givens, 4.5, -3.0),
        born(asked.born.as_deref(), candidate.born.as_deref()),
        both(asked.gender.as_ref(), candidate.gender.as_ref(), 1.0, -3.0),
        shared(&asked.telecoms, &candidate.telecoms, 5.0),
        shared(&asked.places, &candidate.places, 3.0),
    ];
    let total: f64 = weights.iter().sum();
    let agreeing = weights.iter().filter(|weight| **weight > 0.5).count();
    // An identifier that agrees while name and birth date do not is a mistake, not a person.
    let contradicts = weights[1] < 0.0 && weights[3] < 0.0;
    let grade = match total {
        total if contradicts && total >= POSSIBLE => Grade::Possible,
        total
            if total >= CERTAIN
                && (same_identifier && agreeing > 1 || agreeing >= KINDS_CERTAIN) =>
        {
            Grade::Certain
        }
        total if total >= PROBABLE => Grade::Probable,
        total if total >= POSSIBLE => Grade::Possible,
        _ => Grade::CertainlyNot,
    };
    Score { value: (total / FULL).clamp(0.0, 1.0), grade }
}

/// What of a patient is compared, normalised.
struct Facts {
    identifiers: Vec<(String, String)>,
    families: BTreeSet<String>,
    givens: BTreeSet<String>,
    born: Option<String>,
    gender: Option<String>,
    telecoms: BTreeSet<String>,
    places: BTreeSet<String>,
}

impl Facts {
    fn of(patient: &Node<'_>) -> Self {
        let texts = |node: &Node<'_>, name: &str| -> Vec<String> {
            let found = node.get(name).map_or(&[][..], Node::each);
            found
                .iter()
                .filter_map(Node::text)
                .map(folded)
                .filter(|text| !text.is_empty())
                .collect()
        };
        let each = |name: &str| patient.get(name).map_or(&[][..], Node::each);
        let identifiers = each("identifier").iter().filter_map(|own| {
            Some((own.text_of("system").unwrap_or("").to_owned(), own.text_of("value")?.to_owned()))
        });
        let contact = |own: &Node<'_>| match own.text_of("system") {
            Some("email") => own.text_of("value").map(str::to_lowercase),
            _ => own.text_of("value").map(digits).filter(|digits| digits.len() >= 7),
        };
        let place = |own: &Node<'_>| {
            let line = texts(own, "line").join(" ");
            let city = texts(own, "postalCode").pop().or_else(|| texts(own, "city").pop())?;
            (!line.is_empty()).then(|| format!("{line}|{city}"))
        };
        Self {
            identifiers: identifiers.collect(),
            families: each("name").iter().flat_map(|name| texts(name, "family")).collect(),
            givens: each("name").iter().flat_map(|name| texts(name, "given")).collect(),
            born: patient.text_of("birthDate").map(str::to_owned),
            gender: patient
                .text_of("gender")
                .filter(|gender| *gender != "unknown")
                .map(str::to_owned),
            telecoms: each("telecom").iter().filter_map(contact).collect(),
            places: each("address").iter().filter_map(place).collect(),
        }
    }

    /// Whether one is the same, and what that weighs; another number in one system speaks
    /// against.
    fn identifier(&self, other: &Self) -> (bool, f64) {
        let same = |one: &(String, String)| other.identifiers.contains(one);
        if self.identifiers.iter().any(same) {
            return (true, 14.0);
        }
        let differs = self.identifiers.iter().any(|(system, _)| {
            !system.is_empty() && other.identifiers.iter().any(|(own, _)| own == system)
        });
        (false, if differs { -2.0 } else { 0.0 })
    }
}

fn names(asked: &BTreeSet<String>, candidate: &BTreeSet<String>, same: f64, other: f64) -> f64 {
    if asked.is_empty() || candidate.is_empty() {
        return 0.0;
    }
    let pairs = asked.iter().flat_map(|one| candidate.iter().map(move |two| alike(one, two)));
    match pairs.fold(0.0, f64::max) {
        best if best >= 0.999 => same,
        best if best >= ALIKE => same / 2.0,
        _ => other,
    }
}

fn born(asked: Option<&str>, candidate: Option<&str>) -> f64 {
    let (Some(asked), Some(candidate)) = (asked, candidate) else { return 0.0 };
    if asked == candidate {
        return if asked.len() == 10 { 7.0 } else { 3.0 };
    }
    let overlapping = moment::span(asked).zip(moment::span(candidate));
    if overlapping.is_some_and(|(one, two)| moment::overlap(one, two)) {
        return 2.0;
    }
    // One digit mistyped, or day and month swapped.
    let differing = asked.bytes().zip(candidate.bytes()).filter(|(one, two)| one != two).count();
    let swapped = asked.len() == 10
        && candidate.len() == 10
        && asked.get(..4) == candidate.get(..4)
        && asked.get(5..7) == candidate.get(8..)
        && asked.get(8..) == candidate.get(5..7);
    if asked.len() == candidate.len() && (differing == 1 || swapped) { 2.0 } else { -5.0 }
}

fn both(asked: Option<&String>, candidate: Option<&String>, same: f64, other: f64) -> f64 {
    match (asked, candidate) {
        (Some(one), Some(two)) if one == two => same,
        (Some(_), Some(_)) => other,
        _ => 0.0,
    }
}

fn shared(asked: &BTreeSet<String>, candidate: &BTreeSet<String>, same: f64) -> f64 {
    if asked.is_disjoint(candidate) { 0.0 } else { same }
}

fn folded(text: &str) -> String {
    let kept = text.chars().filter(|at| at.is_alphanumeric() || at.is_whitespace());
    kept.collect::<String>().to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn digits(text: &str) -> String {
    let all: String = text.chars().filter(char::is_ascii_digit).collect();
    // The last ones: with and without the number of a country.
    all[all.len().saturating_sub(10)..].to_owned()
}

/// A value for a search: what separates values there is escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for at in text.chars() {
        if matches!(at, '\\' | ',' | '|' | '$') {
            out.push('\\');
        }
        out.push(at);
    }
    out
}

/// Likeness of two texts from 0 to 1 (Jaro, with Winkler's weight for a common beginning).
fn alike(one: &str, two: &str) -> f64 {
    let (one, two): (Vec<char>, Vec<char>) = (one.chars().collect(), two.chars().collect());
    if one == two {
        return 1.0;
    }
    let reach = (one.len().max(two.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; two.len()];
    let mut found = Vec::new();
    for (at, letter) in one.iter().enumerate() {
        let window = at.saturating_sub(reach)..(at + reach + 1).min(two.len());
        if let Some(place) = window.clone().find(|place| !taken[*place] && two[*place] == *letter) {
            taken[place] = true;
            found.push(*letter);
        }
    }
    let others = two.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(letter, _)| letter);
    let moved = found.iter().zip(others).filter(|(one, two)| one != two).count();
    if found.is_empty() {
        return 0.0;
    }
    let jaro = (share(found.len(), one.len())
        + share(found.len(), two.len())
        + share(found.len() - moved / 2, found.len()))
        / 3.0;
    let begin = one.iter().zip(&two).take(4).take_while(|(one, two)| one == two).count();
    jaro + share(begin, 10) * (1.0 - jaro)
}

fn share(part: usize, whole: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { number(part) / number(whole) }
}

#[cfg(test)]
mod tests;
