//! Words of an expression. It belongs to the crate. Spaces and comments are skipped here, and
//! escapes resolved; a word borrows from the text where it can.

use std::borrow::Cow;

use super::ParseRefusal;
use crate::value::{Date, DateTime, Time};

/// A word, and the byte where it begins.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    pub(super) word: Word<'a>,
}

/// What a word is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// An identifier or keyword as it stands.
    Name(&'a str),
    /// An identifier between backticks: never a keyword.
    Quoted(Cow<'a, str>),
    /// `'text'`
    String(Cow<'a, str>),
    /// `12` or `1.50`
    Number(&'a str),
    /// `@2015`
    Date(Date),
    /// `@2015T`
    DateTime(DateTime),
    /// `@T14`
    Time(Time),
    /// `$this` without its dollar.
    Dollar(&'a str),
    /// `%name` without its percent sign.
    Percent(Cow<'a, str>),
    /// Any other sign.
    Sign(&'static str),
    /// After the last word.
    End,
}

/// Signs; where one begins another, the longer stands first.
const SIGNS: [&str; 22] = [
    "<=", ">=", "!=", "!~", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "|", "&",
    "=", "~", "<", ">",
];

/// All words of a text, [`Word::End`] as the last.
pub(super) fn tokens(text: &str, most: usize) -> Result<Vec<Token<'_>>, ParseRefusal> {
    let mut lexer = Lexer { text, at: 0 };
    let mut all = Vec::new();
    loop {
        lexer.skip()?;
        let at = lexer.at;
        let word = lexer.word()?;
        let ended = word == Word::End;
        all.push(Token { at, word });
        if ended {
            return Ok(all);
        }
        if all.len() >= most {
            return Err(ParseRefusal::Size);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips spaces and comments.
    fn skip(&mut self) -> Result<(), ParseRefusal> {
        loop {
            let rest = self.rest();
            let spaces = rest.len() - rest.trim_start().len();
            self.at += spaces;
            let rest = &rest[spaces..];
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let end = comment.find("*/").ok_or(ParseRefusal::Syntax(self.at))?;
                self.at += end + 4;
            } else {
                return Ok(());
            }
        }
    }

    fn word(&mut self) -> Result<Word<'a>, ParseRefusal> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Word::End) };
        match first {
            '\'' => Ok(Word::String(self.quoted('\'')?)),
            '`' => Ok(Word::Quoted(self.quoted('`')?)),
            '@' => self.moment(),
            '$' => {
                self.at += 1;
                Ok(Word::Dollar(self.name()?))
            }
            '%' => {
                self.at += 1;
                match self.rest().chars().next() {
                    Some(quote @ ('`' | '\'')) => Ok(Word::Percent(self.quoted(quote)?)),
                    _ => Ok(Word::Percent(Cow::Borrowed(self.name()?))),
                }
            }
            '0'..='9' => Ok(self.number()),
            'a'..='z' | 'A'..='Z' | '_' => Ok(Word::Name(self.name()?)),
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or(ParseRefusal::Syntax(self.at))?;
                self.at += sign.len();
                Ok(Word::Sign(sign))
            }
        }
    }

    fn name(&mut self) -> Result<&'a str, ParseRefusal> {
        let rest = self.rest();
        let length =
            rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        if length == 0 || rest.as_bytes()[0].is_ascii_digit() {
            return Err(ParseRefusal::Syntax(self.at));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn number(&mut self) -> Word<'a> {
        let rest = self.rest();
        let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        let mut length = digits(0);
        // `1.convertsToInteger()`: a dot without a digit after it is a path's.
        if rest[length..].starts_with('.') && digits(length + 1) > 0 {
            length += 1 + digits(length + 1);
        }
        self.at += length;
        Word::Number(&rest[..length])
    }

    fn moment(&mut self) -> Result<Word<'a>, ParseRefusal> {
        let wrong = ParseRefusal::Syntax(self.at);
        let rest = &self.rest()[1..];
        let (word, length) = if let Some(rest) = rest.strip_prefix('T') {
            let (time, length) = Time::prefix(rest).ok_or(wrong)?;
            (Word::Time(time), length + 1)
        } else {
            let (moment, length) = DateTime::prefix(rest).ok_or(wrong)?;
            let timed = rest[..length].contains('T');
            (if timed { Word::DateTime(moment) } else { Word::Date(moment.date) }, length)
        };
        self.at += 1 + length;
        // `@2015-02-041` and `@T14:3` are mistakes, not two words.
        if self.rest().starts_with(|next: char| next.is_ascii_alphanumeric() || next == ':') {
            return Err(wrong);
        }
        Ok(word)
    }

    /// A text between two quotes, its escapes resolved.
    fn quoted(&mut self, quote: char) -> Result<Cow<'a, str>, ParseRefusal> {
        let begin = self.at;
        let inner = &self.text[begin + 1..];
        let end = inner.find([quote, '\\']).ok_or(ParseRefusal::Syntax(begin))?;
        if inner[end..].starts_with(quote) {
            self.at = begin + end + 2;
            return Ok(Cow::Borrowed(&inner[..end]));
        }
        let mut out = String::new();
        let mut chars = inner.char_indices();
        while let Some((at, next)) = chars.next() {
            let wrong = ParseRefusal::Syntax(begin + 1 + at);
            if next == quote {
                self.at = begin + at + 2;
                return Ok(Cow::Owned(out));
            }
            if next != '\\' {
                out.push(next);
                continue;
            }
            match chars.next().ok_or(wrong)?.1 {
                same @ ('\\' | '/' | '\'' | '"' | '`') => out.push(same),
                'f' => out.push('\u{c}'),
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                'u' => {
                    let hex = inner.get(at + 2..at + 6).ok_or(wrong)?;
                    let code = u32::from_str_radix(hex, 16).map_err(|_| wrong)?;
                    out.push(char::from_u32(code).ok_or(wrong)?);
                    for _ in 0..4 {
                        chars.next();
                    }
                }
                _ => return Err(wrong),
            }
        }
        Err(ParseRefusal::Syntax(begin))
    }
}
