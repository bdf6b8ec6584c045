//! Words into a policy, by recursive descent without recursion but in arguments of functions.
//! The language's; whatever a section may not do is refused here and never looked at again.

use super::lexer::{Placed, Token, words};
use super::syntax::{
    Action, Condition, Expression, Filter, Function, Made, Operator, Property, Rule, Section, Verb,
};
use super::{POLICY_BYTES_MAX, Policy, Value, Version};

/// Rules in one section.
const RULES_MAX: usize = 256;
/// Conditions of one rule: each multiplies the work of evaluation.
const CONDITIONS_MAX: usize = 32;
/// Comparisons in one condition: there are four properties.
const FILTERS_MAX: usize = 8;
/// Functions within functions.
const DEPTH_MAX: usize = 8;

/// Why a text is not a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    /// Longer than [`POLICY_BYTES_MAX`], or with too many rules or conditions.
    #[error("the policy is too large")]
    TooLarge,
    /// A word that the language has not.
    #[error("line {line}: not a word of the policy language")]
    Word {
        /// Where, from 1.
        line: u32,
    },
    /// A word in a place where it may not stand.
    #[error("line {line}: the policy does not follow the grammar here")]
    Grammar {
        /// Where, from 1.
        line: u32,
    },
    /// No version, or one that is not 1.0, 1.1 or 1.2.
    #[error("the version of the policy is not 1.0, 1.1 or 1.2")]
    Version,
    /// Neither authorization rules nor any others.
    #[error("the policy has no authorization rules")]
    Empty,
    /// An action that its section may not take.
    #[error("line {line}: this action may not be taken in this section")]
    Action {
        /// Where, from 1.
        line: u32,
    },
    /// A function that is not understood here, or not in this version.
    #[error("line {line}: this function is not understood here")]
    Function {
        /// Where, from 1.
        line: u32,
    },
    /// A name that no condition of the rule gives.
    #[error("line {line}: no condition of this rule has this name")]
    Name {
        /// Where, from 1.
        line: u32,
    },
}

impl PolicyRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "policy.too_large",
            Self::Word { .. } => "policy.word",
            Self::Grammar { .. } => "policy.grammar",
            Self::Version => "policy.version",
            Self::Empty => "policy.empty",
            Self::Action { .. } => "policy.action",
            Self::Function { .. } => "policy.function",
            Self::Name { .. } => "policy.name",
        }
    }
}

type Parsed<T> = Result<T, PolicyRefusal>;

/// Which rules these are: they differ in what they may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Configuration,
    Authorization,
    Issuance,
}

pub(super) fn parse(text: &str) -> Parsed<Policy> {
    if text.len() > POLICY_BYTES_MAX {
        return Err(PolicyRefusal::TooLarge);
    }
    let mut parser = Parser { words: words(text)?.into_iter().peekable(), line: 1, minor: 0 };
    let version = parser.version()?;
    parser.minor = version.minor;
    let (mut configuration, mut authorization, mut issuance) = (None, None, None);
    while let Some(part) = parser.part()? {
        let section = match part {
            Part::Configuration if version.minor == 0 => return Err(parser.wrong()),
            Part::Configuration => &mut configuration,
            Part::Authorization => &mut authorization,
            Part::Issuance => &mut issuance,
        };
        let rules = parser.section(part)?;
        if section.replace(rules).is_some() {
            return Err(parser.wrong());
        }
    }
    Ok(Policy {
        text: text.to_owned(),
        version,
        configuration: configuration.unwrap_or_default(),
        authorization: authorization.ok_or(PolicyRefusal::Empty)?,
        issuance: issuance.unwrap_or_default(),
    })
}

struct Parser {
    words: std::iter::Peekable<std::vec::IntoIter<Placed>>,
    line: u32,
    minor: u8,
}

impl Parser {
    const fn wrong(&self) -> PolicyRefusal {
        PolicyRefusal::Grammar { line: self.line }
    }

    fn next(&mut self) -> Parsed<Token> {
        let placed = self.words.next().ok_or_else(|| self.wrong())?;
        self.line = placed.line;
        Ok(placed.token)
    }

    fn is_next(&mut self, sign: &str) -> bool {
        let is_it = |placed: &Placed| matches!(placed.token, Token::Sign(found) if found == sign);
        self.words.peek().is_some_and(is_it)
    }

    /// Takes the sign, if it is next.
    fn takes(&mut self, sign: &str) -> bool {
        let found = self.is_next(sign);
        if found {
            self.line = self.words.next().map_or(self.line, |placed| placed.line);
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.takes(sign) { Ok(()) } else { Err(self.wrong()) }
    }

    fn name(&mut self) -> Parsed<String> {
        match self.next()? {
            Token::Name(name) => Ok(name),
            _ => Err(self.wrong()),
        }
    }

    fn version(&mut self) -> Parsed<Version> {
        if !self.name()?.eq_ignore_ascii_case("version") {
            return Err(PolicyRefusal::Version);
        }
        self.expect("=")?;
        let version = match self.next()? {
            Token::Version(1, minor @ 0..=2) => Version { major: 1, minor },
            _ => return Err(PolicyRefusal::Version),
        };
        self.expect(";")?;
        Ok(version)
    }

    fn part(&mut self) -> Parsed<Option<Part>> {
        if self.words.peek().is_none() {
            return Ok(None);
        }
        let name = self.name()?.to_ascii_lowercase();
        Ok(Some(match name.as_str() {
            "configurationrules" => Part::Configuration,
            "authorizationrules" => Part::Authorization,
            "issuancerules" => Part::Issuance,
            _ => return Err(self.wrong()),
        }))
    }

    fn section(&mut self, part: Part) -> Parsed<Section> {
        self.expect("{")?;
        let mut rules = Vec::new();
        while !self.takes("}") {
            if rules.len() == RULES_MAX {
                return Err(PolicyRefusal::TooLarge);
            }
            rules.push(self.rule(part)?);
            // The published examples leave out the last one now and then.
            if !self.is_next("}") {
                self.expect(";")?;
            }
        }
        self.takes(";");
        Ok(rules)
    }

    fn rule(&mut self, part: Part) -> Parsed<Rule> {
        let mut conditions = Vec::new();
        while !self.takes("=>") {
            if conditions.len() == CONDITIONS_MAX {
                return Err(PolicyRefusal::TooLarge);
            }
            if !conditions.is_empty() {
                self.expect("&&")?;
            }
            let condition = self.condition(&conditions)?;
            conditions.push(condition);
        }
        let action = self.action(part, &conditions)?;
        Ok(Rule { conditions, action })
    }

    fn condition(&mut self, before: &[Condition]) -> Parsed<Condition> {
        let absent = self.takes("!");
        if absent && self.minor < 2 {
            return Err(self.wrong());
        }
        let name = if self.is_next("[") { None } else { Some(self.name()?) };
        if name.is_some() {
            self.expect(":")?;
        }
        let taken = before.iter().any(|other| name.is_some() && other.name == name);
        if taken || (absent && name.is_some()) {
            return Err(self.wrong());
        }
        self.expect("[")?;
        let mut filters = Vec::new();
        loop {
            filters.push(self.filter(before)?);
            if self.takes("]") {
                return Ok(Condition { name, absent, filters });
            }
            if filters.len() == FILTERS_MAX {
                return Err(PolicyRefusal::TooLarge);
            }
            self.expect(",")?;
        }
    }

    fn filter(&mut self, before: &[Condition]) -> Parsed<Filter> {
        let property = self.property()?;
        let operator = self.operator()?;
        let expression = self.expression(before, 0)?;
        let ordered = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if ordered && property != Property::Value {
            return Err(self.wrong());
        }
        Ok(Filter { property, operator, expression })
    }

    fn property(&mut self) -> Parsed<Property> {
        Ok(match self.name()?.as_str() {
            "type" => Property::Kind,
            "value" => Property::Value,
            "valueType" => Property::ValueType,
            "issuer" => Property::Issuer,
            _ => return Err(self.wrong()),
        })
    }

    /// A single `=` compares as well: the published examples write it so.
    fn operator(&mut self) -> Parsed<Operator> {
        Ok(match self.next()? {
            Token::Sign("==" | "=") => Operator::Equal,
            Token::Sign("!=") => Operator::NotEqual,
            Token::Sign("<") => Operator::Less,
            Token::Sign("<=") => Operator::LessOrEqual,
            Token::Sign(">") => Operator::Greater,
            Token::Sign(">=") => Operator::GreaterOrEqual,
            _ => return Err(self.wrong()),
        })
    }

    fn expression(&mut self, known: &[Condition], depth: usize) -> Parsed<Expression> {
        if depth == DEPTH_MAX {
            return Err(PolicyRefusal::TooLarge);
        }
        Ok(match self.next()? {
            Token::Text(text) => Expression::Literal(Value::Text(text)),
            Token::Integer(number) => Expression::Literal(Value::Integer(number)),
            Token::Sign("-") => match self.next()? {
                Token::Integer(number) => Expression::Literal(Value::Integer(-number)),
                _ => return Err(self.wrong()),
            },
            Token::Name(name) => match name.as_str() {
                "true" => Expression::Literal(Value::Boolean(true)),
                "false" => Expression::Literal(Value::Boolean(false)),
                _ if self.takes("(") => self.call(&name, known, depth)?,
                _ => {
                    self.expect(".")?;
                    self.given(known, &name)?;
                    Expression::Property { name, property: self.property()? }
                }
            },
            _ => return Err(self.wrong()),
        })
    }

    /// A name must be that of a condition that stands before, and that finds a claim.
    fn given(&self, known: &[Condition], name: &str) -> Parsed<()> {
        let given = known.iter().any(|condition| condition.name.as_deref() == Some(name));
        if given { Ok(()) } else { Err(PolicyRefusal::Name { line: self.line }) }
    }

    fn call(&mut self, name: &str, known: &[Condition], depth: usize) -> Parsed<Expression> {
        let function = match name {
            "AppendString" => Function::AppendString,
            "NegateBool" => Function::NegateBool,
            "JsonToClaimValue" => Function::JsonToClaimValue,
            _ => return Err(PolicyRefusal::Function { line: self.line }),
        };
        if self.minor < 2 {
            return Err(PolicyRefusal::Function { line: self.line });
        }
        let mut arguments = Vec::new();
        for place in 0..function.arguments() {
            if place > 0 {
                self.expect(",")?;
            }
            arguments.push(self.expression(known, depth + 1)?);
        }
        self.expect(")")?;
        Ok(Expression::Call { function, arguments })
    }

    fn action(&mut self, part: Part, known: &[Condition]) -> Parsed<Action> {
        let name = self.name()?;
        let line = self.line;
        self.expect("(")?;
        let action = match (name.as_str(), part) {
            ("permit", Part::Authorization) => Action::Permit,
            ("deny", Part::Authorization) => Action::Deny,
            ("add", Part::Authorization | Part::Issuance) => self.make(Verb::Add, known)?,
            ("issue", Part::Issuance) => self.make(Verb::Issue, known)?,
            ("issueproperty", Part::Issuance | Part::Configuration) => {
                self.make(Verb::IssueProperty, known)?
            }
            _ => return Err(PolicyRefusal::Action { line }),
        };
        self.expect(")")?;
        Ok(action)
    }

    fn make(&mut self, verb: Verb, known: &[Condition]) -> Parsed<Action> {
        let (mut kind, mut value, mut same) = (None, None, None);
        loop {
            let member = self.name()?;
            self.expect("=")?;
            let twice = match member.as_str() {
                "claim" => {
                    let name = self.name()?;
                    self.given(known, &name)?;
                    same.replace(name).is_some()
                }
                "type" => kind.replace(self.expression(known, 0)?).is_some(),
                "value" => value.replace(self.expression(known, 0)?).is_some(),
                _ => return Err(self.wrong()),
            };
            if twice {
                return Err(self.wrong());
            }
            if !self.takes(",") {
                break;
            }
        }
        let made = match (same, kind, value) {
            (Some(name), None, None) => Made::Same(name),
            (None, Some(kind), Some(value)) => Made::New { kind, value },
            _ => return Err(self.wrong()),
        };
        Ok(Action::Make { verb, made })
    }
}
