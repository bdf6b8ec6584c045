//! Azure Attestation's policy language: claims in, a permission and claims out. It belongs to
//! whoever runs an attestor for relying parties that wrote such policies. Text becomes a
//! [`Policy`] as a whole or not at all, evaluation is bounded in steps and claims, and nothing
//! here reads evidence: claims of the service come from what verifiers made.
//!
//! The grammar is that of Microsoft's public pages "claim rule grammar" and "attestation
//! policy version 1.0", 1.1 and 1.2. Of 1.2, the operator `!` and the functions that make one
//! value of others are understood; `JmesPath` and the functions over sets are refused when the
//! policy is read, not when it is used.

mod eval;
mod lexer;
mod parser;
mod syntax;

#[cfg(test)]
mod tests;

use std::fmt;

use autoclave_base::b64;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

pub use eval::{Evaluated, EvaluationRefusal};
pub use parser::PolicyRefusal;

use syntax::Section;

/// Longest policy text that is read: some hundred rules.
pub const POLICY_BYTES_MAX: usize = 64 * 1024;

/// A version of the grammar, as in `version=1.0;`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u8,
    minor: u8,
}

/// The value of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
}

impl Value {
    /// The value as JSON.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => Json::from(text.as_str()),
            Self::Integer(number) => Json::from(*number),
            Self::Boolean(yes) => Json::from(*yes),
        }
    }

    /// A JSON text, whole number or truth value as a claim's value.
    pub fn of_json(json: &Json) -> Option<Self> {
        match json {
            Json::String(text) => Some(Self::Text(text.clone())),
            Json::Number(number) => number.as_i64().map(Self::Integer),
            Json::Bool(yes) => Some(Self::Boolean(*yes)),
            _ => None,
        }
    }

    /// `valueType` in the language.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "String",
            Self::Integer(_) => "Integer",
            Self::Boolean(_) => "Boolean",
        }
    }
}

/// Who made a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// The service, from verified evidence.
    Service,
    /// A rule of the policy.
    Policy,
    /// Whoever asked: bound to the evidence, and said by nobody else.
    Custom,
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "AttestationService",
            Self::Policy => "AttestationPolicy",
            Self::Custom => "CustomClaim",
        })
    }
}

/// One claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its name.
    pub kind: String,
    /// What it says.
    pub value: Value,
    /// Who says so.
    pub issuer: Issuer,
}

/// A policy that was read. Only [`Policy::parse`] makes it.
#[derive(Clone, Debug)]
pub struct Policy {
    text: String,
    version: Version,
    configuration: Section,
    authorization: Section,
    issuance: Section,
}

impl Policy {
    /// Reads a policy.
    pub fn parse(text: &str) -> Result<Self, PolicyRefusal> {
        parser::parse(text)
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Which version of the grammar it is written in.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// `x-ms-policy-hash`: the SHA-256 of the base64url of the text.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(b64::encode(&self.text)).into()
    }

    /// Judges claims: a permission with what the policy issues, or a refusal.
    pub fn evaluate(&self, incoming: Vec<Claim>) -> Result<Evaluated, EvaluationRefusal> {
        eval::evaluate(self, incoming)
    }
}
