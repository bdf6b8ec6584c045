//! What an application was allowed on somebody's behalf: the scopes of SMART App Launch 2.2
//! (`patient/Observation.rs`, `user/*.cruds`, `system/Patient.r`, and the forms of version 1).
//! They belong to whoever granted them. A scope only narrows: what the holder's own role does
//! not permit, no scope permits, and one that we cannot enforce is refused, never ignored.

#[cfg(test)]
mod tests;

use std::fmt;

use autoclave_base::LogSafe;

/// Most scopes of one grant: every type of R4 for itself, and some words.
const SCOPES_MAX: usize = 200;
/// Longest name of a resource type; R4's has 36 letters.
const KIND_BYTES_MAX: usize = 64;
/// Longest query part: a few parameters with codes and their systems.
const QUERY_BYTES_MAX: usize = 512;

/// Why a list of scopes is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeRefusal {
    /// Not a scope as SMART writes them.
    #[error("a scope is malformed")]
    Malformed,
    /// A finer scope (`?category=…`) on all types, or on more than reading: nothing could
    /// enforce it.
    #[error("a scope's query part cannot be enforced")]
    Query,
    /// More than anybody needs.
    #[error("too many scopes")]
    TooMany,
}

impl ScopeRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "scope.malformed",
            Self::Query => "scope.query",
            Self::TooMany => "scope.too_many",
        }
    }
}

/// What is done with a resource, as scopes tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// `c`
    Create,
    /// `r`: read, read of a version, history of one resource.
    Read,
    /// `u`: update and patch.
    Update,
    /// `d`
    Delete,
    /// `s`: search, history of a type or of all.
    Search,
}

impl Interaction {
    /// All, in the order in which SMART writes them.
    pub const ALL: [Self; 5] = [Self::Create, Self::Read, Self::Update, Self::Delete, Self::Search];

    const fn letter(self) -> char {
        match self {
            Self::Create => 'c',
            Self::Read => 'r',
            Self::Update => 'u',
            Self::Delete => 'd',
            Self::Search => 's',
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// On whose behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behalf {
    /// Within the record of one patient.
    Patient,
    /// As the person who signed in.
    User,
    /// As the application itself.
    System,
}

impl Behalf {
    const fn word(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }
}

/// One scope on resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    behalf: Behalf,
    /// `None` is `*`.
    kind: Option<String>,
    interactions: u8,
    /// A search that each resource must meet, as it stands behind the `?`.
    query: Option<String>,
}

impl Scope {
    /// On whose behalf.
    pub const fn behalf(&self) -> Behalf {
        self.behalf
    }

    fn permits(&self, kind: Option<&str>, interaction: Interaction) -> bool {
        let covers = match (self.kind.as_deref(), kind) {
            (None, _) => true,
            (Some(own), Some(asked)) => own == asked,
            (Some(_), None) => false,
        };
        covers && self.interactions & interaction.bit() != 0
    }
}

/// Words that are no scopes on resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// `launch`: what the record system that launched the application chose.
    Launch,
    /// `launch/patient`: the person chooses a patient.
    LaunchPatient,
    /// `offline_access`: refresh tokens that outlive the session.
    Offline,
    /// `online_access`: refresh tokens for as long as the session.
    Online,
}

impl Word {
    const ALL: [Self; 4] = [Self::Launch, Self::LaunchPatient, Self::Offline, Self::Online];

    const fn text(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::LaunchPatient => "launch/patient",
            Self::Offline => "offline_access",
            Self::Online => "online_access",
        }
    }
}

/// What was granted, or is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    on: Vec<Scope>,
    words: Vec<Word>,
}

impl Scopes {
    /// Reads a list that spaces separate. Words that are not SMART's on data (`openid`,
    /// `fhirUser`, another server's) are left out, as OAuth has it: what is granted is said.
    pub fn parse(text: &str) -> Result<Self, ScopeRefusal> {
        let mut scopes = Self::default();
        for (count, word) in text.split_ascii_whitespace().enumerate() {
            if count >= SCOPES_MAX {
                return Err(ScopeRefusal::TooMany);
            }
            if let Some(word) = Word::ALL.into_iter().find(|known| known.text() == word) {
                scopes.words.push(word);
            } else if let Some(scope) = read(word)? {
                scopes.on.push(scope);
            }
        }
        scopes.words.sort_unstable();
        scopes.words.dedup();
        Ok(scopes)
    }

    /// Whether nothing on resources is in it.
    pub fn is_empty(&self) -> bool {
        self.on.is_empty()
    }

    /// Whether a word is in it.
    pub fn has(&self, word: Word) -> bool {
        self.words.contains(&word)
    }

    /// Whether the holder may do this with that type; `None` means all types at once.
    pub fn permits(&self, kind: Option<&str>, interaction: Interaction) -> bool {
        self.on.iter().any(|scope| scope.permits(kind, interaction))
    }

    /// The searches of which each resource must meet one; none where it need not, nothing at all
    /// where this is not permitted.
    pub fn narrowed(&self, kind: Option<&str>, interaction: Interaction) -> Option<Vec<String>> {
        let all = self.on.iter().filter(|scope| scope.permits(kind, interaction));
        let all: Vec<_> = all.map(|scope| scope.query.clone()).collect();
        if all.is_empty() {
            return None;
        }
        Some(all.into_iter().collect::<Option<Vec<_>>>().unwrap_or_default())
    }

    /// Whether any scope is within the record of one patient: then all of them are.
    pub fn is_confined(&self) -> bool {
        self.on.iter().any(|scope| scope.behalf == Behalf::Patient)
    }

    /// Whether every scope is on one of these behalves.
    pub fn only_for(&self, behalves: &[Behalf]) -> bool {
        self.on.iter().all(|scope| behalves.contains(&scope.behalf))
    }

    /// What both lists permit, scope by scope of this one.
    #[must_use]
    pub fn within(&self, allowed: &Self) -> Self {
        let on = self.on.iter().filter_map(|scope| {
            let covering = |other: &&Scope| {
                other.behalf == scope.behalf
                    && (other.kind.is_none() || other.kind == scope.kind)
                    && (other.query.is_none() || other.query == scope.query)
            };
            let bits = allowed.on.iter().filter(covering);
            let bits = bits.fold(0, |bits, other| bits | other.interactions);
            let interactions = scope.interactions & bits;
            (interactions != 0).then(|| Scope { interactions, ..scope.clone() })
        });
        let words = self.words.iter().copied().filter(|word| allowed.has(*word));
        Self { on: on.collect(), words: words.collect() }
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words.iter().map(|word| word.text().to_owned());
        let all: Vec<_> = words.chain(self.on.iter().map(ToString::to_string)).collect();
        f.write_str(&all.join(" "))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.", self.behalf.word(), self.kind.as_deref().unwrap_or("*"))?;
        let held = |one: &Interaction| self.interactions & one.bit() != 0;
        Interaction::ALL
            .into_iter()
            .filter(held)
            .try_for_each(|one| write!(f, "{}", one.letter()))?;
        self.query.as_ref().map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

impl LogSafe for Scopes {}

/// A scope on resources; nothing where the word is about something else.
fn read(word: &str) -> Result<Option<Scope>, ScopeRefusal> {
    let Some((behalf, rest)) = word.split_once('/') else { return Ok(None) };
    let behalf = match behalf {
        "patient" => Behalf::Patient,
        "user" => Behalf::User,
        "system" => Behalf::System,
        _ => return Ok(None),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let (kind, done) = rest.split_once('.').ok_or(ScopeRefusal::Malformed)?;
    let is_kind = |kind: &str| {
        (1..=KIND_BYTES_MAX).contains(&kind.len())
            && kind.starts_with(|c: char| c.is_ascii_uppercase())
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let kind = match kind {
        "*" => None,
        kind if is_kind(kind) => Some(kind.to_owned()),
        _ => return Err(ScopeRefusal::Malformed),
    };
    let interactions = interactions(done)?;
    if let Some(query) = query {
        let reading = Interaction::Read.bit() | Interaction::Search.bit();
        let readable = query.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = (1..=QUERY_BYTES_MAX).contains(&query.len()) && readable;
        if kind.is_none() || interactions & !reading != 0 || !fits {
            return Err(ScopeRefusal::Query);
        }
    }
    Ok(Some(Scope { behalf, kind, interactions, query: query.map(str::to_owned) }))
}

/// Version 2's letters in their order, or version 1's words.
fn interactions(text: &str) -> Result<u8, ScopeRefusal> {
    use Interaction::{Create, Delete, Read, Search, Update};
    let of = |all: &[Interaction]| all.iter().fold(0, |bits, one| bits | one.bit());
    match text {
        "read" => return Ok(of(&[Read, Search])),
        "write" => return Ok(of(&[Create, Update, Delete])),
        "*" => return Ok(of(&Interaction::ALL)),
        _ => {}
    }
    let mut left = text.chars().peekable();
    let mut bits = 0;
    for one in Interaction::ALL {
        if left.next_if_eq(&one.letter()).is_some() {
            bits |= one.bit();
        }
    }
    if left.next().is_none() && bits != 0 { Ok(bits) } else { Err(ScopeRefusal::Malformed) }
}
