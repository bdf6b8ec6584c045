//! AMD's Key Distribution Service: the certificate of a chip's key, its authority, and what
//! was revoked. The fetcher's; whoever asked verifies, by the report that the certificate is
//! for.

use autoclave_attest::evidence::snp::{KeyKind, Product, Report, TcbParts};
use autoclave_attest::evidence::{Endorsements, SnpAuthority, SnpCrl, VekKey};
use autoclave_base::{HexBytes, b64};

use super::http::get;
use crate::failure::{Failure, Outcome};

/// Bytes of a chip's number on Turin; the rest of the report's field is zero there.
const TURIN_CHIP_BYTES: usize = 8;

/// Fetches what a report needs: of a key that is a chip's own.
pub(super) async fn fetch(kds: &str, report: &[u8]) -> Outcome<Endorsements> {
    let report = Report::parse(report).map_err(|error| Failure::new(error.code(), error))?;
    if report.key_kind() != Some(KeyKind::Vcek) {
        let what = "only keys of chips are fetched; a cloud hands out its own (VLEK)";
        return Err(Failure::new("collateral.key_kind", what));
    }
    // Reports of version 2 do not name their processor, and are of Milan where they are
    // still made; what is fetched is verified with the report.
    let named = report.processor().map(|(family, model)| Product::of_processor(family, model));
    let product = named.unwrap_or(Some(Product::Milan));
    let product =
        product.ok_or_else(|| Failure::new("collateral.product", "the processor is not known"))?;
    let vek = get(&format!("{}{}", base(kds, product), chip(&report, product)?)).await?.body;
    let key = VekKey {
        product: product.as_str().to_owned(),
        chip_id: HexBytes::of(report.chip_id()),
        reported_tcb: HexBytes::of(report.reported_tcb()),
    };
    let mut fetched = Endorsements::new();
    let full =
        |error: autoclave_attest::evidence::EndorsementsRefusal| Failure::new(error.code(), error);
    fetched.insert_vek(key, vek).map_err(full)?;
    let authority = authority(kds, product).await?;
    fetched.insert_snp(product.as_str().to_owned(), authority).map_err(full)?;
    Ok(fetched)
}

/// Fetches the certificates above a product's keys, and what was revoked; a list that cannot
/// be had is left out, and a policy may ask for one.
pub(super) async fn authority(kds: &str, product: Product) -> Outcome<SnpAuthority> {
    let chain = get(&format!("{}cert_chain", base(kds, product))).await?.body;
    let chain = String::from_utf8(chain).ok().and_then(|pem| certificates(&pem));
    let Some([ask, ark]) = chain.and_then(|all| <[Vec<u8>; 2]>::try_from(all).ok()) else {
        return Err(Failure::new("collateral.malformed", "the answer has no chain of two"));
    };
    let crl = get(&format!("{}crl", base(kds, product))).await;
    Ok(SnpAuthority { ask, ark, crl: crl.ok().map(|answer| SnpCrl(answer.body)) })
}

fn base(kds: &str, product: Product) -> String {
    format!("{}/vcek/v1/{product}/", kds.trim_end_matches('/'))
}

fn chip(report: &Report, product: Product) -> Outcome<String> {
    let parts = TcbParts::read(product, report.reported_tcb())
        .ok_or_else(|| Failure::new("collateral.product", "the platform's version is not known"))?;
    let id = report.chip_id();
    let id = if product == Product::Turin { &id[..TURIN_CHIP_BYTES] } else { &id[..] };
    let fmc = parts.fmc.map_or_else(String::new, |fmc| format!("fmcSPL={fmc:02}&"));
    Ok(format!(
        "{}?{fmc}blSPL={:02}&teeSPL={:02}&snpSPL={:02}&ucodeSPL={:02}",
        HexBytes::of(id),
        parts.bootloader,
        parts.tee,
        parts.snp,
        parts.microcode
    ))
}

/// The certificates (DER) in PEM.
fn certificates(pem: &str) -> Option<Vec<Vec<u8>>> {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    blocks
        .map(|block| {
            let (body, _) = block.split_once("-----END CERTIFICATE-----")?;
            let letters = body.chars().filter(|one| !one.is_ascii_whitespace() && *one != '=');
            let url: String = letters.collect::<String>().replace('+', "-").replace('/', "_");
            b64::decode(&url).ok()
        })
        .collect()
}
