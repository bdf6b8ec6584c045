//! What a validation finds, and the OperationOutcome that says it. A finding names a place and
//! a rule; nothing that an author wrote as a value is ever in it.

use std::borrow::Cow;
use std::fmt;

use autoclave_fhir::json::Node;

/// Findings of one validation; a resource with more is not worth reading further.
pub const FINDINGS_MAX: usize = 100;

/// The code system of our rules' codes.
pub const CODE_SYSTEM: &str = "urn:autoclave:code";

/// How grave a finding is, as in `OperationOutcome.issue.severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Information,
    /// It may be wrong.
    Warning,
    /// It breaks a rule.
    Error,
}

impl Severity {
    /// Its code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a finding is about, as in `OperationOutcome.issue.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueType {
    /// The form of the document.
    Structure,
    /// Something is missing.
    Required,
    /// A value is not what its type says.
    Value,
    /// A rule of the definitions.
    Invariant,
    /// A code is not of its value set.
    CodeInvalid,
    /// An extension that is not known or not for this place.
    Extension,
    /// Something that is named is not there.
    NotFound,
    /// We cannot tell.
    NotSupported,
    /// Only said.
    Informational,
}

impl IssueType {
    /// Its code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Required => "required",
            Self::Value => "value",
            Self::Invariant => "invariant",
            Self::CodeInvalid => "code-invalid",
            Self::Extension => "extension",
            Self::NotFound => "not-found",
            Self::NotSupported => "not-supported",
            Self::Informational => "informational",
        }
    }
}

/// One thing that a validation found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// What it is about.
    pub issue: IssueType,
    /// The rule's stable code, such as `element-unknown`.
    pub code: Cow<'static, str>,
    /// Where: FHIRPath from the resource's type.
    pub place: String,
    /// One sentence, without any value.
    pub message: Cow<'static, str>,
}

impl Finding {
    /// Whether the resource must not pass with it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    fn issue(&self) -> Node<'static> {
        let text = |text: &str| Node::from_text(text.to_owned());
        let coding = Node::object([("system", text(CODE_SYSTEM)), ("code", text(&self.code))]);
        Node::object([
            ("severity", text(self.severity.code())),
            ("code", text(self.issue.code())),
            ("details", Node::object([("coding", Node::List(vec![coding]))])),
            ("diagnostics", text(&self.message)),
            ("expression", Node::List(vec![text(&self.place)])),
        ])
    }
}

/// What one validation found, bounded; what is graver takes the place of what is less.
#[derive(Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    /// Notes a finding.
    pub(crate) fn add(&mut self, severity: Severity, make: impl FnOnce() -> Finding) {
        if self.0.len() < FINDINGS_MAX {
            self.0.push(make());
        } else if let Some(at) = self.0.iter().rposition(|one| one.severity < severity) {
            self.0.remove(at);
            self.0.push(make());
        }
    }

    /// Whether nothing graver can come that would still be noted.
    pub(crate) fn are_full(&self) -> bool {
        self.0.len() >= FINDINGS_MAX && self.0.iter().all(Finding::is_error)
    }

    /// Whether an error is among them.
    pub(crate) fn have_error(&self) -> bool {
        self.0.iter().any(Finding::is_error)
    }

    /// All of them.
    pub(crate) fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}

/// The findings as an OperationOutcome; where there are none, it says so.
pub fn operation_outcome(findings: &[Finding]) -> Node<'static> {
    let text = |text: &'static str| Node::from_text(text);
    let issues = if findings.is_empty() {
        vec![Node::object([
            ("severity", text("information")),
            ("code", text("informational")),
            ("diagnostics", text("No issues found.")),
        ])]
    } else {
        findings.iter().map(Finding::issue).collect()
    };
    Node::object([("resourceType", text("OperationOutcome")), ("issue", Node::List(issues))])
}

/// A place in a resource, as a chain upwards; it is written out only for a finding.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    above: Option<&'p Self>,
    name: &'p str,
    at: Option<usize>,
}

impl<'p> Place<'p> {
    /// The root: a type's name.
    pub(crate) const fn root(name: &'p str) -> Self {
        Self { above: None, name, at: None }
    }

    /// An element below.
    pub(crate) const fn below(&'p self, name: &'p str) -> Self {
        Self { above: Some(self), name, at: None }
    }

    /// One item of this element.
    pub(crate) const fn item(self, at: usize) -> Self {
        Self { at: Some(at), ..self }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            write!(f, "{above}.")?;
        }
        f.write_str(self.name)?;
        self.at.map_or(Ok(()), |at| write!(f, "[{at}]"))
    }
}
