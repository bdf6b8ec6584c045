//! Header and trailer fields between `http` and binary HTTP (RFC 9292, section 3.6). Names
//! that belong to one connection are neither sent nor taken: a message inside a seal has no
//! connection. Every value that is opened is marked as sensitive, so that printing a header
//! map prints no patient.

use bhttp::FieldSection;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::source::Source;
use super::{FIELDS_MAX, OpenRefusal};

/// Fields about a connection (RFC 9110, section 7.6.1); they would only confuse who relays.
const OF_CONNECTIONS: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// How a message says where its parts end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Each part comes after its length.
    KnownLength,
    /// Parts end with a zero.
    IndeterminateLength,
}

/// The fields to be sent.
pub(super) fn to_send(headers: &HeaderMap) -> FieldSection {
    let mut fields = FieldSection::default();
    for (name, value) in headers {
        if !OF_CONNECTIONS.contains(&name.as_str()) {
            fields.put(name.as_str(), value.as_bytes());
        }
    }
    fields
}

/// Reads one section; a message that ends before it has an empty one (section 3.8).
pub(super) async fn read(
    source: &mut Source,
    framing: Framing,
    budget: &mut usize,
) -> Result<HeaderMap, OpenRefusal> {
    match framing {
        Framing::IndeterminateLength => read_lines(source, framing, budget).await,
        Framing::KnownLength => {
            let length = source.varint().await?.unwrap_or(0);
            let section = source.bytes(length, &mut *budget).await?;
            let mut inside = section.len();
            read_lines(&mut Source::over(section), framing, &mut inside).await
        }
    }
}

async fn read_lines(
    source: &mut Source,
    framing: Framing,
    budget: &mut usize,
) -> Result<HeaderMap, OpenRefusal> {
    let mut fields = HeaderMap::new();
    loop {
        let name = match (source.varint().await?, framing) {
            (Some(0), Framing::IndeterminateLength) | (None, Framing::KnownLength) => break,
            (None, Framing::IndeterminateLength) if fields.is_empty() => break,
            (None, Framing::IndeterminateLength) => return Err(OpenRefusal::Truncated),
            (Some(0), Framing::KnownLength) => return Err(OpenRefusal::Malformed),
            (Some(length), _) => source.bytes(length, budget).await?,
        };
        let value = source.string(budget).await?;
        put(&mut fields, &name, &value)?;
    }
    Ok(fields)
}

fn put(fields: &mut HeaderMap, name: &[u8], value: &[u8]) -> Result<(), OpenRefusal> {
    if fields.len() >= FIELDS_MAX {
        return Err(OpenRefusal::HeadTooLarge);
    }
    let name = HeaderName::from_lowercase(name).map_err(|_| OpenRefusal::Malformed)?;
    let mut value = HeaderValue::from_bytes(value).map_err(|_| OpenRefusal::Malformed)?;
    if OF_CONNECTIONS.contains(&name.as_str()) {
        return Err(OpenRefusal::Malformed);
    }
    value.set_sensitive(true);
    fields.append(name, value);
    Ok(())
}
