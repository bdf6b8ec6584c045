//! What is kept of an instance beside its file, so that searches and frames need not open
//! it: its attributes, its length, its transfer syntax and where its pixels lie. The hospital's.

use std::ops::Range;

use autoclave_base::Digest;
use autoclave_fhir::json::Node;

use crate::instance::{Instance, Pixels};
use crate::json::word;

/// The entry of one instance. No `Debug`: it names a patient.
#[derive(Clone)]
pub struct Entry {
    /// By which the file is found.
    pub file: Digest,
    /// Bytes of the file.
    pub bytes: usize,
    /// The transfer syntax that it is stored in.
    pub transfer_syntax: String,
    /// Where its pixels are.
    pub pixels: Option<Pixels>,
    /// Its attributes, bulk data by relative URI.
    pub metadata: Node<'static>,
}

impl Entry {
    /// Of an instance, and of its file of so many bytes, found by this digest.
    pub fn of(instance: &Instance, file: Digest, bytes: usize) -> Self {
        Self {
            file,
            bytes,
            transfer_syntax: instance.transfer_syntax.clone(),
            pixels: instance.pixels.clone(),
            metadata: instance.metadata.clone(),
        }
    }

    /// As it is kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        let pixels = match &self.pixels {
            None => Node::Null,
            Some(Pixels::Native { place, frame_bits, frames }) => Node::List(vec![
                whole(place.start),
                whole(place.end),
                whole(*frame_bits),
                whole(*frames),
            ]),
            Some(Pixels::Encapsulated { frames }) => {
                let frame = |ranges: &Vec<Range<usize>>| {
                    Node::List(
                        ranges.iter().flat_map(|one| [one.start, one.end]).map(whole).collect(),
                    )
                };
                Node::object([("frames", Node::List(frames.iter().map(frame).collect()))])
            }
        };
        Node::object([
            ("file", word(&self.file.to_string())),
            ("bytes", whole(self.bytes)),
            ("syntax", word(&self.transfer_syntax)),
            ("pixels", pixels),
            ("data", self.metadata.clone()),
        ])
        .to_bytes()
    }

    /// Reads what was kept; `None` where it is not what this program writes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let node = Node::parse(bytes).ok()?;
        let pixels = match node.get("pixels")? {
            Node::Null => None,
            Node::List(numbers) => {
                let numbers: Vec<usize> = numbers.iter().map(number).collect::<Option<_>>()?;
                let [start, end, frame_bits, frames] = numbers[..] else { return None };
                Some(Pixels::Native { place: start..end, frame_bits, frames })
            }
            frames => {
                let frames = frames.get("frames")?.items().iter().map(ranges);
                Some(Pixels::Encapsulated { frames: frames.collect::<Option<_>>()? })
            }
        };
        Some(Self {
            file: node.text_of("file")?.parse().ok()?,
            bytes: number(node.get("bytes")?)?,
            transfer_syntax: node.text_of("syntax")?.to_owned(),
            pixels,
            metadata: node.get("data")?.clone().into_owned(),
        })
    }
}

fn whole(number: usize) -> Node<'static> {
    Node::Number(number.to_string().into())
}

fn number(node: &Node<'_>) -> Option<usize> {
    node.number()?.parse().ok()
}

fn ranges(frame: &Node<'_>) -> Option<Vec<Range<usize>>> {
    let numbers: Vec<usize> = frame.items().iter().map(number).collect::<Option<_>>()?;
    Some(numbers.as_chunks::<2>().0.iter().map(|[from, to]| *from..*to).collect())
}

#[cfg(test)]
mod tests {
    use dicom_dictionary_std::uids;

    use super::*;
    use crate::instance::samples::{self, ONE};

    #[test]
    fn what_is_kept_is_read_again() {
        let encapsulated = samples::fragments(ONE, 2, vec![vec![1; 4], vec![2; 6]]);
        for file in [
            samples::plain(samples::frames(ONE, 3)),
            samples::file(encapsulated, uids::JPEG_BASELINE8_BIT),
            samples::plain(samples::head(ONE)),
        ] {
            let entry = Entry::of(&Instance::read(&file).unwrap(), Digest::of(&file), file.len());
            let again = Entry::parse(&entry.to_bytes()).unwrap();
            assert_eq!((again.file, again.bytes), (entry.file, file.len()));
            assert_eq!(again.pixels, entry.pixels);
            assert!(again.metadata == entry.metadata);
            assert_eq!(again.transfer_syntax, entry.transfer_syntax);
        }
        assert!(Entry::parse(b"{}").is_none() && Entry::parse(b"x").is_none());
    }
}
