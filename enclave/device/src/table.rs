//! The table of certificates that a host puts beside an SNP report (GHCB specification,
//! section 4.1.8.1): entries of name, offset and length, then the certificates. It is the
//! host's and worth nothing until a verifier has checked it. What it lacks is left out.

/// Bytes of an entry: a GUID, an offset, a length.
const ENTRY_BYTES: usize = 24;
/// Most entries that are looked at: five kinds are known.
const ENTRIES_MAX: usize = 32;
/// Longest certificate that is taken.
const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;

/// The names, their bytes in the order in which they are written.
const VCEK: [u8; 16] = *b"\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd";
const VLEK: [u8; 16] = *b"\xa8\x07\x4b\xc2\xa2\x5a\x48\x3e\xaa\xe6\x39\xc0\x45\xa0\xb8\xa1";
const ASK: [u8; 16] = *b"\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82";
const ARK: [u8; 16] = *b"\xc0\xb4\x06\xa4\xa8\x03\x49\x52\x97\x43\x3f\xb6\x01\x4c\xd0\xae";
const CRL: [u8; 16] = *b"\x92\xf8\x1b\xc3\x58\x11\x4d\x3d\x97\xff\xd1\x9f\x88\xdc\x67\xea";

/// The certificates of a table, as they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificates {
    /// The key that signed the report: of the chip (VCEK), or loaded (VLEK).
    pub vek: Option<Vec<u8>>,
    /// The intermediate.
    pub ask: Option<Vec<u8>>,
    /// The root, which nobody takes from here.
    pub ark: Option<Vec<u8>>,
    /// What is revoked.
    pub crl: Option<Vec<u8>>,
}

impl Certificates {
    /// Those of `table` that are whole. `leased` says whose key signed the report: a table
    /// may hold both.
    pub fn parse(table: &[u8], leased: bool) -> Self {
        let find = |name| entries(table).find(|(found, _)| *found == name).map(|(_, der)| der);
        let vek = find(if leased { VLEK } else { VCEK });
        Self { vek, ask: find(ASK), ark: find(ARK), crl: find(CRL) }
    }
}

fn entries(table: &[u8]) -> impl Iterator<Item = ([u8; 16], Vec<u8>)> + '_ {
    let (heads, _) = table.as_chunks::<ENTRY_BYTES>();
    let used = heads.iter().take(ENTRIES_MAX).take_while(|head| head[..16] != [0; 16]);
    used.filter_map(|head| {
        let (name, place) = head.split_first_chunk::<16>()?;
        let number = |at: usize| {
            let bytes = place.get(at..at + 4)?.try_into().ok()?;
            usize::try_from(u32::from_le_bytes(bytes)).ok()
        };
        let (offset, length) = (number(0)?, number(4)?);
        let der = table.get(offset..offset.checked_add(length)?)?;
        (1..=CERTIFICATE_BYTES_MAX).contains(&length).then(|| (*name, der.to_vec()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(certificates: &[([u8; 16], &[u8])]) -> Vec<u8> {
        let mut heads = Vec::new();
        let mut bodies = Vec::new();
        let first = (certificates.len() + 1) * ENTRY_BYTES;
        for (name, der) in certificates {
            heads.extend(name);
            heads.extend(u32::try_from(first + bodies.len()).unwrap().to_le_bytes());
            heads.extend(u32::try_from(der.len()).unwrap().to_le_bytes());
            bodies.extend(*der);
        }
        heads.extend([0; ENTRY_BYTES]);
        [heads, bodies].concat()
    }

    #[test]
    fn certificates_are_found_by_their_names() {
        let made = table(&[(ARK, b"ark"), ([7; 16], b"other"), (VCEK, b"vcek"), (ASK, b"ask")]);
        let found = Certificates::parse(&made, false);
        assert_eq!(found.vek.as_deref(), Some(&b"vcek"[..]));
        assert_eq!(found.ask.as_deref(), Some(&b"ask"[..]));
        assert_eq!(found.ark.as_deref(), Some(&b"ark"[..]));
        assert_eq!((found.crl, Certificates::parse(&made, true).vek), (None, None));
    }

    #[test]
    fn an_empty_table_holds_nothing() {
        for empty in [&[][..], &[0; 24], &[0; 4096], &[1; 23]] {
            assert_eq!(Certificates::parse(empty, false), Certificates::default());
        }
    }

    /// The host writes the table.
    #[test]
    fn what_points_beyond_the_table_is_left_out() {
        let good = table(&[(VCEK, b"vcek"), (ASK, b"ask")]);
        let mut beyond = good.clone();
        beyond[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        let found = Certificates::parse(&beyond, false);
        assert_eq!((found.vek, found.ask.as_deref()), (None, Some(&b"ask"[..])));
        let mut long = good.clone();
        long[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Certificates::parse(&long, false).vek, None);
        for end in 0..good.len() {
            let _no_panic = Certificates::parse(&good[..end], false);
        }
    }
}
