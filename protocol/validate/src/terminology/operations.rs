//! The terminology operations of FHIR, as resources: `$expand`, `$lookup`, `$validate-code` and
//! `$subsumes`. What they refuse they say without repeating what was asked.

use autoclave_fhir::json::Node;

use super::{Member, Membership, Set, System, Terminology, Unlisted};

/// Codes in one answer.
pub const PAGE_MAX: usize = 1_000;

/// Why an operation has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TerminologyRefusal {
    /// No value set of that address.
    #[error("no value set with this address is here")]
    SetUnknown,
    /// No code system of that address.
    #[error("no code system with this address is here")]
    SystemUnknown,
    /// The system does not have this code.
    #[error("the code system has no such code")]
    CodeUnknown,
    /// It would need codes that nobody here has.
    #[error(transparent)]
    Unlisted(#[from] Unlisted),
}

impl TerminologyRefusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SetUnknown => "value-set-unknown",
            Self::SystemUnknown => "code-system-unknown",
            Self::CodeUnknown => "code-unknown",
            Self::Unlisted(_) => "not-enumerated",
        }
    }

    /// `OperationOutcome.issue.code`
    pub const fn issue(&self) -> &'static str {
        match self {
            Self::SetUnknown | Self::SystemUnknown | Self::CodeUnknown => "not-found",
            Self::Unlisted(_) => "not-supported",
        }
    }
}

/// What to expand, and which part of it to give.
#[derive(Clone, Copy, Default)]
pub struct Expand<'a> {
    /// Only codes in whose display or code every word of this begins a word.
    pub filter: Option<&'a str>,
    /// Codes to pass over.
    pub offset: usize,
    /// Codes to give; at most [`PAGE_MAX`].
    pub count: Option<usize>,
    /// Whether to leave out what is no longer to be used.
    pub active_only: bool,
    /// The time of the answer, an instant.
    pub now: &'a str,
}

/// A code that is asked about.
#[derive(Clone, Copy, Default)]
pub struct Asked<'a> {
    /// Its system; of a `code` element none.
    pub system: Option<&'a str>,
    /// The code.
    pub code: &'a str,
    /// What the asker thinks that it is called.
    pub display: Option<&'a str>,
}

impl Terminology {
    /// `$expand` of a value set by its address.
    pub fn expand(&self, url: &str, how: Expand<'_>) -> Result<Node<'static>, TerminologyRefusal> {
        self.expansion(self.set(url).ok_or(TerminologyRefusal::SetUnknown)?, how)
    }

    /// `$expand` of a value set that the asker brings.
    pub fn expand_given(
        &self,
        set: &Node<'_>,
        how: Expand<'_>,
    ) -> Result<Node<'static>, TerminologyRefusal> {
        self.expansion(&Set::of_node(set), how)
    }

    fn expansion(&self, set: &Set, how: Expand<'_>) -> Result<Node<'static>, TerminologyRefusal> {
        let mut members = set.members(self, 0)?;
        let words = how.filter.unwrap_or_default().to_lowercase();
        members.retain(|one| !(how.active_only && one.is_retired) && matches(one, &words));
        let total = members.len();
        let count = how.count.unwrap_or(PAGE_MAX).min(PAGE_MAX);
        let page: Vec<Node<'static>> =
            members.into_iter().skip(how.offset).take(count).map(contains).collect();
        let mut expansion = vec![
            ("timestamp", owned(how.now)),
            ("total", number(total)),
            ("offset", number(how.offset)),
        ];
        if !page.is_empty() {
            expansion.push(("contains", Node::List(page)));
        }
        let mut members = vec![("resourceType", owned("ValueSet"))];
        for (name, value) in [("url", &set.url), ("version", &set.version), ("title", &set.name)] {
            if !value.is_empty() {
                members.push((name, owned(value)));
            }
        }
        members.push(("status", owned("active")));
        members.push(("expansion", Node::object(expansion)));
        Ok(Node::object(members))
    }

    /// `$lookup`: what is known of a code.
    pub fn lookup(&self, system: &str, code: &str) -> Result<Node<'static>, TerminologyRefusal> {
        let system = self.system(system).ok_or(TerminologyRefusal::SystemUnknown)?;
        let at = system.at(code).ok_or(TerminologyRefusal::CodeUnknown)?;
        let concept = &system.concepts[at];
        let mut out = vec![("name", "valueString", owned(&system.name))];
        if !system.version.is_empty() {
            out.push(("version", "valueString", owned(&system.version)));
        }
        out.push(("display", "valueString", owned(&concept.display)));
        if let Some(definition) = &concept.definition {
            out.push(("definition", "valueString", owned(definition)));
        }
        let mut parameters: Vec<Node<'static>> =
            out.into_iter().map(|(name, kind, value)| parameter(name, kind, value)).collect();
        parameters.push(property("inactive", "valueBoolean", Node::Bool(concept.is_retired)));
        parameters.push(property("abstract", "valueBoolean", Node::Bool(concept.is_abstract)));
        for parent in &concept.parents {
            let code = owned(&system.concepts[*parent].code);
            parameters.push(property("parent", "valueCode", code));
        }
        for child in system.concepts.iter().filter(|child| child.parents.contains(&at)) {
            parameters.push(property("child", "valueCode", owned(&child.code)));
        }
        Ok(self::parameters(parameters))
    }

    /// `ValueSet/$validate-code`: whether any of the codes is of the set.
    pub fn validate_code(
        &self,
        set: &str,
        codes: &[Asked<'_>],
    ) -> Result<Node<'static>, TerminologyRefusal> {
        let set = self.set(set).ok_or(TerminologyRefusal::SetUnknown)?;
        let mut unknown = None;
        for asked in codes {
            match set.holds(self, asked.system, asked.code, 0) {
                Membership::In => return Ok(self.verdict(*asked)),
                Membership::Unknown => unknown = Some(asked.system.unwrap_or(&set.url)),
                Membership::Out => {}
            }
        }
        match unknown {
            Some(url) => Err(Unlisted { url: url.to_owned() }.into()),
            None => Ok(refused("The code is not in the value set.")),
        }
    }

    /// `CodeSystem/$validate-code`: whether the code is one of its system.
    pub fn validate_in_system(
        &self,
        system: &str,
        asked: Asked<'_>,
    ) -> Result<Node<'static>, TerminologyRefusal> {
        let known = self.system(system).ok_or(TerminologyRefusal::SystemUnknown)?;
        if known.concept(asked.code).is_none() {
            if !known.is_complete {
                return Err(Unlisted { url: known.url.to_string() }.into());
            }
            return Ok(refused("The code system has no such code."));
        }
        Ok(self.verdict(Asked { system: Some(system), ..asked }))
    }

    /// `$subsumes`: how two codes of a system lie to each other.
    pub fn subsumes(
        &self,
        system: &str,
        a: &str,
        b: &str,
    ) -> Result<Node<'static>, TerminologyRefusal> {
        let system = self.system(system).ok_or(TerminologyRefusal::SystemUnknown)?;
        let at = |code: &str| system.at(code).ok_or(TerminologyRefusal::CodeUnknown);
        let outcome = relation(system, at(a)?, at(b)?);
        Ok(parameters(vec![parameter("outcome", "valueCode", owned(outcome))]))
    }

    /// Yes, unless the display is another one.
    fn verdict(&self, asked: Asked<'_>) -> Node<'static> {
        let concept = asked.system.and_then(|url| self.system(url)?.concept(asked.code));
        let right = concept.map(|concept| &*concept.display).filter(|display| !display.is_empty());
        let differs = matches!((asked.display, right), (Some(said), Some(right))
            if !said.eq_ignore_ascii_case(right));
        let mut out = vec![parameter("result", "valueBoolean", Node::Bool(!differs))];
        if differs {
            let message = "The code is called otherwise in its system.";
            out.push(parameter("message", "valueString", owned(message)));
        }
        if let Some(display) = right {
            out.push(parameter("display", "valueString", owned(display)));
        }
        parameters(out)
    }
}

fn relation(system: &System, a: usize, b: usize) -> &'static str {
    match (system.is_below(b, a), system.is_below(a, b)) {
        (true, true) => "equivalent",
        (true, false) => "subsumes",
        (false, true) => "subsumed-by",
        (false, false) => "not-subsumed",
    }
}

/// Whether each word begins a word of the display, or the code.
fn matches(member: &Member, words: &str) -> bool {
    let display = member.display.to_lowercase();
    let code = member.code.to_lowercase();
    let begins = |word: &str| {
        code.starts_with(word)
            || display
                .split(|letter: char| !letter.is_alphanumeric())
                .any(|own| own.starts_with(word))
    };
    words.split_whitespace().all(begins)
}

fn contains(member: Member) -> Node<'static> {
    let mut out = vec![("system", Node::Text(member.system))];
    if member.is_abstract {
        out.push(("abstract", Node::Bool(true)));
    }
    if member.is_retired {
        out.push(("inactive", Node::Bool(true)));
    }
    out.push(("code", Node::Text(member.code)));
    if !member.display.is_empty() {
        out.push(("display", Node::Text(member.display)));
    }
    Node::object(out)
}

fn refused(message: &'static str) -> Node<'static> {
    parameters(vec![
        parameter("result", "valueBoolean", Node::Bool(false)),
        parameter("message", "valueString", owned(message)),
    ])
}

fn parameters(all: Vec<Node<'static>>) -> Node<'static> {
    Node::object([("resourceType", owned("Parameters")), ("parameter", Node::List(all))])
}

fn parameter(name: &str, kind: &'static str, value: Node<'static>) -> Node<'static> {
    Node::object([("name", owned(name)), (kind, value)])
}

fn property(code: &str, kind: &'static str, value: Node<'static>) -> Node<'static> {
    let part = vec![parameter("code", "valueCode", owned(code)), parameter("value", kind, value)];
    Node::object([("name", owned("property")), ("part", Node::List(part))])
}

fn owned(text: &str) -> Node<'static> {
    Node::from_text(text.to_owned())
}

fn number(count: usize) -> Node<'static> {
    Node::Number(count.to_string().into())
}
