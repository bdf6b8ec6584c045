//! A data set as the DICOM JSON model (PS3.18, annex F). The hospital's. Digits stay as they
//! were written where JSON has them, texts become Unicode, and large values stay in the file
//! behind a `BulkDataURI`, which is relative to the instance until an answer is written.

mod value;

use autoclave_fhir::json::Node;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use crate::dataset::{DataSet, Element, Value};
use crate::text::Charset;

/// Bytes of a binary value that stand in the metadata; a longer one stays in the file.
pub const INLINE_BYTES_MAX: usize = 1024;
/// Bytes of a text that stand in the metadata.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The metadata of a data set: all elements but group lengths.
pub fn metadata(data: &DataSet, file: &[u8]) -> Node<'static> {
    let charset = charset(data, file, None);
    data_set(&Source { file, charset: &charset, path: String::new() }, data)
}

/// The hexadecimal name of a tag, as in `0020000D`.
pub fn name(tag: Tag) -> String {
    format!("{:04X}{:04X}", tag.group(), tag.element())
}

/// The tag that eight hexadecimal digits, or a keyword, mean.
pub fn tag(name: &str) -> Option<Tag> {
    use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry};
    if name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let number = u32::from_str_radix(name, 16).ok()?;
        let halves = number.to_be_bytes();
        return Some(Tag(
            u16::from_be_bytes([halves[0], halves[1]]),
            u16::from_be_bytes([halves[2], halves[3]]),
        ));
    }
    dicom_dictionary_std::StandardDataDictionary.by_name(name).map(DataDictionaryEntry::tag)
}

struct Source<'a> {
    file: &'a [u8],
    charset: &'a Charset,
    /// Sequences and items around, as in `00081140/1/`.
    path: String,
}

fn charset(data: &DataSet, file: &[u8], around: Option<&Charset>) -> Charset {
    let own = data.get(tags::SPECIFIC_CHARACTER_SET).is_some();
    match around {
        Some(around) if !own => around.clone(),
        _ => Charset::of(data.text(tags::SPECIFIC_CHARACTER_SET, file)),
    }
}

fn data_set(source: &Source<'_>, data: &DataSet) -> Node<'static> {
    let elements = data.elements.iter().filter(|element| element.tag.element() != 0);
    let members = elements.map(|element| (name(element.tag).into(), one(source, data, element)));
    Node::Object(members.collect())
}

fn one(source: &Source<'_>, data: &DataSet, element: &Element) -> Node<'static> {
    let mut members = vec![("vr", word(element.vr.to_string()))];
    match &element.value {
        Value::Items(items) if items.is_empty() => {}
        Value::Items(items) => {
            let nodes = items.iter().enumerate().map(|(at, item)| {
                let path = format!("{}{}/{}/", source.path, name(element.tag), at + 1);
                let charset = charset(item, source.file, Some(source.charset));
                data_set(&Source { charset: &charset, path, ..*source }, item)
            });
            members.push(("Value", Node::List(nodes.collect())));
        }
        Value::Fragments(_) => members.push(bulk(source, element.tag)),
        Value::Bytes(range) => {
            let bytes = source.file.get(range.clone()).unwrap_or_default();
            members.extend(value_of(source, data, element, bytes));
        }
    }
    Node::object(members)
}

fn value_of(
    source: &Source<'_>,
    data: &DataSet,
    element: &Element,
    bytes: &[u8],
) -> Option<(&'static str, Node<'static>)> {
    let binary = is_binary(element.vr);
    let longest = if binary { INLINE_BYTES_MAX } else { TEXT_BYTES_MAX };
    if element.tag == tags::PIXEL_DATA || bytes.len() > longest {
        return Some(bulk(source, element.tag));
    }
    if bytes.is_empty() {
        return None;
    }
    if element.tag == tags::SPECIFIC_CHARACTER_SET {
        // The metadata itself is UTF-8 (F.2.3).
        return Some(("Value", Node::List(vec![word("ISO_IR 192")])));
    }
    if binary {
        let little = value::little_endian(element.vr, bytes, data.big_endian);
        return Some(("InlineBinary", word(&STANDARD.encode(little))));
    }
    let values = value::values(element.vr, bytes, data.big_endian, source.charset);
    (!values.is_empty()).then_some(("Value", Node::List(values)))
}

fn bulk(source: &Source<'_>, tag: Tag) -> (&'static str, Node<'static>) {
    ("BulkDataURI", word(&format!("{BULK}{}{}", source.path, name(tag))))
}

/// What a relative `BulkDataURI` begins with.
pub const BULK: &str = "bulkdata/";

/// Makes every `BulkDataURI` absolute: `base` is the instance's own address.
pub fn with_base(node: &mut Node<'_>, base: &str) {
    match node {
        Node::Object(members) => {
            for (name, value) in members {
                match value {
                    Node::Text(text) if name == "BulkDataURI" && text.starts_with(BULK) => {
                        *text = format!("{base}/{text}").into();
                    }
                    other => with_base(other, base),
                }
            }
        }
        Node::List(items) => items.iter_mut().for_each(|item| with_base(item, base)),
        _ => {}
    }
}

/// Whether values are bytes that have no text.
pub(crate) const fn is_binary(vr: VR) -> bool {
    matches!(vr, VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN)
}

/// A text of the model.
pub(crate) fn word(text: &str) -> Node<'static> {
    Node::Text(text.to_owned().into())
}

/// The first value of an attribute in the model as a text; of a name, its alphabetic form.
pub fn first<'n>(metadata: &'n Node<'_>, tag: Tag) -> Option<&'n str> {
    let value = metadata.get(&name(tag))?.get("Value")?.items().first()?;
    value.text().or_else(|| value.number()).or_else(|| value.text_of("Alphabetic"))
}
