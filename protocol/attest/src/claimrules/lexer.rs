//! Text into words. The language's; a word's place is kept for whoever corrects a policy.

use super::parser::PolicyRefusal;

/// Words in one policy: what fits into its bytes, and less.
const TOKENS_MAX: usize = 16 * 1024;

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    Text(String),
    Integer(i64),
    /// `1.0` behind `version=`.
    Version(u8, u8),
    /// One of the signs of the grammar.
    Sign(&'static str),
}

/// A word and the line that it stands on, from 1.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) line: u32,
}

/// The longer ones first, so that `=>` is not `=` and `>`.
const SIGNS: [&str; 22] = [
    "=>", "==", "!=", "<=", ">=", "&&", "<", ">", "=", "!", "(", ")", "[", "]", "{", "}", ",", ";",
    ":", ".", "-", "+",
];

/// Takes a text apart.
pub(super) fn words(text: &str) -> Result<Vec<Placed>, PolicyRefusal> {
    let mut lexer = Lexer { rest: text, line: 1 };
    let mut found = Vec::new();
    while let Some(placed) = lexer.next()? {
        if found.len() == TOKENS_MAX {
            return Err(PolicyRefusal::TooLarge);
        }
        found.push(placed);
    }
    Ok(found)
}

struct Lexer<'a> {
    rest: &'a str,
    line: u32,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Option<Placed>, PolicyRefusal> {
        self.skip_blank();
        let line = self.line;
        let Some(first) = self.rest.bytes().next() else { return Ok(None) };
        let token = match first {
            b'"' => self.text()?,
            b'0'..=b'9' => self.number()?,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                Token::Name(self.take_while(is_name).to_owned())
            }
            _ => self.sign()?,
        };
        Ok(Some(Placed { token, line }))
    }

    fn skip_blank(&mut self) {
        loop {
            let blank = self.take_while(|byte| byte.is_ascii_whitespace());
            let lines = blank.bytes().filter(|byte| *byte == b'\n').count();
            self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
            if !self.rest.starts_with("//") {
                return;
            }
            self.take_while(|byte| byte != b'\n');
        }
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &str {
        let end = self.rest.bytes().position(|byte| !keep(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn sign(&mut self) -> Result<Token, PolicyRefusal> {
        let sign = SIGNS.iter().find(|sign| self.rest.starts_with(**sign));
        let sign = sign.ok_or(PolicyRefusal::Word { line: self.line })?;
        self.rest = &self.rest[sign.len()..];
        Ok(Token::Sign(sign))
    }

    fn number(&mut self) -> Result<Token, PolicyRefusal> {
        let refused = PolicyRefusal::Word { line: self.line };
        let is_digit = |byte: u8| byte.is_ascii_digit();
        let whole = self.take_while(is_digit).to_owned();
        let fraction = self.rest.strip_prefix('.').filter(|rest| rest.starts_with(char_is_digit));
        if let Some(rest) = fraction {
            self.rest = rest;
            let minor = self.take_while(is_digit).parse().map_err(|_| refused)?;
            return Ok(Token::Version(whole.parse().map_err(|_| refused)?, minor));
        }
        whole.parse().map(Token::Integer).map_err(|_| refused)
    }

    /// A text between quotation marks; `\"` and `\\` stand for themselves.
    fn text(&mut self) -> Result<Token, PolicyRefusal> {
        let refused = PolicyRefusal::Word { line: self.line };
        let mut found = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Token::Text(found));
                }
                '\\' => match letters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => found.push(escaped),
                    _ => return Err(refused),
                },
                '\n' => return Err(refused),
                other => found.push(other),
            }
        }
        Err(refused)
    }
}

const fn char_is_digit(letter: char) -> bool {
    letter.is_ascii_digit()
}
