//! Binary HTTP, written from RFC 9292: only what the vectors need.

pub fn varint(value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    match value {
        0..0x40 => bytes[7..].to_vec(),
        0x40..0x4000 => (value | 0x4000).to_be_bytes()[6..].to_vec(),
        0x4000..0x4000_0000 => (value | 0x8000_0000).to_be_bytes()[4..].to_vec(),
        _ => (value | 0xc000_0000_0000_0000).to_be_bytes().to_vec(),
    }
}

pub fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [varint(bytes.len() as u64), bytes.to_vec()].concat()
}

pub fn fields(lines: &[(&str, &str)]) -> Vec<u8> {
    lines.iter().flat_map(|(name, value)| [string(name), string(value)].concat()).collect()
}

/// Framing, method, scheme, authority, path.
pub fn request(framing: u8, method: &str, path: &str) -> Vec<u8> {
    [vec![framing], string(method), string("https"), string(""), string(path)].concat()
}

/// A whole request of indeterminate length.
pub fn whole(method: &str, path: &str, lines: &[(&str, &str)], body: &[&[u8]]) -> Vec<u8> {
    let content: Vec<u8> = body.iter().flat_map(string).collect();
    [request(2, method, path), fields(lines), vec![0], content, vec![0, 0]].concat()
}
