//! Who administers an enclave: the configured holders of signing keys, proved for each request
//! (`DPoP`, RFC 9449). They are the data owners', and an operator's. There is no password, no session and no
//! administrator who is not in the measured configuration.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use autoclave_attest::book::ProofBook;
use autoclave_attest::dpop::{self, DpopRefusal, Facts};
use autoclave_attest::jwk::Thumbprint;
use autoclave_base::UnixTime;
use autoclave_ledger::Label;
use http::request::Parts;
use serde::Deserialize;

use crate::Refusal;

/// One of `[[administrators]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdministratorSettings {
    /// What the ledger calls them: an office, not a person.
    pub name: Label,
    /// For which institution they act.
    pub institution: Label,
    /// The thumbprint of the key that they sign requests with.
    pub jkt: Thumbprint,
}

/// Why somebody is not an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StrangerRefusal {
    /// The proof is missing or wrong.
    #[error(transparent)]
    Proof(#[from] DpopRefusal),
    /// The key that was proved is nobody's here.
    #[error("the key is no administrator's")]
    Unknown,
}

impl StrangerRefusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Proof(refusal) => refusal.code(),
            Self::Unknown => "administrator.unknown",
        }
    }
}

impl From<StrangerRefusal> for Refusal {
    fn from(refusal: StrangerRefusal) -> Self {
        match refusal {
            StrangerRefusal::Proof(dpop) => {
                Self::unauthenticated(dpop.code(), "The request needs an administrator's proof.")
            }
            StrangerRefusal::Unknown => {
                Self::forbidden(refusal.code(), "The key that was proved is no administrator's.")
            }
        }
    }
}

/// An administrator, proved for one request. Only [`Administrators::prove`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrator {
    name: Label,
    institution: Label,
    jkt: Thumbprint,
}

impl Administrator {
    /// What the ledger calls them.
    pub const fn name(&self) -> &Label {
        &self.name
    }

    /// For which institution they act.
    pub const fn institution(&self) -> &Label {
        &self.institution
    }

    /// The thumbprint of the key that was proved.
    pub const fn jkt(&self) -> Thumbprint {
        self.jkt
    }
}

/// All administrators.
pub struct Administrators {
    by_key: BTreeMap<Thumbprint, Administrator>,
    proofs: Mutex<ProofBook>,
}

impl Administrators {
    /// Those of the configuration.
    pub fn new(settings: Vec<AdministratorSettings>) -> Self {
        let known = |it: AdministratorSettings| {
            let (name, institution, jkt) = (it.name, it.institution, it.jkt);
            (jkt, Administrator { name, institution, jkt })
        };
        let by_key = settings.into_iter().map(known).collect();
        Self { by_key, proofs: Mutex::new(ProofBook::default()) }
    }

    /// Whose key this is. For whoever has verified that it signed what was asked for.
    pub fn of_key(&self, key: &Thumbprint) -> Option<&Administrator> {
        self.by_key.get(key)
    }

    /// Who sends this request, if an administrator does.
    pub fn prove(&self, request: &Parts, now: UnixTime) -> Result<&Administrator, StrangerRefusal> {
        let mut headers = request.headers.get_all(dpop::HEADER).iter();
        let proof = match (headers.next(), headers.next()) {
            (None, _) => None,
            (Some(one), None) => Some(one.to_str().map_err(|_| DpopRefusal::Malformed)?),
            (Some(_), Some(_)) => return Err(DpopRefusal::Malformed.into()),
        };
        let (method, path) = (request.method.as_str(), request.uri.path());
        let facts = Facts { method, path, session: None };
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        let proved = dpop::verify(proof, facts, &mut proofs, now)?;
        self.by_key.get(&proved.jkt()).ok_or(StrangerRefusal::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use autoclave_attest::jwk::Jwk;
    use http::Request;
    use p256::ecdsa::SigningKey;

    use super::*;
    use crate::Entropy;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

    fn signing_key(byte: u8) -> SigningKey {
        SigningKey::from_slice(&[byte; 32]).unwrap()
    }

    fn administrator(byte: u8, institution: &str) -> AdministratorSettings {
        AdministratorSettings {
            name: format!("{institution}-keys").parse().unwrap(),
            institution: institution.parse().unwrap(),
            jkt: Jwk::signing(signing_key(byte).verifying_key()).thumbprint(),
        }
    }

    fn request(proofs: &[String]) -> Parts {
        let mut request = Request::get("/refusals?all=1");
        for proof in proofs {
            request = request.header(dpop::HEADER, proof);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn proof(byte: u8, path: &str) -> String {
        let facts = Facts { method: "GET", path, session: None };
        dpop::prove(&signing_key(byte), facts, &mut Entropy, NOW)
    }

    fn administrators() -> Administrators {
        Administrators::new(vec![administrator(1, "acme")])
    }

    #[test]
    fn the_holder_of_a_configured_key_is_an_administrator_once_per_proof() {
        let administrators = administrators();
        let request = request(&[proof(1, "/refusals")]);
        let proved = administrators.prove(&request, NOW).unwrap();
        assert_eq!(proved.institution().as_str(), "acme");
        let again = administrators.prove(&request, NOW).unwrap_err();
        assert_eq!(again.code(), "dpop.replayed");
    }

    #[test]
    fn nobody_else_is() {
        let good = || proof(1, "/refusals");
        let cases = [
            (vec![], "dpop.missing"),
            (vec![good(), good()], "dpop.malformed"),
            (vec!["x".to_owned()], "dpop.malformed"),
            (vec![proof(1, "/keys")], "dpop.target"),
            (vec![proof(2, "/refusals")], "administrator.unknown"),
        ];
        for (proofs, code) in cases {
            let refusal = administrators().prove(&request(&proofs), NOW).unwrap_err();
            assert_eq!(refusal.code(), code, "{proofs:?}");
        }
        let late = NOW.plus(dpop::PROOF_AGE_MAX_SECONDS + 1);
        let stale = administrators().prove(&request(&[good()]), late).unwrap_err();
        assert_eq!(stale.code(), "dpop.stale");
    }
}
