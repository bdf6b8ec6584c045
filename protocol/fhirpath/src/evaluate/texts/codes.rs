//! `encode`, `decode`, `escape`, `unescape`. It belongs to `texts`. A code that is not known,
//! or a text that is not in it, has no result.

use std::fmt::Write as _;

use autoclave_base::b64;
use autoclave_fhir::json::{Node, write_text};

pub(super) fn encode(text: &str, code: &str) -> Option<String> {
    match code {
        "hex" => Some(text.bytes().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })),
        "base64" => Some(padded(b64::encode(text).replace('-', "+").replace('_', "/"))),
        "urlbase64" => Some(padded(b64::encode(text))),
        _ => None,
    }
}

fn padded(mut text: String) -> String {
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

pub(super) fn decode(text: &str, code: &str) -> Option<String> {
    let bytes = match code {
        "hex" => of_hex(text)?,
        "base64" if !text.contains(['-', '_']) => {
            let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
            b64::decode(&text).ok()?
        }
        "urlbase64" => b64::decode(text.trim_end_matches('=')).ok()?,
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| u8::try_from(high * 16 + low).ok()).collect()
}

pub(super) fn escape(text: &str, code: &str) -> Option<String> {
    match code {
        "html" => Some(
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;"),
        ),
        "json" => {
            let mut out = Vec::new();
            write_text(text, &mut out);
            let quoted = String::from_utf8(out).ok()?;
            quoted.get(1..quoted.len() - 1).map(str::to_owned)
        }
        _ => None,
    }
}

pub(super) fn unescape(text: &str, code: &str) -> Option<String> {
    match code {
        "html" => Some(
            text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&amp;", "&"),
        ),
        "json" => {
            let quoted = format!("\"{text}\"");
            match Node::parse(quoted.as_bytes()) {
                Ok(node) => node.text().map(str::to_owned),
                // What is not escaped stands for itself.
                Err(_) => Some(text.to_owned()),
            }
        }
        _ => None,
    }
}
