//! The endorsement chain: from a TPM's own certificate up to a pinned root. Each link is
//! named, signed, and valid now; nothing is fetched, and order is the sender's to get
//! right. Revocation lists are not asked for: a root or issuer is taken off instead.

use autoclave_base::{Digest, UnixTime};

use super::Manufacturer;
use crate::evidence::EvidenceRefusal;
use crate::evidence::certificate::Certificate;

/// Certificates below the root: a leaf, and intermediates of vendors with room.
const CHAIN_MAX: usize = 4;

/// A TPM whose endorsement certificate stands under one of our roots.
pub(super) struct Endorsed {
    pub(super) leaf: Certificate,
    pub(super) manufacturer: Manufacturer,
}

impl Endorsed {
    /// The digest of the endorsement certificate.
    pub(super) const fn digest(&self) -> Digest {
        self.leaf.digest()
    }
}

/// Verifies leaf and intermediates (DER, leaf first, no root) under `roots`.
pub(super) fn verify(
    ders: &[Vec<u8>],
    roots: &[Certificate],
    now: UnixTime,
) -> Result<Endorsed, EvidenceRefusal> {
    if ders.is_empty() || ders.len() > CHAIN_MAX {
        return Err(EvidenceRefusal::TpmEk);
    }
    let mut chain = Vec::with_capacity(ders.len());
    for der in ders {
        chain.push(Certificate::parse(der).map_err(|_| EvidenceRefusal::TpmEk)?);
    }
    let root = anchor(&chain, roots)?;
    links(&chain, root)?;
    if !chain.iter().chain([root]).all(|one| one.is_valid_at(now)) {
        return Err(EvidenceRefusal::TpmEkValidity);
    }
    let leaf = chain.swap_remove(0);
    let manufacturer = leaf.manufacturer().filter(|_| leaf.is_endorsement());
    Ok(Endorsed { manufacturer: manufacturer.ok_or(EvidenceRefusal::TpmEk)?, leaf })
}

/// The root that the last certificate names and that signed it. Several roots may have one
/// name.
fn anchor<'r>(
    chain: &[Certificate],
    roots: &'r [Certificate],
) -> Result<&'r Certificate, EvidenceRefusal> {
    let last = chain.last().ok_or(EvidenceRefusal::TpmEk)?;
    let mut named = roots.iter().filter(|root| last.names_issuer(root)).peekable();
    if named.peek().is_none() {
        return Err(EvidenceRefusal::Root);
    }
    named.find(|root| last.is_signed_by(root)).ok_or(EvidenceRefusal::TpmEk)
}

fn links(chain: &[Certificate], root: &Certificate) -> Result<(), EvidenceRefusal> {
    let issuers = chain.iter().skip(1).chain([root]);
    for (below, (certificate, issuer)) in chain.iter().zip(issuers).enumerate() {
        let sound = issuer.is_authority()
            && issuer.allows_below(below)
            && certificate.names_issuer(issuer)
            && certificate.is_signed_by(issuer);
        if !sound {
            return Err(EvidenceRefusal::TpmEk);
        }
    }
    Ok(())
}
