//! The root keys that are pinned.

use autoclave_base::Digest;

use super::super::Product;
use super::super::chain::Ark;

/// SHA-256 of the certificates, as AMD's key distribution service gives them and other
/// verifiers (go-sev-guest, sev) carry them.
const PINNED: [(Product, &str); 3] = [
    (Product::Milan, "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd"),
    (Product::Genoa, "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1"),
    (Product::Turin, "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a"),
];

#[test]
fn the_root_keys_of_three_processors_are_pinned_and_sign_themselves() {
    let arks = Ark::amd();
    assert_eq!(arks.len(), PINNED.len());
    for (ark, (product, digest)) in arks.iter().zip(PINNED) {
        assert_eq!((ark.product, Digest::of(&ark.der).hex().as_str()), (product, digest));
        assert!(ark.certificate.is_signed_by(&ark.certificate));
        assert_eq!(ark.certificate.common_name(), Some(format!("ARK-{product}").as_str()));
        for authority in &ark.known {
            assert!(authority.is_signed_by(&ark.certificate) && authority.is_authority());
        }
        let names = ark.known.iter().map(|one| one.common_name().unwrap().to_owned());
        let expected = [format!("SEV-{product}"), format!("SEV-VLEK-{product}")];
        assert_eq!(names.collect::<Vec<_>>(), expected);
        let others = arks.iter().filter(|other| other.product != product);
        assert!(others.into_iter().all(|other| !ark.certificate.is_signed_by(&other.certificate)));
    }
}
