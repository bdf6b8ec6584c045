//! What an evaluation may know beside the tree. It belongs to the crate. Whoever evaluates
//! gives the clock, the resolver and the terminology, or none: nothing is fetched here.

use autoclave_fhir::json::Node;

use crate::item::Item;
use crate::value::DateTime;

/// Finds resources that references lead to.
pub trait Resolver {
    /// The resource of that reference (`Patient/7`, an absolute address, `urn:uuid:…`);
    /// contained ones are found without it.
    fn resolve<'a>(&'a self, reference: &str) -> Option<&'a Node<'a>>;
}

/// Knows codes.
pub trait Terminology {
    /// Whether a code is in a value set; `None` where that is not known.
    fn member_of(&self, system: Option<&str>, code: &str, set: &str) -> Option<bool>;

    /// Whether the first code means all that the second means; `None` where that is not known.
    fn subsumes(&self, system: &str, broad: &str, narrow: &str) -> Option<bool>;
}

/// Knows profiles.
pub trait Profiles {
    /// Whether a tree keeps to a profile; `None` where the profile is not known.
    fn conforms(&self, node: &Node<'_>, profile: &str) -> Option<bool>;
}

/// What an evaluation may know beside the tree.
#[derive(Clone, Default)]
pub struct Context<'a> {
    pub(crate) now: Option<DateTime>,
    pub(crate) resource: Option<&'a Node<'a>>,
    pub(crate) container: Option<&'a Node<'a>>,
    pub(crate) variables: Vec<(Box<str>, Vec<Item<'a>>)>,
    pub(crate) resolver: Option<&'a dyn Resolver>,
    pub(crate) terminology: Option<&'a dyn Terminology>,
    pub(crate) profiles: Option<&'a dyn Profiles>,
    pub(crate) strict: bool,
}

impl<'a> Context<'a> {
    /// The moment that `now()`, `today()` and `timeOfDay()` mean.
    #[must_use]
    pub fn now(mut self, now: DateTime) -> Self {
        self.now = Some(now);
        self
    }

    /// What `%resource` means where the expression starts from an element inside of it.
    #[must_use]
    pub fn resource(mut self, resource: &'a Node<'a>) -> Self {
        self.resource = Some(resource);
        self
    }

    /// What `%rootResource` means, and where `#id` is looked for, if not in `%resource`.
    #[must_use]
    pub fn container(mut self, resource: &'a Node<'a>) -> Self {
        self.container = Some(resource);
        self
    }

    /// What `%name` means.
    #[must_use]
    pub fn variable(mut self, name: &str, items: Vec<Item<'a>>) -> Self {
        self.variables.push((name.into(), items));
        self
    }

    /// Who finds what references lead to.
    #[must_use]
    pub fn resolver(mut self, resolver: &'a dyn Resolver) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// Who knows codes.
    #[must_use]
    pub fn terminology(mut self, terminology: &'a dyn Terminology) -> Self {
        self.terminology = Some(terminology);
        self
    }

    /// Who knows profiles.
    #[must_use]
    pub fn profiles(mut self, profiles: &'a dyn Profiles) -> Self {
        self.profiles = Some(profiles);
        self
    }

    /// A name that the definitions do not have where it stands is refused, not empty; and so
    /// is `as` of more than one item.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }
}
