//! A certificate of a signing key as AMD's, and a list of revoked ones, which nobody signed.
//! Written by hand, as parsers read them.

/// `1.3.6.1.4.1.3704.1`: AMD's extensions.
const AMD: [u8; 8] = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01];
/// Some algorithm (`1.2`).
const ALGORITHM: [u8; 5] = [0x30, 0x03, 0x06, 0x01, 0x2a];
const SIGNATURE: [u8; 4] = [0x03, 0x02, 0x00, 0x01];
const TIME: &[u8; 13] = b"260101000000Z";

pub(super) fn all() -> Vec<Vec<u8>> {
    let genoa = vek("Genoa", &[1, 2, 3, 8], 64);
    let turin = vek("Turin", &[9, 1, 2, 3, 8], 8);
    let amd = include_bytes!("../../../../protocol/attest/src/evidence/snp/amd/ask-milan.der");
    vec![genoa, turin, amd.to_vec(), list()]
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(value.len()).unwrap_or_default().to_be_bytes();
    let head = match value.len() {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [&head, value].concat()
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn time() -> Vec<u8> {
    tlv(0x17, TIME)
}

fn amd(id: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&tlv(0x06, &[&AMD, id].concat()), &tlv(0x04, value)])
}

fn vek(product: &str, parts: &[u8], chip: usize) -> Vec<u8> {
    let common = sequence(&[&[0x06, 0x03, 0x55, 0x04, 0x03], &tlv(0x0c, b"SEV-VCEK")]);
    let name = sequence(&[&tlv(0x31, &common)]);
    let key = [[0x00, 0x04].as_slice(), &[1; 96]].concat();
    let kind = sequence(&[
        &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
        &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
    ]);
    let mut extensions = amd(&[2], &tlv(0x16, product.as_bytes()));
    for part in parts {
        extensions.extend(amd(&[3, *part], &[0x02, 0x01, *part]));
    }
    extensions.extend(amd(&[4], &vec![0x5a; chip]));
    let signed = sequence(&[
        &[0xa0, 0x03, 0x02, 0x01, 0x02],
        &[0x02, 0x01, 0x00],
        &ALGORITHM,
        &name,
        &sequence(&[&time(), &time()]),
        &name,
        &sequence(&[&kind, &tlv(0x03, &key)]),
        &tlv(0xa3, &sequence(&[&extensions])),
    ]);
    sequence(&[&signed, &ALGORITHM, &SIGNATURE])
}

fn list() -> Vec<u8> {
    let entry = sequence(&[&[0x02, 0x01, 0x09], &time()]);
    let parts: [&[u8]; 6] =
        [&[0x02, 0x01, 0x01], &ALGORITHM, &[0x30, 0], &time(), &time(), &sequence(&[&entry])];
    sequence(&[&sequence(&parts), &ALGORITHM, &SIGNATURE])
}
