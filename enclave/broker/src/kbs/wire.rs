//! What the KBS protocol 0.4.0 says on the wire, as guests of Confidential Containers write
//! it. The protocol's. Nothing in it is believed; members that it does not name are let
//! through, as Trustee does.

use autoclave_seal::jwe::{Recipient, TeePubKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::KbsRefusal;

/// The one version: guests and servers compare it for equality.
pub(crate) const VERSION: &str = "0.4.0";

/// How guests name the kinds of TEE that the attestor knows, and their other spelling.
const TEES: [(&str, &str); 9] = [
    ("sgx", "sgx"),
    ("tdx", "tdx"),
    ("snp", "snp"),
    ("az-snp-vtpm", "azsnpvtpm"),
    ("az-tdx-vtpm", "aztdxvtpm"),
    ("tpm", "tpm"),
    ("nitro", "nitro"),
    ("software", "software"),
    ("sample", "sample"),
];

/// Digests over runtime data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// In the order in which we choose: what guests take where nothing is said, first.
    const ALL: [(Self, &'static str); 3] =
        [(Self::Sha384, "sha384"), (Self::Sha256, "sha256"), (Self::Sha512, "sha512")];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(hash, _)| *hash == self).map_or("sha384", |(_, name)| name)
    }

    fn of_offer(offer: &[Value]) -> Option<Self> {
        let offered = |name: &str| {
            let mut names = offer.iter().filter_map(Value::as_str);
            names.any(|it| it.eq_ignore_ascii_case(name))
        };
        Self::ALL.iter().find(|(_, name)| offered(name)).map(|(hash, _)| *hash)
    }
}

/// `POST /kbs/v0/auth`
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    version: String,
    tee: String,
    #[serde(default, rename = "extra-params")]
    extra_params: Value,
}

impl Request {
    /// The kind of TEE, and the digest that is chosen.
    pub(crate) fn check(&self) -> Result<(String, Hash), KbsRefusal> {
        if self.version != VERSION {
            return Err(KbsRefusal::VERSION);
        }
        let tee = self.tee.to_ascii_lowercase();
        let known = TEES.iter().find(|(name, other)| *name == tee || *other == tee);
        let (tee, _) = known.ok_or(KbsRefusal::TEE)?;
        let offer = self.extra_params.get("supported-hash-algorithms").and_then(Value::as_array);
        let hash = match offer {
            Some(offer) => Hash::of_offer(offer).ok_or(KbsRefusal::HASH)?,
            None => Hash::Sha384,
        };
        Ok(((*tee).to_owned(), hash))
    }
}

/// Its answer.
#[derive(Debug, Serialize)]
pub(crate) struct Challenge {
    nonce: String,
    #[serde(rename = "extra-params")]
    extra_params: Value,
}

impl Challenge {
    pub(crate) fn new(nonce: String, hash: Hash) -> Self {
        Self { nonce, extra_params: json!({ "selected-hash-algorithm": hash.name() }) }
    }
}

/// `POST /kbs/v0/attest`
#[derive(Debug, Deserialize)]
pub(crate) struct Attest {
    #[serde(default, rename = "init-data")]
    pub(crate) init_data: Option<InitData>,
    #[serde(rename = "runtime-data")]
    pub(crate) runtime_data: RuntimeData,
    #[serde(rename = "tee-evidence")]
    pub(crate) tee_evidence: Evidence,
}

/// What the guest was started with.
#[derive(Debug, Deserialize)]
pub(crate) struct InitData {
    pub(crate) format: String,
    pub(crate) body: String,
}

/// What the guest's evidence vouches for. The key stays as it was written: its digest counts.
#[derive(Debug, Deserialize)]
pub(crate) struct RuntimeData {
    pub(crate) nonce: String,
    #[serde(rename = "tee-pubkey")]
    pub(crate) tee_pubkey: Value,
}

impl RuntimeData {
    /// The key, if something can be encrypted to it.
    pub(crate) fn key(&self) -> Result<TeePubKey, KbsRefusal> {
        let key: TeePubKey =
            serde_json::from_value(self.tee_pubkey.clone()).map_err(|_| KbsRefusal::KEY)?;
        Recipient::try_from(&key).map_err(|refusal| KbsRefusal::KEY.caused_by(refusal.code()))?;
        Ok(key)
    }
}

/// Of the processor, and of what hangs on it.
#[derive(Debug, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) primary_evidence: Value,
    /// JSON of evidence by the kind of device, or nothing.
    #[serde(default)]
    pub(crate) additional_evidence: String,
}

/// Its answer.
#[derive(Debug, Serialize)]
pub(crate) struct Token {
    pub(crate) token: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: Value) -> Result<(String, Hash), &'static str> {
        let request: Request = serde_json::from_value(json).unwrap();
        request.check().map_err(|refusal| refusal.code())
    }

    #[test]
    fn a_request_is_of_our_version_and_of_a_known_kind() {
        let request = |version, tee| json!({ "version": version, "tee": tee, "extra-params": "" });
        assert_eq!(check(request("0.4.0", "snp")), Ok(("snp".to_owned(), Hash::Sha384)));
        for azure in ["azsnpvtpm", "az-snp-vtpm", "AzSnpVtpm"] {
            assert_eq!(check(request("0.4.0", azure)).unwrap().0, "az-snp-vtpm");
        }
        assert_eq!(check(request("0.4.1", "snp")), Err("kbs.version"));
        assert_eq!(check(request("0.4.0", "se")), Err("kbs.tee"));
    }

    #[test]
    fn a_digest_is_chosen_among_those_offered() {
        let request = |offer: Value| {
            let extra = json!({ "supported-hash-algorithms": offer });
            check(json!({ "version": "0.4.0", "tee": "tdx", "extra-params": extra }))
        };
        assert_eq!(request(json!(["sha256", "sha384", "sha512"])).unwrap().1, Hash::Sha384);
        assert_eq!(request(json!(["sha512"])).unwrap().1, Hash::Sha512);
        assert_eq!(request(json!(["md5"])), Err("kbs.hash"));
    }
}
