//! Attacks with tokens and chains: forged, borrowed, expired, for others.
//! They belong to the probe.
//! The tokens are real ones, which anybody may read, and then spoiled; the key is the attacker's.

use autoclave_attest::chain::HEADER;
use autoclave_client::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::commands::probe::Attack;
use crate::commands::probe::forge::{self, Sign};
use crate::commands::probe::site::{Site, Tried};

/// A route that wants a chain.
const DIAGNOSE: &str = "/diagnose/brain-mri";
const RELEASE: &str = "/keys/model/brain-mri/release";
/// What a chain or its tokens are refused with.
const CHAIN: &[&str] = &["chain.", "token.", "jws.", "release.refused", "cell."];

/// What is wrong with the token.
#[derive(Clone, Copy)]
enum Wrong {
    /// Nothing: the token is genuine, the key is not.
    Borrowed,
    /// The attacker's key in its place, signed by the attacker.
    Own,
    /// `alg` none and no signature.
    AlgNone,
    /// HS256 under the attestor's public key.
    Hs256,
    /// The attacker's key in the header.
    HeaderJwk,
    /// A certificate in the header.
    HeaderX5c,
    /// A URL of keys in the header.
    HeaderJku,
    /// A path as the key's name.
    KidPath,
    /// Beyond its end.
    Expired,
    /// For somebody else.
    Audience,
    /// Claims of hardware that it does not have.
    Hardware,
    /// Another role.
    Workload,
    /// A header that demands an extension.
    Crit,
}

macro_rules! forged {
    ($($name:literal, $wrong:ident, $tries:literal;)*) => {
        &[
            $(Attack {
                name: $name,
                tries: $tries,
                refused_by: CHAIN,
                run: |site| Box::pin(forged(site, Wrong::$wrong)),
            },)*
            Attack {
                name: "release.nobody",
                tries: "a key, without any token",
                refused_by: CHAIN,
                run: |site| Box::pin(nobody(site, "broker", RELEASE)),
            },
            Attack {
                name: "release.borrowed_token",
                tries: "a key, with the clinic's real token and the attacker's proof",
                refused_by: CHAIN,
                run: |site| Box::pin(release(site, Wrong::Borrowed)),
            },
            Attack {
                name: "release.forged_token",
                tries: "a key, with a token of the attacker's making",
                refused_by: CHAIN,
                run: |site| Box::pin(release(site, Wrong::Own)),
            },
            Attack {
                name: "release.alg_none",
                tries: "a key, with a token without signature",
                refused_by: CHAIN,
                run: |site| Box::pin(release(site, Wrong::AlgNone)),
            },
            Attack {
                name: "diagnose.nobody",
                tries: "a diagnosis, without any chain",
                refused_by: CHAIN,
                run: |site| Box::pin(nobody(site, "diagnosis", DIAGNOSE)),
            },
            Attack {
                name: "diagnose.chain_garbage",
                tries: "a chain that is none",
                refused_by: CHAIN,
                run: |site| Box::pin(garbage(site)),
            },
            Attack {
                name: "diagnose.chain_long",
                tries: "a chain of seven links",
                refused_by: CHAIN,
                run: |site| Box::pin(long(site)),
            },
        ]
    };
}

pub(super) const ATTACKS: &[Attack] = forged! {
    "token.borrowed", Borrowed, "the clinic's real token with a proof by the attacker's key";
    "token.own_key", Own, "the clinic's claims with the attacker's key, signed by the attacker";
    "token.alg_none", AlgNone, "a token without signature that says so (alg none)";
    "token.hs256", Hs256, "a token under HMAC with the attestor's public key (HS256)";
    "token.header_jwk", HeaderJwk, "a token that brings the attacker's key in its header (jwk)";
    "token.header_x5c", HeaderX5c, "a token that brings a certificate in its header (x5c)";
    "token.header_jku", HeaderJku, "a token that names a URL of keys in its header (jku)";
    "token.kid_path", KidPath, "a token whose key's name is a path";
    "token.expired", Expired, "a token whose life was over an hour ago";
    "token.audience", Audience, "a token for another audience";
    "token.hardware", Hardware, "a token that claims hardware";
    "token.workload", Workload, "a token that claims another role";
    "token.crit", Crit, "a token whose header demands an extension (crit)";
};

async fn forged(site: &Site, wrong: Wrong) -> Tried {
    send(site, "diagnosis", DIAGNOSE, wrong).await
}

async fn release(site: &Site, wrong: Wrong) -> Tried {
    send(site, "broker", RELEASE, wrong).await
}

/// Sends a chain of one spoiled link.
async fn send(site: &Site, party: &str, target: &str, wrong: Wrong) -> Tried {
    let genuine = passport(site).await?;
    let token = spoiled(site, &genuine, wrong).await?;
    let to = site.peer(party).await?.thumbprint();
    let chain = forge::link(&token, &site.key, to, target);
    site.sealed(party, request(target, Some(&chain))?).await
}

/// The clinic's own token, which it shows to everybody.
async fn passport(site: &Site) -> Result<String, String> {
    let answer = site.http.get("/parties/clinic/.well-known/autoclave/token").await;
    let answer = answer.map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    let token = value["token"].as_str().map(str::to_owned);
    token.ok_or_else(|| "the clinic shows no token".to_owned())
}

async fn spoiled(site: &Site, genuine: &str, wrong: Wrong) -> Result<String, String> {
    if matches!(wrong, Wrong::Borrowed) {
        return Ok(genuine.to_owned());
    }
    let (mut header, mut payload, signature) = forge::opened(genuine).ok_or("no JWT")?;
    let own = forge::public(&site.key);
    payload["cnf"]["jwk"] = own.clone();
    let keys = site.http.get("/parties/attestor/.well-known/jwks.json").await;
    let keys = keys.map_err(|error| error.to_string())?.body;
    let mut sign = Sign::Own(&site.key);
    match wrong {
        Wrong::Borrowed | Wrong::Own => {}
        Wrong::AlgNone => {
            header["alg"] = json!("none");
            sign = Sign::Nothing;
        }
        Wrong::Hs256 => {
            header["alg"] = json!("HS256");
            sign = Sign::Hmac(&keys);
        }
        Wrong::HeaderJwk => {
            header["kid"] = own["kid"].clone();
            header["jwk"] = own;
        }
        Wrong::HeaderX5c => header["x5c"] = json!(["MIIBAA=="]),
        Wrong::HeaderJku => header["jku"] = json!("http://127.0.0.1:9/keys"),
        Wrong::KidPath => header["kid"] = json!("../../../../dev/null"),
        Wrong::Expired => {
            for claim in ["iat", "nbf", "exp"] {
                payload[claim] = json!(payload[claim].as_u64().unwrap_or_default() - 3_600);
            }
        }
        Wrong::Audience => payload["aud"] = json!("somebody-else"),
        Wrong::Hardware => payload["hw_backed"] = json!(true),
        Wrong::Workload => payload["sub"] = json!("attestor"),
        Wrong::Crit => header["crit"] = json!(["http://example.com/UNDEFINED"]),
    }
    Ok(forge::made(&header, &payload, &signature, &sign))
}

fn request(target: &str, chain: Option<&str>) -> Result<Request<Bytes>, String> {
    let mut request = Request::post(target);
    if let Some(chain) = chain {
        request = request.header(HEADER, chain);
    }
    request.body(Bytes::new()).map_err(|error| error.to_string())
}

async fn nobody(site: &Site, party: &str, target: &str) -> Tried {
    site.sealed(party, request(target, None)?).await
}

async fn garbage(site: &Site) -> Tried {
    site.sealed("diagnosis", request(DIAGNOSE, Some("not-a-chain"))?).await
}

async fn long(site: &Site) -> Tried {
    let link = json!({ "token": "token", "proof": "proof" });
    let chain = autoclave_base::b64::encode(json!(vec![link; 7]).to_string());
    site.sealed("diagnosis", request(DIAGNOSE, Some(&chain))?).await
}
