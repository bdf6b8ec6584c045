//! From words to a tree, by how tightly operators bind. It belongs to the crate.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::ast::{Ast, Literal, Operator, TypeName};
use super::function::Function;
use super::lexer::{Token, Word};
use super::{ParseRefusal, lexer};
use crate::value::Step;

/// Bytes of one expression; the longest search parameter of R4 has 2,100.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Words of one expression.
const WORDS_MAX: usize = 4096;
/// Brackets, arguments and signs one inside the other.
const NESTED_MAX: usize = 48;

/// Reads an expression, all of the text.
pub fn parse(text: &str) -> Result<Ast, ParseRefusal> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(ParseRefusal::Size);
    }
    let tokens: Vec<Token<'_>> = lexer::tokens(text, WORDS_MAX)?;
    let mut parser = Parser { tokens, at: 0, nested: 0 };
    let ast = parser.expression(0)?;
    match parser.peek() {
        Word::End => Ok(ast),
        _ => Err(parser.wrong()),
    }
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    nested: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &Word<'a> {
        &self.tokens[self.at].word
    }

    fn wrong(&self) -> ParseRefusal {
        ParseRefusal::Syntax(self.tokens[self.at].at)
    }

    fn next(&mut self) -> Word<'a> {
        let word = self.tokens[self.at].word.clone();
        // The last word is `End`; nobody goes beyond it.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        word
    }

    fn takes(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Word::Sign(own) if *own == sign);
        if there {
            self.next();
        }
        there
    }

    fn expect(&mut self, sign: &str) -> Result<(), ParseRefusal> {
        let wrong = self.wrong();
        if self.takes(sign) { Ok(()) } else { Err(wrong) }
    }

    /// An expression of operators that bind more tightly than `above`.
    fn expression(&mut self, above: u8) -> Result<Ast, ParseRefusal> {
        self.nested += 1;
        if self.nested > NESTED_MAX {
            return Err(ParseRefusal::Size);
        }
        let mut left = self.signed()?;
        loop {
            if above < Operator::TYPES && matches!(self.peek(), Word::Name("is" | "as")) {
                left = self.typed(left)?;
                continue;
            }
            let Some(operator) = self.operator().filter(|own| own.binds() > above) else { break };
            self.next();
            let right = Box::new(self.expression(operator.binds())?);
            left = Ast::Binary { operator, left: Box::new(left), right };
        }
        self.nested -= 1;
        Ok(left)
    }

    fn typed(&mut self, left: Ast) -> Result<Ast, ParseRefusal> {
        let word = self.next();
        let what = self.type_name()?;
        let of = Some(Box::new(left));
        Ok(if word == Word::Name("is") { Ast::Is { of, what } } else { Ast::As { of, what } })
    }

    fn type_name(&mut self) -> Result<TypeName, ParseRefusal> {
        let first = self.identifier()?;
        if !self.takes(".") {
            return Ok(TypeName { namespace: None, name: first.into() });
        }
        Ok(TypeName { namespace: Some(first.into()), name: self.identifier()?.into() })
    }

    fn operator(&self) -> Option<Operator> {
        Some(match self.peek() {
            Word::Sign(sign) => match *sign {
                "*" => Operator::Times,
                "/" => Operator::Divide,
                "+" => Operator::Add,
                "-" => Operator::Subtract,
                "&" => Operator::Concatenate,
                "|" => Operator::Union,
                "<" => Operator::Less,
                "<=" => Operator::LessOrEqual,
                ">" => Operator::Greater,
                ">=" => Operator::GreaterOrEqual,
                "=" => Operator::Equal,
                "!=" => Operator::NotEqual,
                "~" => Operator::Equivalent,
                "!~" => Operator::NotEquivalent,
                _ => return None,
            },
            Word::Name(name) => match *name {
                "div" => Operator::Div,
                "mod" => Operator::Mod,
                "in" => Operator::In,
                "contains" => Operator::Contains,
                "and" => Operator::And,
                "or" => Operator::Or,
                "xor" => Operator::Xor,
                "implies" => Operator::Implies,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// A term with what follows it after dots and in brackets, its sign before it. A sign
    /// binds less than a dot: `-1.abs()` is `-(1.abs())`.
    fn signed(&mut self) -> Result<Ast, ParseRefusal> {
        if self.takes("-") {
            return Ok(Ast::Minus(Box::new(self.expression(Operator::SIGN)?)));
        }
        if self.takes("+") {
            return Ok(Ast::Plus(Box::new(self.expression(Operator::SIGN)?)));
        }
        let mut term = self.term()?;
        loop {
            if self.takes(".") {
                term = self.invocation(Some(Box::new(term)))?;
            } else if self.takes("[") {
                let index = Box::new(self.expression(0)?);
                self.expect("]")?;
                term = Ast::At { of: Box::new(term), index };
            } else {
                return Ok(term);
            }
        }
    }

    fn term(&mut self) -> Result<Ast, ParseRefusal> {
        let wrong = self.wrong();
        let literal = match self.peek() {
            Word::Name("true") => Literal::Boolean(true),
            Word::Name("false") => Literal::Boolean(false),
            Word::String(text) => Literal::String(text.as_ref().into()),
            Word::Date(date) => Literal::Date(*date),
            Word::DateTime(moment) => Literal::DateTime(*moment),
            Word::Time(time) => Literal::Time(*time),
            Word::Number(digits) => return self.number(digits),
            Word::Percent(name) => {
                let name = name.as_ref().into();
                self.next();
                return Ok(Ast::Variable(name));
            }
            Word::Name(_) | Word::Quoted(_) | Word::Dollar(_) => return self.invocation(None),
            Word::Sign("(") => {
                self.next();
                let inner = self.expression(0)?;
                self.expect(")")?;
                return Ok(inner);
            }
            Word::Sign("{") => {
                self.next();
                self.expect("}")?;
                return Ok(Ast::Empty);
            }
            _ => return Err(wrong),
        };
        self.next();
        Ok(Ast::Literal(literal))
    }

    /// A number, and the unit that may follow it.
    fn number(&mut self, digits: &str) -> Result<Ast, ParseRefusal> {
        let out_of_range = ParseRefusal::Number(self.tokens[self.at].at);
        self.next();
        let value = Decimal::from_str_exact(digits).map_err(|_| out_of_range)?;
        let unit = match self.peek() {
            Word::String(unit) => Some((unit.as_ref().into(), false)),
            Word::Name(word) => Step::of_word(word).map(|step| (step.word().into(), true)),
            _ => None,
        };
        let literal = if let Some((unit, calendar)) = unit {
            self.next();
            Literal::Quantity { value, unit, calendar }
        } else if digits.contains('.') {
            Literal::Decimal(value)
        } else {
            digits.parse().map_or(Literal::Decimal(value), Literal::Integer)
        };
        Ok(Ast::Literal(literal))
    }

    /// What may stand after a dot, or begin a path.
    fn invocation(&mut self, of: Option<Box<Ast>>) -> Result<Ast, ParseRefusal> {
        let wrong = self.wrong();
        if let Word::Dollar(name) = *self.peek() {
            self.next();
            return match name {
                "this" if of.is_none() => Ok(Ast::This),
                "index" if of.is_none() => Ok(Ast::Index),
                "total" if of.is_none() => Ok(Ast::Total),
                _ => Err(wrong),
            };
        }
        let at = self.tokens[self.at].at;
        // After a dot no operator can stand: `text.div` is an element's name.
        let name = match *self.peek() {
            Word::Name(name) if of.is_some() => {
                self.next();
                Cow::Borrowed(name)
            }
            _ => self.identifier()?,
        };
        if self.takes("(") {
            self.call(of, &name, at)
        } else {
            Ok(Ast::Member { of, name: name.into() })
        }
    }

    fn identifier(&mut self) -> Result<Cow<'a, str>, ParseRefusal> {
        let wrong = self.wrong();
        match self.next() {
            Word::Quoted(name) => Ok(name),
            Word::Name("true" | "false" | "and" | "or" | "xor" | "implies" | "div" | "mod") => {
                Err(wrong)
            }
            Word::Name(name) => Ok(Cow::Borrowed(name)),
            _ => Err(wrong),
        }
    }

    fn call(&mut self, of: Option<Box<Ast>>, name: &str, at: usize) -> Result<Ast, ParseRefusal> {
        if matches!(name, "is" | "as" | "ofType") {
            let what = self.type_name()?;
            self.expect(")")?;
            return Ok(match name {
                "is" => Ast::Is { of, what },
                "as" => Ast::As { of, what },
                _ => Ast::OfType { of, what },
            });
        }
        let function = Function::named(name).ok_or(ParseRefusal::UnknownFunction(at))?;
        let mut arguments = Vec::new();
        if !self.takes(")") {
            loop {
                arguments.push(self.expression(0)?);
                if !self.takes(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        if !function.takes(arguments.len()) {
            return Err(ParseRefusal::Arguments(at));
        }
        Ok(Ast::Call { of, function, arguments })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
