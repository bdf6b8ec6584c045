//! In which form an answer goes out (PS3.18, section 8.7). Images go as they are stored: a
//! client that asks for another transfer syntax is told so, and gets no worse copy.

use http::header;

use super::Head;
use crate::fault::Fault;
use crate::instance::Pixels;
use crate::media::Media;
use crate::render::Kind;

/// The DICOM JSON model.
pub(super) const JSON: &str = "application/dicom+json";
/// DICOM files.
pub(super) const DICOM: &str = "application/dicom";
/// Bytes.
pub(super) const BYTES: &str = "application/octet-stream";

/// Ranges that the client takes: the query's `accept` counts before the header's.
pub(super) fn ranges(head: &Head) -> Vec<Media> {
    let own = head.query.iter().find(|(name, _)| name.eq_ignore_ascii_case("accept"));
    let headers = || {
        let values = head.headers.get_all(header::ACCEPT).iter();
        let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        texts.join(",")
    };
    let text = own.map_or_else(headers, |(_, value)| value.clone());
    Media::ranges(if text.trim().is_empty() { "*/*" } else { &text })
}

/// Whether the client takes the DICOM JSON model.
pub(super) fn json(head: &Head) -> Result<(), Fault> {
    let takes = |range: &Media| range.means(JSON) || range.means("application/json");
    // Some clients ask for the model in parts, as its XML would be.
    let in_parts = |range: &Media| range.means_parts_of(JSON);
    let ranges = ranges(head);
    if ranges.iter().any(|range| takes(range) || in_parts(range)) {
        Ok(())
    } else {
        Err(Fault::NOT_ACCEPTABLE)
    }
}

/// How files go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// In parts.
    Parts,
    /// One alone.
    Single,
}

/// For files in these transfer syntaxes.
pub(super) fn files(head: &Head, syntaxes: &[&str]) -> Result<Packing, Fault> {
    for range in ranges(head) {
        if !syntaxes.iter().all(|syntax| range.takes_syntax(syntax)) {
            continue;
        }
        if range.means_parts_of(DICOM) {
            return Ok(Packing::Parts);
        }
        if range.means(DICOM) && syntaxes.len() == 1 {
            return Ok(Packing::Single);
        }
    }
    Err(Fault::NOT_ACCEPTABLE)
}

/// How frames or bulk data go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// In parts or alone.
    pub packing: Packing,
    /// Whether compressed frames go out decoded.
    pub decoded: bool,
}

/// For `count` values of pixels stored in this transfer syntax.
pub(super) fn values(
    head: &Head,
    syntax: &str,
    pixels: Option<&Pixels>,
    count: usize,
) -> Result<Sent, Fault> {
    let stored = match pixels {
        Some(Pixels::Encapsulated { .. }) => media_type(syntax),
        _ => BYTES,
    };
    for range in ranges(head) {
        for (name, decoded) in [(stored, false), (BYTES, stored != BYTES)] {
            // Decoded frames are little endian and explicit, and are sent as that only.
            let syntax = if decoded { "1.2.840.10008.1.2.1" } else { syntax };
            let any = range.transfer_syntax.as_deref() == Some("*");
            let suits = if name == BYTES && !decoded {
                range.takes_syntax(syntax) || range.takes_syntax("1.2.840.10008.1.2.1")
            } else {
                range.takes_syntax(syntax)
            };
            if !suits || decoded && any {
                continue;
            }
            // Bytes with any transfer syntax are what is stored, in its own media type.
            let as_stored = any && !decoded && range.means_parts_of(BYTES);
            if range.means_parts_of(name) || as_stored {
                return Ok(Sent { packing: Packing::Parts, decoded });
            }
            if range.means(name) && count == 1 {
                return Ok(Sent { packing: Packing::Single, decoded });
            }
        }
    }
    Err(Fault::NOT_ACCEPTABLE)
}

/// The media type of frames in a transfer syntax (PS3.18, table 8.7.3-5).
pub(super) fn media_type(syntax: &str) -> &'static str {
    let Some(number) = syntax.strip_prefix("1.2.840.10008.1.2.4.") else {
        return if syntax == "1.2.840.10008.1.2.5" { "image/dicom-rle" } else { BYTES };
    };
    match number.parse::<u16>().unwrap_or(0) {
        50..=70 => "image/jpeg",
        80 | 81 => "image/jls",
        90 | 91 => "image/jp2",
        92 | 93 => "image/jpx",
        100 | 101 => "video/mpeg",
        102..=108 => "video/mp4",
        110..=112 => "image/jxl",
        201..=203 => "image/jphc",
        _ => BYTES,
    }
}

/// For a picture to look at.
pub(super) fn picture(head: &Head) -> Result<Kind, Fault> {
    for range in ranges(head) {
        for kind in [Kind::Jpeg, Kind::Png] {
            if range.means(kind.name()) {
                return Ok(kind);
            }
        }
    }
    Err(Fault::NOT_ACCEPTABLE)
}
