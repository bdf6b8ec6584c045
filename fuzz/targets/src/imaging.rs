//! The targets of imaging: DICOM files, and the multipart bodies that they come in.

use autoclave_base::Digest;
use autoclave_imaging::entry::Entry;
use autoclave_imaging::multipart::{MultipartFlaw, Parser, Part};
use autoclave_imaging::{Instance, InstanceRefusal, Pixels, bulk, dataset, render};

use crate::targets::READ;

/// Longest part of a body.
const PART_BYTES_MAX: usize = 64 * 1024;

/// A file whose every length is true: pixels and bulk data lie within it, and what is kept of
/// it is read again.
pub(crate) fn dicom(bytes: &[u8]) -> &'static str {
    let instance = match Instance::read(bytes) {
        Ok(instance) => instance,
        Err(InstanceRefusal::Flaw(flaw)) => return of_flaw(flaw),
        Err(InstanceRefusal::Uid) => return "uid",
        Err(InstanceRefusal::Head) => return "head",
        Err(InstanceRefusal::Pixels) => return "pixels",
        Err(InstanceRefusal::Metadata) => return "metadata",
    };
    let entry = Entry::of(&instance, Digest::of(bytes), bytes.len());
    let again = Entry::parse(&entry.to_bytes());
    assert!(again.is_some_and(|again| again.metadata == entry.metadata), "kept otherwise");
    let read = dataset::read(bytes).map(|file| bulk::find(&file.data, &["7FE00010"]));
    let places = read.ok().flatten().unwrap_or_default();
    assert!(places.iter().all(|place| bytes.get(place.clone()).is_some()), "outside of the file");
    match instance.pixels {
        None => "read.plain",
        Some(Pixels::Encapsulated { .. }) => "read.encapsulated",
        Some(Pixels::Native { .. }) => {
            let look = render::Look::of(render::Kind::Png, &[]);
            let shown = look.map(|look| render::render(bytes, 0, &look).is_ok());
            if shown == Some(true) { "read.shown" } else { READ }
        }
    }
}

const fn of_flaw(flaw: dataset::Flaw) -> &'static str {
    use dataset::Flaw;
    match flaw {
        Flaw::Preamble => "preamble",
        Flaw::Meta => "meta",
        Flaw::Syntax => "syntax",
        Flaw::Length => "length",
        Flaw::Representation => "representation",
        Flaw::Nesting => "nesting",
        Flaw::Size => "size",
        Flaw::Twice => "twice",
    }
}

/// A body has the same parts however it was cut on its way; its first byte says how.
pub(crate) fn stow(bytes: &[u8]) -> &'static str {
    let Some((cut, body)) = bytes.split_first() else { return "empty" };
    let whole = parts(body, body.len().max(1));
    let pieces = parts(body, usize::from(*cut).max(1));
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            let same = |(one, other): (&Part, &Part)| {
                one.body == other.body && one.media_type == other.media_type
            };
            assert_eq!(whole.len(), pieces.len(), "other parts");
            assert!(whole.iter().zip(&pieces).all(same), "other parts");
            if whole.is_empty() { "read.empty" } else { READ }
        }
        (Err(one), Err(_)) => match one {
            MultipartFlaw::Boundary => "boundary",
            MultipartFlaw::Headers => "headers",
            MultipartFlaw::Size => "size",
            MultipartFlaw::Cut => "cut",
        },
        // What is too much is noticed earlier in small pieces, and never in one piece only.
        (Ok(_), Err(flaw)) => {
            assert_eq!(flaw, MultipartFlaw::Headers, "refused in pieces only");
            "headers.pieces"
        }
        (Err(_), Ok(_)) => "pieces",
    }
}

fn parts(body: &[u8], piece: usize) -> Result<Vec<Part>, MultipartFlaw> {
    let mut parser = Parser::new("b", PART_BYTES_MAX)?;
    let mut parts = Vec::new();
    for piece in body.chunks(piece) {
        parser.push(piece);
        while let Some(part) = parser.next_part()? {
            parts.push(part);
        }
    }
    parser.finish()?;
    Ok(parts)
}

/// A file with a sequence and 4×4 pixels, in explicit little endian.
pub(crate) fn dicom_seeds() -> Vec<Vec<u8>> {
    let mut file = [vec![0; 128], b"DICM".to_vec()].concat();
    file.extend(element(0x0002, 0x0010, "UI", b"1.2.840.10008.1.2.1\0"));
    let item = element(0x0008, 0x1155, "UI", b"2.25.9");
    let mut sequence = vec![0xfe, 0xff, 0x00, 0xe0];
    sequence.extend(u32::try_from(item.len()).unwrap_or_default().to_le_bytes());
    sequence.extend(item);
    for (group, number, vr, value) in [
        (0x0008, 0x0016, "UI", &b"1.2.840.10008.5.1.4.1.1.4\0"[..]),
        (0x0008, 0x0018, "UI", b"2.25.3"),
        (0x0008, 0x1140, "SQ", &sequence),
        (0x0010, 0x0010, "PN", b"A^B="),
        (0x0010, 0x0020, "LO", b"MRN1"),
        (0x0020, 0x000d, "UI", b"2.25.1"),
        (0x0020, 0x000e, "UI", b"2.25.2"),
        (0x0028, 0x0002, "US", &[1, 0]),
        (0x0028, 0x0004, "CS", b"MONOCHROME2 "),
        (0x0028, 0x0010, "US", &[4, 0]),
        (0x0028, 0x0011, "US", &[4, 0]),
        (0x0028, 0x0100, "US", &[8, 0]),
        (0x0028, 0x0101, "US", &[8, 0]),
        (0x0028, 0x0102, "US", &[7, 0]),
        (0x0028, 0x0103, "US", &[0, 0]),
        (0x7fe0, 0x0010, "OB", &[7; 16]),
    ] {
        file.extend(element(group, number, vr, value));
    }
    vec![file]
}

fn element(group: u16, number: u16, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = [group.to_le_bytes(), number.to_le_bytes()].concat();
    bytes.extend(vr.as_bytes());
    let length = u32::try_from(value.len()).unwrap_or_default().to_le_bytes();
    if matches!(vr, "SQ" | "OB") {
        bytes.extend([0, 0]);
        bytes.extend(length);
    } else {
        bytes.extend(&length[..2]);
    }
    bytes.extend(value);
    bytes
}

/// Two parts, and none.
pub(crate) fn stow_seeds() -> Vec<Vec<u8>> {
    let two =
        "\x07--b\r\nContent-Type: application/dicom\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n";
    vec![two.as_bytes().to_vec(), b"\x01--b--".to_vec()]
}
