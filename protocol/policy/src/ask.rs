//! An ask: who wants to do what with which thing, and in which circumstances.

use std::str::FromStr;

use autoclave_base::{Digest, jcs};
use cedar_policy::{Context, Entities, EntityId, EntityTypeName, EntityUid, Request, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Something that rules speak of, with its attributes: a workload, a person, a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thing {
    kind: String,
    id: String,
    attributes: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parents: Vec<Value>,
}

impl Thing {
    /// The thing of type `kind` (an entity type of the schema) named `id`.
    #[expect(clippy::needless_pass_by_value, reason = "ids are small, and texts or references")]
    pub fn new(kind: &str, id: impl ToString) -> Self {
        let (attributes, parents) = (Map::new(), Vec::new());
        Self { kind: kind.to_owned(), id: id.to_string(), attributes, parents }
    }

    /// With an attribute; values are JSON in Cedar's form, typed by the schema.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    /// As a member of another thing, for rules that say `principal in Team::"…"`.
    #[must_use]
    pub fn within(mut self, kind: &str, id: &str) -> Self {
        self.parents.push(json!({ "type": kind, "id": id }));
        self
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The digest of the attributes: of the claims, where code asks.
    pub fn digest(&self) -> Option<Digest> {
        jcs::digest(&self.attributes).ok()
    }

    fn uid(&self) -> Result<EntityUid, AskError> {
        let kind = EntityTypeName::from_str(&self.kind).map_err(|_| AskError::Thing)?;
        Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(&self.id)))
    }

    fn to_json(&self) -> Value {
        json!({
            "uid": { "type": self.kind, "id": self.id },
            "attrs": self.attributes,
            "parents": self.parents,
        })
    }
}

/// A question to a policy book.
///
/// Its JSON form is for dry-runs and for what is kept of past decisions; whatever is read
/// back has to fit the schema again before rules see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    principal: Thing,
    action: String,
    resource: Thing,
    #[serde(default)]
    context: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<Thing>,
}

/// The ask does not fit the schema. It is refused: rules are never tried on half an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AskError {
    #[error("a thing that the schema does not describe so")]
    Thing,
    #[error("a context that the schema does not describe so")]
    Context,
    #[error("an action that the schema does not offer between these two")]
    Action,
}

/// What the rules look at: an ask that fits the schema.
pub(super) struct Facts {
    pub(super) request: Request,
    pub(super) entities: Entities,
}

impl Ask {
    /// May `principal` do `action` to `resource`?
    pub fn new(principal: Thing, action: &str, resource: Thing) -> Self {
        let (context, others) = (Map::new(), Vec::new());
        Self { principal, action: action.to_owned(), resource, context, others }
    }

    /// With a circumstance, such as the purpose of use.
    #[must_use]
    pub fn in_context(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.context.insert(name.to_owned(), value.into());
        self
    }

    /// With a further thing that attributes refer to.
    #[must_use]
    pub fn knowing(mut self, thing: Thing) -> Self {
        self.others.push(thing);
        self
    }

    /// Who asks.
    pub const fn principal(&self) -> &Thing {
        &self.principal
    }

    /// For what.
    pub const fn resource(&self) -> &Thing {
        &self.resource
    }

    /// The digest of all but the circumstances and the one instance that asked: the same code
    /// asking for the same thing again asks the same.
    pub fn digest(&self) -> Option<Digest> {
        let principal = (&self.principal.kind, &self.principal.attributes);
        jcs::digest(&(principal, &self.action, &self.resource)).ok()
    }

    pub(super) fn action(&self) -> &str {
        &self.action
    }

    pub(super) fn facts(&self, schema: &Schema) -> Result<Facts, AskError> {
        let action = Thing::new("Action", &self.action).uid()?;
        let context = Value::Object(self.context.clone());
        let context = Context::from_json_value(context, Some((schema, &action)))
            .map_err(|_| AskError::Context)?;
        let (principal, resource) = (self.principal.uid()?, self.resource.uid()?);
        let request = Request::new(principal, action, resource, context, Some(schema))
            .map_err(|_| AskError::Action)?;
        Ok(Facts { request, entities: self.entities(schema)? })
    }

    fn entities(&self, schema: &Schema) -> Result<Entities, AskError> {
        let mut things: Vec<Value> = Vec::new();
        for thing in [&self.principal, &self.resource].into_iter().chain(&self.others) {
            let thing = thing.to_json();
            // A person may ask for herself; two different accounts of one thing are refused.
            if !things.contains(&thing) {
                things.push(thing);
            }
        }
        Entities::from_json_value(Value::Array(things), Some(schema)).map_err(|_| AskError::Thing)
    }
}
