//! A DICOM file as a tree of places: which element lies where in the file's bytes. The
//! hospital's. Nothing is copied, decoded or believed here: a length that leads out of the
//! file, or out of the sequence around it, is refused before anything is made of it.

mod file;
mod walk;

use std::ops::Range;

use dicom_core::{Tag, VR};

pub use file::{PREAMBLE_BYTES, read};

/// Sequences within sequences. Structured reports of hospitals stay below twenty.
pub const NESTING_MAX: usize = 32;
/// Elements, items and fragments of one file: a volume of some thousand frames has about
/// thirty elements for each.
pub const ELEMENTS_MAX: usize = 1_000_000;

/// Why bytes are not a DICOM file as PS3.10 and PS3.5 have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// No preamble with `DICM` behind it.
    #[error("not a DICOM file")]
    Preamble,
    /// The group of file meta information is not what PS3.10 says.
    #[error("the file's meta information is not sound")]
    Meta,
    /// The transfer syntax is unknown, or deflated: its expanded size cannot be known.
    #[error("the transfer syntax is not supported")]
    Syntax,
    /// The file ends within an element, or an element says that it is longer than what is
    /// around it.
    #[error("an element's length leads out of the file")]
    Length,
    /// A value representation that PS3.5 does not have.
    #[error("an element has no known value representation")]
    Representation,
    /// A delimiter or an item where none can be, or none where one must be.
    #[error("sequences are not nested as they should be")]
    Nesting,
    /// Deeper than [`NESTING_MAX`], or more than [`ELEMENTS_MAX`].
    #[error("too deep or too many elements")]
    Size,
    /// An element stands twice: two readers could understand two different things.
    #[error("an element stands twice")]
    Twice,
}

/// How a data set is written (PS3.5, section 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Elements name their value representation.
    pub explicit: bool,
    /// The most significant byte comes first.
    pub big_endian: bool,
    /// Pixels are encapsulated.
    pub encapsulated: bool,
}

impl Form {
    /// Of a transfer syntax; `None` where it is unknown or cannot be walked.
    pub fn of(transfer_syntax: &str) -> Option<Self> {
        let native = |explicit, big_endian| Self { explicit, big_endian, encapsulated: false };
        match transfer_syntax {
            "1.2.840.10008.1.2" => Some(native(false, false)),
            "1.2.840.10008.1.2.1" => Some(native(true, false)),
            "1.2.840.10008.1.2.2" => Some(native(true, true)),
            // Run lengths, JPEG, JPEG-LS, JPEG 2000, MPEG, HTJ2K, JPEG XL.
            "1.2.840.10008.1.2.5" => Some(Self { encapsulated: true, ..native(true, false) }),
            other => {
                let number = other.strip_prefix("1.2.840.10008.1.2.4.")?.parse::<u16>().ok()?;
                matches!(number, 50..=70 | 80 | 81 | 90..=93 | 100..=112 | 201..=203)
                    .then_some(Self { encapsulated: true, ..native(true, false) })
            }
        }
    }
}

/// One element, its value by place. No `Debug`: with the bytes it is a patient's.
#[derive(Clone)]
pub struct Element {
    /// Group and element.
    pub tag: Tag,
    /// How its value is written.
    pub vr: VR,
    /// Where its value is.
    pub value: Value,
}

/// Where a value is.
#[derive(Clone)]
pub enum Value {
    /// These bytes of the file.
    Bytes(Range<usize>),
    /// Items of a sequence.
    Items(Vec<DataSet>),
    /// Fragments of encapsulated pixels; the first is the offset table.
    Fragments(Vec<Range<usize>>),
}

/// Elements, in the order of their tags.
#[derive(Clone)]
pub struct DataSet {
    /// The elements.
    pub elements: Vec<Element>,
    /// How numbers in it are written.
    pub big_endian: bool,
}

impl DataSet {
    /// The element of a tag.
    pub fn get(&self, tag: Tag) -> Option<&Element> {
        let at = self.elements.binary_search_by_key(&tag, |element| element.tag).ok()?;
        self.elements.get(at)
    }

    /// The bytes of an element that is no sequence.
    pub fn bytes<'a>(&self, tag: Tag, file: &'a [u8]) -> Option<&'a [u8]> {
        match &self.get(tag)?.value {
            Value::Bytes(range) => file.get(range.clone()),
            _ => None,
        }
    }

    /// The text of an element in the default repertoire, without its padding; `None` where it
    /// is missing or empty.
    pub fn text<'a>(&self, tag: Tag, file: &'a [u8]) -> Option<&'a str> {
        let text = std::str::from_utf8(self.bytes(tag, file)?).ok()?;
        Some(text.trim_matches([' ', '\0'])).filter(|text| !text.is_empty())
    }

    /// The first number of an element of type US.
    pub fn number(&self, tag: Tag, file: &[u8]) -> Option<u16> {
        let bytes = <[u8; 2]>::try_from(self.bytes(tag, file)?.get(..2)?).ok()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }
}

/// A whole file.
pub struct File {
    /// The transfer syntax, by its UID.
    pub transfer_syntax: String,
    /// Media Storage SOP Instance UID of the meta information.
    pub media_instance: Option<String>,
    /// Media Storage SOP Class UID of the meta information.
    pub media_class: Option<String>,
    /// How the data set is written.
    pub form: Form,
    /// Where the data set begins.
    pub begins: usize,
    /// The data set.
    pub data: DataSet,
}
