//! From the key that signed a report up to AMD's root key of its line of processors, and
//! what AMD revoked on the way. Root keys are pinned here by their certificates; one that
//! comes with the evidence must be the pinned one, and counts for nothing else.

use autoclave_base::UnixTime;

use super::crl::Crl;
use super::vek::Vek;
use super::{KeyKind, Product, SnpPolicy, SnpRefusal};
use crate::evidence::certificate::Certificate;

type Known = (Product, &'static [u8], [&'static [u8]; 2]);

/// AMD's certificates, as its key distribution service gives them: root keys, and the
/// authorities of chips' keys and of providers' keys under each.
const AMD: [Known; 3] = [
    (
        Product::Milan,
        include_bytes!("amd/ark-milan.der"),
        [include_bytes!("amd/ask-milan.der"), include_bytes!("amd/asvk-milan.der")],
    ),
    (
        Product::Genoa,
        include_bytes!("amd/ark-genoa.der"),
        [include_bytes!("amd/ask-genoa.der"), include_bytes!("amd/asvk-genoa.der")],
    ),
    (
        Product::Turin,
        include_bytes!("amd/ark-turin.der"),
        [include_bytes!("amd/ask-turin.der"), include_bytes!("amd/asvk-turin.der")],
    ),
];

/// The root key of one line of processors.
pub(super) struct Ark {
    pub(super) product: Product,
    pub(super) der: Vec<u8>,
    pub(super) certificate: Certificate,
    /// Authorities under it that evidence need not bring along. They are checked like those
    /// that it does.
    pub(super) known: Vec<Certificate>,
}

impl Ark {
    /// Reads one. None if it is no authority's certificate.
    pub(super) fn read(product: Product, der: &[u8]) -> Option<Self> {
        let certificate = Certificate::parse(der).ok().filter(Certificate::is_authority)?;
        Some(Self { product, der: der.to_vec(), certificate, known: Vec::new() })
    }

    /// AMD's own.
    pub(super) fn amd() -> Vec<Self> {
        let read = |(product, ark, known): &Known| {
            let known = known.iter().filter_map(|der| Certificate::parse(der).ok()).collect();
            Some(Self { known, ..Self::read(*product, ark)? })
        };
        AMD.iter().filter_map(read).collect()
    }

    /// Whether `der` is a certificate that this key made for itself, this one or another.
    fn is_shown_by(&self, der: &[u8]) -> Result<bool, SnpRefusal> {
        if der == self.der {
            return Ok(true);
        }
        let shown = Certificate::parse(der).map_err(|_| SnpRefusal::Certificate)?;
        Ok(shown.is_signed_by(&self.certificate)
            && shown.has_key_of(&self.certificate)
            && shown.subject() == self.certificate.subject()
            && shown.is_authority())
    }
}

/// The certificates of a report's key, and what was revoked (DER).
#[derive(Default)]
pub(in crate::evidence) struct Chain<'a> {
    /// Of the key itself.
    pub(in crate::evidence) vek: &'a [u8],
    /// Of the key that signed that one (ASK, or ASVK above a VLEK), if it is shown.
    pub(in crate::evidence) ask: Option<&'a [u8]>,
    /// Of the root key, if it is shown.
    pub(in crate::evidence) ark: Option<&'a [u8]>,
    /// Lists of revoked certificates.
    pub(in crate::evidence) crls: Vec<&'a [u8]>,
}

/// A signing key that stands under a root.
pub(super) struct Endorsed {
    pub(super) product: Product,
    pub(super) vek: Vek,
    /// When the first certificate or list above ends.
    pub(super) ends: UnixTime,
}

/// Verifies the chain under `arks` at `now`.
pub(super) fn verify(
    chain: &Chain<'_>,
    arks: &[Ark],
    policy: &SnpPolicy,
    now: UnixTime,
) -> Result<Endorsed, SnpRefusal> {
    let leaf = Certificate::parse(chain.vek).map_err(|_| SnpRefusal::Certificate)?;
    let shown = chain.ask.map(Certificate::parse).transpose();
    let shown = shown.map_err(|_| SnpRefusal::Certificate)?;
    let mut known = arks.iter().flat_map(|ark| &ark.known);
    let ask = match &shown {
        Some(ask) => ask,
        None => known.find(|ask| leaf.names_issuer(ask)).ok_or(SnpRefusal::CertificateMissing)?,
    };
    let named = arks.iter().find(|ark| ask.names_issuer(&ark.certificate));
    let ark = named.ok_or(SnpRefusal::Root)?;
    if let Some(shown) = chain.ark
        && !ark.is_shown_by(shown)?
    {
        return Err(SnpRefusal::Root);
    }
    links(&ark.certificate, ask, &leaf)?;
    let all = [&ark.certificate, ask, &leaf];
    if !all.iter().all(|one| one.is_valid_at(now)) {
        return Err(SnpRefusal::Validity);
    }
    let listed = revocation(chain, [&ark.certificate, ask], &leaf, policy, now)?;
    let vek = Vek::read(leaf, ark.product)?;
    if ask.common_name() != Some(issuer_name(vek.kind, ark.product)) {
        return Err(SnpRefusal::KeyKind);
    }
    let ends = [ark.certificate.ends(), ask.ends(), vek.certificate.ends()];
    let ends = ends.into_iter().chain(listed).min().unwrap_or(now);
    Ok(Endorsed { product: ark.product, vek, ends })
}

fn links(ark: &Certificate, ask: &Certificate, vek: &Certificate) -> Result<(), SnpRefusal> {
    let sound = ark.allows_below(1)
        && ask.names_issuer(ark)
        && ask.is_signed_by(ark)
        && ask.is_authority()
        && ask.allows_below(0)
        && vek.names_issuer(ask)
        && vek.is_signed_by(ask)
        && !vek.is_authority();
    if sound { Ok(()) } else { Err(SnpRefusal::Chain) }
}

/// The key of a chip and that of a provider have different authorities.
const fn issuer_name(kind: KeyKind, product: Product) -> &'static str {
    match (kind, product) {
        (KeyKind::Vcek, Product::Milan) => "SEV-Milan",
        (KeyKind::Vcek, Product::Genoa) => "SEV-Genoa",
        (KeyKind::Vcek, Product::Turin) => "SEV-Turin",
        (KeyKind::Vlek, Product::Milan) => "SEV-VLEK-Milan",
        (KeyKind::Vlek, Product::Genoa) => "SEV-VLEK-Genoa",
        (KeyKind::Vlek, Product::Turin) => "SEV-VLEK-Turin",
    }
}

/// That nothing is revoked: by the policy, which names certificates by their digests; by the
/// root's list; by the authority's own, where there is one. Returns when the first list ends.
fn revocation(
    chain: &Chain<'_>,
    [ark, ask]: [&Certificate; 2],
    vek: &Certificate,
    policy: &SnpPolicy,
    now: UnixTime,
) -> Result<Option<UnixTime>, SnpRefusal> {
    if [ask, vek].iter().any(|one| policy.revoked.contains(&one.digest())) {
        return Err(SnpRefusal::Revoked);
    }
    let (mut ends, mut fresh) = (None, false);
    for der in &chain.crls {
        let (crl, by_root) = match Crl::verify(der, ark)? {
            Some(crl) => (crl, true),
            None => (Crl::verify(der, ask)?.ok_or(SnpRefusal::Crl)?, false),
        };
        if crl.revokes(if by_root { ask } else { vek }) {
            return Err(SnpRefusal::Revoked);
        }
        if crl.holds_at(now) {
            fresh |= by_root;
            ends = ends.into_iter().chain(crl.ends()).min();
        } else if policy.crl_required {
            return Err(SnpRefusal::CrlExpired);
        }
    }
    if policy.crl_required && !fresh { Err(SnpRefusal::CrlMissing) } else { Ok(ends) }
}
