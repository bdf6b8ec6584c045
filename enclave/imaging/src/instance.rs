//! One instance: what a DICOM file says it is, and where its pixels lie. The hospital's. An
//! [`Instance`] is made by [`Instance::read`] only, of a file whose every length is true.

use std::ops::Range;

use autoclave_fhir::json::Node;
use dicom_core::Tag;
use dicom_dictionary_std::tags;

use crate::dataset::{self, DataSet, File, Flaw, Value};
use crate::json;
use crate::uid::Uid;

/// Most bytes of the metadata of one instance: a volume of thousands of frames has two.
pub const METADATA_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a DICOM file is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceRefusal {
    /// Not a sound file.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// A UID that says what or where it is is missing or no UID.
    #[error("an identifying UID is missing or malformed")]
    Uid,
    /// The meta information speaks of another instance than the data set.
    #[error("the file's head and its data set speak of different instances")]
    Head,
    /// There are fewer pixels than rows, columns and frames say.
    #[error("the pixels are shorter than their description")]
    Pixels,
    /// More than [`METADATA_BYTES_MAX`].
    #[error("the metadata is too large")]
    Metadata,
}

/// Where pixels lie in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pixels {
    /// As they are, frame by frame, each of so many bits.
    Native {
        /// All of them.
        place: Range<usize>,
        /// Bits of one frame.
        frame_bits: usize,
        /// How many frames.
        frames: usize,
    },
    /// Encapsulated: the fragments of each frame.
    Encapsulated {
        /// For each frame, its fragments.
        frames: Vec<Vec<Range<usize>>>,
    },
}

impl Pixels {
    /// How many frames there are.
    pub const fn frames(&self) -> usize {
        match self {
            Self::Native { frames, .. } => *frames,
            Self::Encapsulated { frames } => frames.len(),
        }
    }
}

/// What a file says of itself. No `Debug`: it names a patient.
pub struct Instance {
    /// Study Instance UID.
    pub study: Uid,
    /// Series Instance UID.
    pub series: Uid,
    /// SOP Instance UID.
    pub instance: Uid,
    /// SOP Class UID.
    pub class: Uid,
    /// Transfer Syntax UID.
    pub transfer_syntax: String,
    /// All attributes in the DICOM JSON model, bulk data by relative URI.
    pub metadata: Node<'static>,
    /// Where its pixels are; `None` where it has none.
    pub pixels: Option<Pixels>,
}

impl Instance {
    /// Reads a whole file.
    pub fn read(bytes: &[u8]) -> Result<Self, InstanceRefusal> {
        let file = dataset::read(bytes)?;
        let uid = |tag: Tag| -> Result<Uid, InstanceRefusal> {
            let text = file.data.text(tag, bytes).ok_or(InstanceRefusal::Uid)?;
            text.parse().map_err(|_| InstanceRefusal::Uid)
        };
        let (instance, class) = (uid(tags::SOP_INSTANCE_UID)?, uid(tags::SOP_CLASS_UID)?);
        same(file.media_instance.as_deref(), &instance)?;
        same(file.media_class.as_deref(), &class)?;
        let metadata = json::metadata(&file.data, bytes);
        if metadata.to_bytes().len() > METADATA_BYTES_MAX {
            return Err(InstanceRefusal::Metadata);
        }
        Ok(Self {
            study: uid(tags::STUDY_INSTANCE_UID)?,
            series: uid(tags::SERIES_INSTANCE_UID)?,
            instance,
            class,
            pixels: pixels(&file, bytes)?,
            transfer_syntax: file.transfer_syntax,
            metadata,
        })
    }

    /// The first value of an attribute as a text.
    pub fn first(&self, tag: Tag) -> Option<&str> {
        json::first(&self.metadata, tag)
    }
}

fn same(head: Option<&str>, own: &Uid) -> Result<(), InstanceRefusal> {
    if head.is_none_or(|head| head == own.as_str()) { Ok(()) } else { Err(InstanceRefusal::Head) }
}

fn pixels(file: &File, bytes: &[u8]) -> Result<Option<Pixels>, InstanceRefusal> {
    let data = &file.data;
    let frames = match data.text(tags::NUMBER_OF_FRAMES, bytes) {
        Some(text) => text.parse().map_err(|_| InstanceRefusal::Pixels)?,
        None => 1_usize,
    };
    match data.get(tags::PIXEL_DATA).map(|element| &element.value) {
        Some(Value::Fragments(fragments)) => {
            let frames = by_frame(fragments, frames, bytes).ok_or(InstanceRefusal::Pixels)?;
            Ok(Some(Pixels::Encapsulated { frames }))
        }
        Some(Value::Bytes(place)) => {
            let frame_bits = frame_bits(data, bytes).ok_or(InstanceRefusal::Pixels)?;
            let bits = frame_bits.checked_mul(frames).ok_or(InstanceRefusal::Pixels)?;
            if bits.div_ceil(8) > place.len() {
                return Err(InstanceRefusal::Pixels);
            }
            Ok(Some(Pixels::Native { place: place.clone(), frame_bits, frames }))
        }
        Some(Value::Items(_)) => Err(InstanceRefusal::Pixels),
        None => Ok(None),
    }
}

/// Bits of one frame: 4:2:2 has two samples for each pixel (PS3.3, C.7.6.3.1.2).
fn frame_bits(data: &DataSet, bytes: &[u8]) -> Option<usize> {
    let number = |tag: Tag| data.number(tag, bytes).map(usize::from);
    let samples = match data.text(tags::PHOTOMETRIC_INTERPRETATION, bytes) {
        Some("YBR_FULL_422" | "YBR_PARTIAL_422") => 2,
        _ => number(tags::SAMPLES_PER_PIXEL).unwrap_or(1),
    };
    let bits = number(tags::BITS_ALLOCATED)?;
    number(tags::ROWS)?.checked_mul(number(tags::COLUMNS)?)?.checked_mul(samples * bits)
}

/// Which fragments are of which frame: by the offset table, or one for each, or all for one
/// (PS3.5, A.4).
fn by_frame(
    fragments: &[Range<usize>],
    frames: usize,
    bytes: &[u8],
) -> Option<Vec<Vec<Range<usize>>>> {
    let (table, fragments) = fragments.split_first()?;
    if frames == 1 {
        return Some(vec![fragments.to_vec()]);
    }
    if fragments.len() == frames {
        return Some(fragments.iter().map(|fragment| vec![fragment.clone()]).collect());
    }
    let begin = fragments.first()?.start.checked_sub(8)?;
    let offsets = bytes.get(table.clone())?.as_chunks::<4>().0;
    let starts: Vec<usize> =
        offsets.iter().map(|offset| begin + u32::from_le_bytes(*offset) as usize + 8).collect();
    if starts.len() != frames || !starts.is_sorted() {
        return None;
    }
    let frame = |at: usize| {
        let (from, to) = (starts[at], starts.get(at + 1).copied().unwrap_or(usize::MAX));
        let own = fragments.iter().filter(|one| (from..to).contains(&one.start));
        let own: Vec<_> = own.cloned().collect();
        (own.first()?.start == from).then_some(own)
    };
    (0..frames).map(frame).collect()
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
