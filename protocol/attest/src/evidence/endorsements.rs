//! Endorsements: what vendors say about their platforms, kept by whoever verifies much. A
//! store in memory, and the form of an offline bundle. Nothing in it is trusted for being
//! here: a verifier checks each statement's signature and time again at every use.

use std::collections::BTreeMap;

use autoclave_base::{HexBytes, UnixTime, b64};
use serde::{Deserialize, Serialize};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::dcap::Window;

/// Items of one kind in a store: more platforms than one operator has.
pub const ITEMS_MAX: usize = 4096;

/// Longest text or certificate of one item: Intel's CRLs have a few kilobytes, its TCB info
/// 20 KiB, a root's CRL of AMD's 2 KiB.
pub const ITEM_BYTES_MAX: usize = 256 * 1024;

/// The two TEEs that share Intel's quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DcapTee {
    /// SGX.
    Sgx,
    /// TDX.
    Tdx,
}

/// The authorities that certify Intel's platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DcapCa {
    /// Of processors with one package.
    Processor,
    /// Of platforms with several.
    Platform,
}

/// Which collateral a quote needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DcapKey {
    /// SGX or TDX.
    pub tee: DcapTee,
    /// Family, model, stepping and platform type (6 bytes).
    pub fmspc: HexBytes,
    /// Whose certificate the platform has.
    pub ca: DcapCa,
}

/// Intel's collateral for one quote: texts as they were signed, in the JSON that Intel's
/// users have (`dcap-qvl`, PCCS tools), bytes in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DcapCollateral {
    /// Certificates of whoever signed the PCK's CRL (PEM).
    pub pck_crl_issuer_chain: String,
    /// The root's CRL (DER).
    #[serde(with = "hex")]
    pub root_ca_crl: Vec<u8>,
    /// The PCK authority's CRL (DER).
    #[serde(with = "hex")]
    pub pck_crl: Vec<u8>,
    /// Certificates of whoever signed the TCB info (PEM).
    pub tcb_info_issuer_chain: String,
    /// The TCB info, exactly as it was signed.
    pub tcb_info: String,
    /// Its signature: r and s.
    #[serde(with = "hex")]
    pub tcb_info_signature: Vec<u8>,
    /// Certificates of whoever signed the quoting enclave's identity (PEM).
    pub qe_identity_issuer_chain: String,
    /// That identity, exactly as it was signed.
    pub qe_identity: String,
    /// Its signature: r and s.
    #[serde(with = "hex")]
    pub qe_identity_signature: Vec<u8>,
    /// The platform's certificates (PEM), where the quote lacks them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pck_certificate_chain: Option<String>,
}

/// Which key signed an SEV-SNP report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VekKey {
    /// `Milan`, `Genoa`, `Turin`.
    pub product: String,
    /// The chip's number, as in the report.
    pub chip_id: HexBytes,
    /// `REPORTED_TCB`, as in the report.
    pub reported_tcb: HexBytes,
}

/// AMD's certificates of one product (DER).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnpAuthority {
    /// The intermediate: ASK, or ASVK for VLEKs.
    #[serde(with = "b64::serde_bytes")]
    pub ask: Vec<u8>,
    /// The root. Verifiers compare it with the one that they pin.
    #[serde(with = "b64::serde_bytes")]
    pub ark: Vec<u8>,
    /// The root's list of revoked certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl: Option<SnpCrl>,
}

/// A list of revoked certificates (DER).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnpCrl(#[serde(with = "b64::serde_bytes")] pub Vec<u8>);

/// Why an item is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndorsementsRefusal {
    /// Longer than [`ITEM_BYTES_MAX`].
    #[error("an endorsement is too large")]
    TooLarge,
    /// More than [`ITEMS_MAX`] of its kind.
    #[error("there are too many endorsements")]
    TooMany,
}

impl EndorsementsRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "endorsements.too_large",
            Self::TooMany => "endorsements.too_many",
        }
    }
}

/// A store of endorsements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endorsements {
    #[serde(default, with = "pairs")]
    dcap: BTreeMap<DcapKey, DcapCollateral>,
    #[serde(default, with = "pairs")]
    veks: BTreeMap<VekKey, Vek>,
    #[serde(default)]
    authorities: BTreeMap<String, SnpAuthority>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Vek(#[serde(with = "b64::serde_bytes")] Vec<u8>);

impl Endorsements {
    /// An empty store: evidence must bring everything along.
    pub const fn new() -> Self {
        Self { dcap: BTreeMap::new(), veks: BTreeMap::new(), authorities: BTreeMap::new() }
    }

    /// Intel's collateral.
    pub fn dcap(&self, key: &DcapKey) -> Option<&DcapCollateral> {
        self.dcap.get(key)
    }

    /// The certificate (DER) of an AMD chip's key.
    pub fn vek(&self, key: &VekKey) -> Option<&[u8]> {
        self.veks.get(key).map(|vek| vek.0.as_slice())
    }

    /// AMD's certificates for VCEKs of a product, or under `VLEK-` and its name for VLEKs.
    pub fn snp(&self, product: &str) -> Option<&SnpAuthority> {
        self.authorities.get(product)
    }

    /// Keeps Intel's collateral.
    pub fn insert_dcap(
        &mut self,
        key: DcapKey,
        collateral: DcapCollateral,
    ) -> Result<(), EndorsementsRefusal> {
        let parts = [
            collateral.pck_crl_issuer_chain.len(),
            collateral.root_ca_crl.len(),
            collateral.pck_crl.len(),
            collateral.tcb_info_issuer_chain.len(),
            collateral.tcb_info.len(),
            collateral.qe_identity_issuer_chain.len(),
            collateral.qe_identity.len(),
            collateral.pck_certificate_chain.as_ref().map_or(0, String::len),
        ];
        fits(&parts)?;
        room(&self.dcap, &key)?;
        self.dcap.insert(key, collateral);
        Ok(())
    }

    /// Keeps the certificate of an AMD chip's key.
    pub fn insert_vek(&mut self, key: VekKey, vek: Vec<u8>) -> Result<(), EndorsementsRefusal> {
        fits(&[vek.len()])?;
        room(&self.veks, &key)?;
        self.veks.insert(key, Vek(vek));
        Ok(())
    }

    /// Keeps AMD's certificates of one product.
    pub fn insert_snp(
        &mut self,
        product: String,
        authority: SnpAuthority,
    ) -> Result<(), EndorsementsRefusal> {
        let crl = authority.crl.as_ref().map_or(0, |crl| crl.0.len());
        fits(&[authority.ask.len(), authority.ark.len(), crl])?;
        room(&self.authorities, &product)?;
        self.authorities.insert(product, authority);
        Ok(())
    }

    /// Takes everything of `newer`, in place of what is under the same keys.
    pub fn merge(&mut self, newer: Self) -> Result<(), EndorsementsRefusal> {
        newer.dcap.into_iter().try_for_each(|(key, one)| self.insert_dcap(key, one))?;
        newer.veks.into_iter().try_for_each(|(key, one)| self.insert_vek(key, one.0))?;
        newer.authorities.into_iter().try_for_each(|(key, one)| self.insert_snp(key, one))
    }

    /// All of Intel's collateral.
    pub fn all_dcap(&self) -> impl Iterator<Item = (&DcapKey, &DcapCollateral)> {
        self.dcap.iter()
    }

    /// All certificates of AMD's chips.
    pub fn all_veks(&self) -> impl Iterator<Item = (&VekKey, &[u8])> {
        self.veks.iter().map(|(key, vek)| (key, vek.0.as_slice()))
    }

    /// AMD's certificates of all products.
    pub fn all_snp(&self) -> impl Iterator<Item = (&str, &SnpAuthority)> {
        self.authorities.iter().map(|(product, one)| (product.as_str(), one))
    }
}

/// Until when one item holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Which, for people.
    pub what: String,
    /// Its end; none where it cannot be read, and so holds never.
    pub ends: Option<UnixTime>,
}

impl Endorsements {
    /// Until when each item holds, the earliest first.
    pub fn expiries(&self) -> Vec<Expiry> {
        let dcap = self.dcap.iter().map(|(key, one)| {
            let (tee, ca) = match (key.tee, key.ca) {
                (DcapTee::Sgx, DcapCa::Processor) => ("SGX", "processor"),
                (DcapTee::Sgx, DcapCa::Platform) => ("SGX", "platform"),
                (DcapTee::Tdx, DcapCa::Processor) => ("TDX", "processor"),
                (DcapTee::Tdx, DcapCa::Platform) => ("TDX", "platform"),
            };
            let what = format!("Intel {tee} {} ({ca})", key.fmspc);
            Expiry { what, ends: Window::of(one).ok().map(|window| window.ends) }
        });
        let veks = self.veks.iter().map(|(key, vek)| {
            let chip: String = key.chip_id.to_string().chars().take(CHIP_DIGITS).collect();
            let what = format!("AMD {} chip {chip} at {}", key.product, key.reported_tcb);
            Expiry { what, ends: certificate_ends(&vek.0) }
        });
        let authorities = self.authorities.iter().map(|(product, one)| {
            let what = format!("AMD {product} authority");
            Expiry { what, ends: certificate_ends(&one.ask) }
        });
        let mut all: Vec<_> = dcap.chain(veks).chain(authorities).collect();
        all.sort_by(|a, b| (a.ends, &a.what).cmp(&(b.ends, &b.what)));
        all
    }
}

/// Digits of a chip's number that tell it from its neighbours, for people.
const CHIP_DIGITS: usize = 16;

fn certificate_ends(der: &[u8]) -> Option<UnixTime> {
    let certificate = Certificate::from_der(der).ok()?;
    let ends = certificate.tbs_certificate().validity().not_after.to_unix_duration();
    Some(UnixTime::from_seconds(ends.as_secs()))
}

fn fits(lengths: &[usize]) -> Result<(), EndorsementsRefusal> {
    let small = lengths.iter().all(|length| *length <= ITEM_BYTES_MAX);
    if small { Ok(()) } else { Err(EndorsementsRefusal::TooLarge) }
}

fn room<K: Ord, V>(items: &BTreeMap<K, V>, key: &K) -> Result<(), EndorsementsRefusal> {
    let room = items.len() < ITEMS_MAX || items.contains_key(key);
    if room { Ok(()) } else { Err(EndorsementsRefusal::TooMany) }
}

/// A map whose keys are objects, as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Vec::<(K, V)>::deserialize(from).map(|pairs| pairs.into_iter().collect())
    }
}

/// Hexadecimal digits of either case: Intel's services answer in both.
mod hex {
    use autoclave_base::HexBytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        HexBytes::of(bytes).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?.to_ascii_lowercase();
        text.parse::<HexBytes>().map(|hex| hex.bytes().to_vec()).map_err(de::Error::custom)
    }
}
