//! Where a claim stands: `principal.hw_backed`, `context.purpose`, `resource.owner`.

use std::fmt;

use cedar_policy::EvalResult;
use serde_json::Value;

use super::ask::Facts;

/// A request variable and the attributes to follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    root: Root,
    names: Vec<String>,
}

/// In the order in which a reader looks for the cause: who asked, how, then the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Root {
    Principal,
    Context,
    Action,
    Resource,
}

impl Path {
    /// Reads `{"Var":…}` or a chain of `{".":{"left":…,"attr":…}}` (Cedar's JSON form).
    pub(super) fn parse(est: &Value) -> Option<Self> {
        if let Some(variable) = est.get("Var") {
            return Some(Self { root: Root::parse(variable.as_str()?)?, names: Vec::new() });
        }
        let step = est.get(".")?;
        let mut path = Self::parse(step.get("left")?)?;
        path.names.push(step.get("attr")?.as_str()?.to_owned());
        Some(path)
    }

    /// All paths within an expression, longest only, each once.
    pub(super) fn all_in(est: &Value) -> Vec<Self> {
        let mut found = Vec::new();
        collect(est, &mut found);
        found
    }

    pub(super) const fn root(&self) -> Root {
        self.root
    }

    pub(super) fn join(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// The value there, or `None` where something on the way is absent.
    pub(super) fn value(&self, facts: &Facts) -> Option<EvalResult> {
        let (mut value, names) = self.start(facts)?;
        for name in names {
            value = step(&value, name, facts)?;
        }
        Some(value)
    }

    fn start(&self, facts: &Facts) -> Option<(EvalResult, &[String])> {
        let request = &facts.request;
        let uid = match self.root {
            Root::Principal => request.principal()?,
            Root::Action => request.action()?,
            Root::Resource => request.resource()?,
            Root::Context => {
                let (first, rest) = self.names.split_first()?;
                return Some((request.context()?.get(first)?, rest));
            }
        };
        Some((EvalResult::EntityUid(uid.clone()), &self.names))
    }
}

fn step(value: &EvalResult, name: &str, facts: &Facts) -> Option<EvalResult> {
    match value {
        EvalResult::EntityUid(uid) => facts.entities.get(uid)?.attr(name)?.ok(),
        EvalResult::Record(record) => record.get(name).cloned(),
        _ => None,
    }
}

fn collect(est: &Value, found: &mut Vec<Path>) {
    if let Some(path) = Path::parse(est) {
        if !found.contains(&path) {
            found.push(path);
        }
        return;
    }
    match est {
        Value::Object(members) => members.values().for_each(|member| collect(member, found)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

impl Root {
    fn parse(variable: &str) -> Option<Self> {
        match variable {
            "principal" => Some(Self::Principal),
            "action" => Some(Self::Action),
            "resource" => Some(Self::Resource),
            "context" => Some(Self::Context),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Context => "context",
            Self::Action => "action",
            Self::Resource => "resource",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.root.as_str())?;
        self.names.iter().try_for_each(|name| write!(f, ".{name}"))
    }
}
