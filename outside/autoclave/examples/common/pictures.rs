//! Pictures that differ, and that carry a text where pictures carry texts.
//! They belong to the tests.
//! No picture here is of anybody.

/// The bytes before the first chunk of a PNG, and its `IHDR` chunk with length and checksum.
const PNG_HEAD_BYTES: usize = 8 + 25;

/// A PNG with a `tEXt` chunk (PNG specification, 11.3.4.3) behind its header.
pub(crate) fn png_with_text(png: &[u8], keyword: &str, text: &str) -> Vec<u8> {
    let data = [keyword.as_bytes(), &[0], text.as_bytes()].concat();
    let typed = [b"tEXt", data.as_slice()].concat();
    let length = u32::try_from(data.len()).unwrap_or_default().to_be_bytes();
    let (head, rest) = png.split_at(PNG_HEAD_BYTES);
    [head, &length, &typed, &crc32(&typed).to_be_bytes(), rest].concat()
}

/// CRC-32 as PNG and zlib compute it.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let step = |crc: u32| if crc & 1 == 1 { POLYNOMIAL ^ (crc >> 1) } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, byte)
}

/// Sides of the pictures that are made here: the smallest that diagnosis takes, doubled.
const SIDE: u16 = 32;
const PIXELS: usize = SIDE as usize * SIDE as usize;

/// A grey TIFF (6.0) whose `ImageDescription` is a text.
pub(crate) fn tiff_with_description(text: &str) -> Vec<u8> {
    const ENTRIES: u32 = 10;
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    let text = [text.as_bytes(), &[0]].concat();
    let text_bytes = u32::try_from(text.len()).unwrap_or_default();
    let text_at = 8 + 2 + ENTRIES * 12 + 4;
    let pixels_at = text_at + text_bytes;
    let pixels = u32::from(SIDE) * u32::from(SIDE);
    let side = u32::from(SIDE);
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()]
            .concat()
    };
    let entries = [
        entry(256, SHORT, 1, side),
        entry(257, SHORT, 1, side),
        entry(258, SHORT, 1, 8),
        entry(259, SHORT, 1, 1),
        entry(262, SHORT, 1, 1),
        entry(270, 2, text_bytes, text_at),
        entry(273, LONG, 1, pixels_at),
        entry(277, SHORT, 1, 1),
        entry(278, SHORT, 1, side),
        entry(279, LONG, 1, pixels),
    ];
    let mut file = b"II*\0\x08\0\0\0\x0a\0".to_vec();
    file.extend(entries.concat());
    file.extend([0; 4]);
    file.extend(text);
    file.extend(vec![90; PIXELS]);
    file
}

/// A grey DICOM object (explicit VR, little endian) that names a patient and a comment.
pub(crate) fn dicom_with_tags(name: &str, comment: &str) -> Vec<u8> {
    const CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";
    const INSTANCE: &str = "1.2.3.4.5.6.7.8";
    let meta = [
        element(2, 0x02, *b"UI", CLASS.as_bytes()),
        element(2, 0x03, *b"UI", INSTANCE.as_bytes()),
        element(2, 0x10, *b"UI", b"1.2.840.10008.1.2.1"),
        element(2, 0x12, *b"UI", b"1.2.3.4"),
    ]
    .concat();
    let meta_bytes = u32::try_from(meta.len()).unwrap_or_default().to_le_bytes();
    let short = |group, number, value: u16| element(group, number, *b"US", &value.to_le_bytes());
    let set = [
        element(0x08, 0x16, *b"UI", CLASS.as_bytes()),
        element(0x08, 0x18, *b"UI", INSTANCE.as_bytes()),
        element(0x10, 0x10, *b"PN", name.as_bytes()),
        element(0x10, 0x4000, *b"LT", comment.as_bytes()),
        short(0x28, 0x02, 1),
        element(0x28, 0x04, *b"CS", b"MONOCHROME2"),
        short(0x28, 0x10, SIDE),
        short(0x28, 0x11, SIDE),
        short(0x28, 0x100, 8),
        short(0x28, 0x101, 8),
        short(0x28, 0x102, 7),
        short(0x28, 0x103, 0),
        pixel_data(),
    ]
    .concat();
    let length = element(2, 0, *b"UL", &meta_bytes);
    [&[0; 128][..], b"DICM", &length, &meta, &set].concat()
}

/// A data element with a short length field (PS3.5, 7.1.2), padded to an even length.
fn element(group: u16, number: u16, kind: [u8; 2], value: &[u8]) -> Vec<u8> {
    let pad = if &kind == b"UI" { 0 } else { b' ' };
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(pad);
    }
    let length = u16::try_from(value.len()).unwrap_or_default().to_le_bytes();
    [&group.to_le_bytes()[..], &number.to_le_bytes(), &kind, &length, &value].concat()
}

fn pixel_data() -> Vec<u8> {
    let head = [0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0];
    let length = u32::try_from(PIXELS).unwrap_or_default().to_le_bytes();
    [&head[..], &length, &[90; PIXELS]].concat()
}
