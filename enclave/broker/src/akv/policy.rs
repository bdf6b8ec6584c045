//! Release policies in the grammar 1.0.0 of Azure Key Vault. The key owner's text, judged
//! over the claims of a verified token. Pure. A claim that is missing meets nothing but
//! `"exists": false`, and arrays and objects are never equal to anything.
//!
//! `{"version": "1.0.0", "anyOf": [AUTHORITY…]}`; an AUTHORITY is `{"authority": issuer}`
//! with one of `allOf` and `anyOf`; each of their members is `{"claim": PATH, OPERATOR:
//! value}` or nested `allOf` or `anyOf`. Operators are `equals`, `notEquals`, `less`,
//! `lessOrEquals`, `greater`, `greaterOrEquals` and `exists`. A text in the policy equals a
//! boolean or an integer in the token that is written so, as in Azure.

use std::cmp::Ordering;

use autoclave_base::Digest;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Longest policy.
pub const POLICY_BYTES_MAX: usize = 16 * 1024;
/// Deepest nesting below an authority.
const DEPTH_MAX: usize = 8;
/// Members of all lists together.
const MEMBERS_MAX: usize = 256;
/// The one version.
const VERSION: &str = "1.0.0";

/// The text is not a policy of this grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a release policy of version 1.0.0")]
pub struct PolicyRefusal;

/// A condition that was not met, for the key's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// Which claim, or `authority`.
    pub claim: String,
    /// What the policy wants.
    pub expected: String,
    /// What was there.
    pub found: String,
}

/// A policy that was parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleasePolicy {
    digest: Digest,
    authorities: Vec<(String, Rule)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    All(Vec<Self>),
    Any(Vec<Self>),
    Claim { path: String, operator: Operator, value: Value },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    NotEquals,
    Less,
    LessOrEquals,
    Greater,
    GreaterOrEquals,
    Exists,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: String,
    #[serde(rename = "anyOf")]
    any_of: Vec<Map<String, Value>>,
}

impl ReleasePolicy {
    /// Reads a policy.
    pub fn parse(text: &str) -> Result<Self, PolicyRefusal> {
        if text.len() > POLICY_BYTES_MAX {
            return Err(PolicyRefusal);
        }
        let parsed: Text = serde_json::from_str(text).map_err(|_| PolicyRefusal)?;
        if parsed.version != VERSION || parsed.any_of.is_empty() {
            return Err(PolicyRefusal);
        }
        let mut left = MEMBERS_MAX;
        let authorities = parsed.any_of.into_iter().map(|mut members| {
            let Some(Value::String(authority)) = members.remove("authority") else {
                return Err(PolicyRefusal);
            };
            let rule = list(&members, 0, &mut left)?.ok_or(PolicyRefusal)?;
            Ok((issuer(&authority).to_owned(), rule))
        });
        let authorities: Result<Vec<_>, _> = authorities.collect();
        Ok(Self { digest: Digest::of(text), authorities: authorities? })
    }

    /// The digest of its text.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether the claims of a token by `authority` meet it; otherwise what they missed.
    pub fn judge(&self, authority: &str, claims: &Value) -> Result<(), Miss> {
        let own = self.authorities.iter().filter(|(name, _)| name == issuer(authority));
        let mut first = None;
        for (_, rule) in own {
            match rule.judge(claims) {
                Ok(()) => return Ok(()),
                Err(miss) => first = first.or(Some(miss)),
            }
        }
        let expected = "an authority of the policy".to_owned();
        let found = authority.to_owned();
        Err(first.unwrap_or(Miss { claim: "authority".to_owned(), expected, found }))
    }
}

/// Addresses of issuers compare without the slash at their end.
fn issuer(text: &str) -> &str {
    text.trim_end_matches('/')
}

/// The one list among `members`, if that is all there is.
fn list(
    members: &Map<String, Value>,
    depth: usize,
    left: &mut usize,
) -> Result<Option<Rule>, PolicyRefusal> {
    let mut entries = members.iter();
    let (Some((name, value)), None) = (entries.next(), entries.next()) else { return Ok(None) };
    let (Value::Array(of), "allOf" | "anyOf") = (value, name.as_str()) else { return Ok(None) };
    if of.is_empty() || depth >= DEPTH_MAX {
        return Err(PolicyRefusal);
    }
    let rules: Result<Vec<_>, _> = of.iter().map(|one| rule(one, depth + 1, left)).collect();
    Ok(Some(if name == "allOf" { Rule::All(rules?) } else { Rule::Any(rules?) }))
}

fn rule(value: &Value, depth: usize, left: &mut usize) -> Result<Rule, PolicyRefusal> {
    *left = left.checked_sub(1).ok_or(PolicyRefusal)?;
    let members = value.as_object().ok_or(PolicyRefusal)?;
    if let Some(nested) = list(members, depth, left)? {
        return Ok(nested);
    }
    let Some(Value::String(path)) = members.get("claim") else { return Err(PolicyRefusal) };
    let mut others = members.iter().filter(|(name, _)| *name != "claim");
    let (Some((operator, value)), None) = (others.next(), others.next()) else {
        return Err(PolicyRefusal);
    };
    let operator = Operator::parse(operator).ok_or(PolicyRefusal)?;
    if path.is_empty() || !operator.takes(value) {
        return Err(PolicyRefusal);
    }
    Ok(Rule::Claim { path: path.clone(), operator, value: value.clone() })
}

impl Rule {
    fn judge(&self, claims: &Value) -> Result<(), Miss> {
        match self {
            Self::All(rules) => rules.iter().try_for_each(|rule| rule.judge(claims)),
            Self::Any(rules) => {
                let mut misses = rules.iter().map(|rule| rule.judge(claims));
                let first = misses.next().unwrap_or(Ok(()));
                if first.is_ok() || misses.any(|it| it.is_ok()) { Ok(()) } else { first }
            }
            Self::Claim { path, operator, value } => {
                let found = claim(claims, path);
                if operator.meets(found, value) {
                    return Ok(());
                }
                let expected = format!("{} {value}", operator.as_str());
                let found = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
                Err(Miss { claim: path.clone(), expected, found })
            }
        }
    }
}

impl Operator {
    const ALL: [(&'static str, Self); 7] = [
        ("equals", Self::Equals),
        ("notEquals", Self::NotEquals),
        ("less", Self::Less),
        ("lessOrEquals", Self::LessOrEquals),
        ("greater", Self::Greater),
        ("greaterOrEquals", Self::GreaterOrEquals),
        ("exists", Self::Exists),
    ];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, operator)| *operator)
    }

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }

    /// Whether a policy may compare with `value` by this operator.
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Equals | Self::NotEquals => {
                value.is_string() || value.is_boolean() || value.is_number()
            }
            Self::Exists => value.is_boolean(),
            _ => value.is_number(),
        }
    }

    fn meets(self, found: Option<&Value>, value: &Value) -> bool {
        if self == Self::Exists {
            return value.as_bool() == Some(found.is_some());
        }
        let Some(found) = found.filter(|it| !it.is_array() && !it.is_object()) else {
            return false;
        };
        match self {
            Self::Equals => equal(found, value),
            Self::NotEquals => !equal(found, value),
            Self::Less => order(found, value).is_some_and(Ordering::is_lt),
            Self::LessOrEquals => order(found, value).is_some_and(Ordering::is_le),
            Self::Greater => order(found, value).is_some_and(Ordering::is_gt),
            Self::GreaterOrEquals => order(found, value).is_some_and(Ordering::is_ge),
            Self::Exists => true,
        }
    }
}

fn equal(found: &Value, value: &Value) -> bool {
    match (found, value) {
        (Value::Bool(found), Value::String(text)) => found.to_string() == *text,
        (Value::Number(found), Value::String(text)) => found.to_string() == *text,
        (Value::Number(_), Value::Number(_)) => order(found, value).is_some_and(Ordering::is_eq),
        _ => found == value,
    }
}

/// Integers exactly, other numbers as floating point.
fn order(found: &Value, value: &Value) -> Option<Ordering> {
    if let (Some(found), Some(value)) = (found.as_i64(), value.as_i64()) {
        return Some(found.cmp(&value));
    }
    if let (Some(found), Some(value)) = (found.as_u64(), value.as_u64()) {
        return Some(found.cmp(&value));
    }
    found.as_f64()?.partial_cmp(&value.as_f64()?)
}

/// The claim at a path of names with dots between them. A name may have dots of its own
/// (`ear.status`): the longest that is there counts.
fn claim<'c>(claims: &'c Value, path: &str) -> Option<&'c Value> {
    let members = claims.as_object()?;
    if let Some(found) = members.get(path) {
        return Some(found);
    }
    let dots = path.rmatch_indices('.').map(|(at, _)| at);
    let mut parts = dots.map(|at| (&path[..at], &path[at + 1..]));
    parts.find_map(|(first, rest)| claim(members.get(first)?, rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const AUTHORITY: &str = "https://attest.example";

    fn policy(rule: &Value) -> Value {
        let mut authority = rule.clone();
        authority["authority"] = json!(AUTHORITY);
        json!({ "version": "1.0.0", "anyOf": [authority] })
    }

    fn met(rule: &Value, claims: &Value) -> bool {
        let policy = ReleasePolicy::parse(&policy(rule).to_string()).unwrap();
        policy.judge(AUTHORITY, claims).is_ok()
    }

    #[test]
    fn each_operator_by_its_claim() {
        let claims = json!({
            "text": "a", "yes": true, "five": 5, "big": 18_446_744_073_709_551_615_u64,
            "half": 0.5, "list": [1], "in": { "ner": { "most": 1 }, "ear.status": "affirming" },
        });
        let cases = [
            ("text", "equals", json!("a"), true),
            ("text", "equals", json!("b"), false),
            ("text", "notEquals", json!("b"), true),
            ("text", "notEquals", json!("a"), false),
            ("none", "notEquals", json!("a"), false),
            ("yes", "equals", json!(true), true),
            ("yes", "equals", json!("true"), true),
            ("yes", "equals", json!("True"), false),
            ("yes", "equals", json!(1), false),
            ("five", "equals", json!(5), true),
            ("five", "equals", json!("5"), true),
            ("five", "less", json!(6), true),
            ("five", "less", json!(5), false),
            ("five", "lessOrEquals", json!(5), true),
            ("five", "greater", json!(4.5), true),
            ("five", "greater", json!(5), false),
            ("five", "greaterOrEquals", json!(5), true),
            ("big", "greater", json!(5), true),
            ("half", "less", json!(1), true),
            ("text", "greater", json!(0), false),
            ("list", "equals", json!("[1]"), false),
            ("list", "notEquals", json!("a"), false),
            ("list", "exists", json!(true), true),
            ("none", "exists", json!(true), false),
            ("none", "exists", json!(false), true),
            ("text", "exists", json!(false), false),
            ("none", "less", json!(5), false),
            ("in.ner.most", "equals", json!(1), true),
            ("in.ner", "equals", json!(1), false),
            ("in.ear.status", "equals", json!("affirming"), true),
            ("in.none", "equals", json!(1), false),
        ];
        for (path, operator, value, expected) in cases {
            let one = json!({ "claim": path, operator: value });
            assert_eq!(met(&json!({ "allOf": [one] }), &claims), expected, "{one}");
        }
    }

    #[test]
    fn lists_nest() {
        let is = |name: &str| json!({ "claim": name, "equals": true });
        let claims = json!({ "a": true, "b": false, "c": true });
        let any = |of: Vec<Value>| json!({ "anyOf": of });
        let all = |of: Vec<Value>| json!({ "allOf": of });
        assert!(met(&all(vec![is("a"), any(vec![is("b"), is("c")])]), &claims));
        assert!(!met(&all(vec![is("a"), all(vec![is("b"), is("c")])]), &claims));
        assert!(met(&any(vec![all(vec![is("a"), is("b")]), is("c")]), &claims));
        assert!(!met(&any(vec![is("b"), is("d")]), &claims));
    }

    #[test]
    fn only_an_authority_of_the_policy_is_heard() {
        let rule = json!({ "allOf": [{ "claim": "a", "equals": 1 }] });
        let policy = ReleasePolicy::parse(&policy(&rule).to_string()).unwrap();
        let claims = json!({ "a": 1 });
        assert_eq!(policy.judge("https://attest.example/", &claims), Ok(()));
        assert_eq!(policy.judge("https://other.example", &claims).unwrap_err().claim, "authority");
        let miss = policy.judge(AUTHORITY, &json!({ "a": 2 })).unwrap_err();
        assert_eq!((&*miss.claim, &*miss.expected, &*miss.found), ("a", "equals 1", "2"));
    }

    #[test]
    fn other_texts_are_no_policies() {
        let good = json!({ "claim": "a", "equals": 1 });
        let rules = [
            json!({}),
            json!({ "allOf": [] }),
            json!({ "allOf": [good], "anyOf": [good] }),
            json!({ "allOf": [{ "claim": "a" }] }),
            json!({ "allOf": [{ "claim": "", "equals": 1 }] }),
            json!({ "allOf": [{ "claim": "a", "equals": 1, "less": 2 }] }),
            json!({ "allOf": [{ "claim": "a", "equals": [1] }] }),
            json!({ "allOf": [{ "claim": "a", "equals": null }] }),
            json!({ "allOf": [{ "claim": "a", "less": "1" }] }),
            json!({ "allOf": [{ "claim": "a", "matches": "1" }] }),
            json!({ "allOf": [{ "claim": "a", "exists": "true" }] }),
            json!({ "allOf": [{ "anyOf": [] }] }),
            json!({ "allOf": [1] }),
        ];
        let mut texts: Vec<_> = rules.iter().map(|rule| policy(rule).to_string()).collect();
        texts.push(policy(&json!({ "allOf": [good] })).to_string().replace("1.0.0", "1.0.1"));
        texts.push(json!({ "version": "1.0.0", "anyOf": [] }).to_string());
        texts.push(json!({ "version": "1.0.0", "anyOf": [{ "allOf": [good] }] }).to_string());
        let deep = (0..DEPTH_MAX).fold(good.clone(), |inner, _| json!({ "allOf": [inner] }));
        texts.push(policy(&json!({ "allOf": [deep] })).to_string());
        texts.push(policy(&json!({ "allOf": vec![good; MEMBERS_MAX + 1] })).to_string());
        for text in texts {
            assert_eq!(ReleasePolicy::parse(&text), Err(PolicyRefusal), "{text}");
        }
    }
}
