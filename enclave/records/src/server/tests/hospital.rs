//! Synthea's patients, and HL7's own examples, where they are.

use std::path::PathBuf;
use std::time::Instant;

use super::*;

/// Synthea's bundles, unpacked; `None` where they are not.
fn bundles() -> Option<(TempDir, Vec<PathBuf>)> {
    let packed = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/fhir/synthea-r4-transaction-58.tar.zst"
    );
    let packed = PathBuf::from(packed);
    if !packed.exists() {
        eprintln!("skipped: {} is not there", packed.display());
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::open(packed).unwrap();
    let tar = folder.path().join("all.tar");
    zstd::stream::copy_decode(file, std::fs::File::create(&tar).unwrap()).unwrap();
    let unpacked = std::process::Command::new("tar")
        .args(["-xf".as_ref(), tar.as_os_str(), "-C".as_ref(), folder.path().as_os_str()])
        .status();
    if !unpacked.is_ok_and(|status| status.success()) {
        eprintln!("skipped: tar does not unpack");
        return None;
    }
    let mut files = Vec::new();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    // What patients refer to is in bundles of its own, which come first.
    files.sort_by_key(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (!(name.starts_with("hospital") || name.starts_with("practitioner")), name)
    });
    Some((folder, files))
}

#[tokio::test]
async fn a_hospital_of_synthea_is_imported_and_found() {
    let Some((_folder, files)) = bundles() else { return };
    let clinic = Clinic::new();
    let (mut patients, mut resources, begun) = (0, 0, Instant::now());
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let done = clinic.post("", &text).await;
        let short: String = done.text().chars().take(600).collect();
        assert_eq!(done.code(), 200, "{}: {short}", file.display());
        patients += text.matches(r#""url": "Patient""#).count()
            + text.matches(r#""url":"Patient""#).count();
        resources += done.statuses().len();
    }
    eprintln!("{resources} resources in {:?}", begun.elapsed());
    assert_eq!(clinic.get("Patient?_summary=count").await.total(), Some(patients as u64));
    let found = clinic.get("Patient?_count=5").await;
    for id in found.ids() {
        let seen = clinic.get(&format!("Observation?patient={id}&_count=20&_sort=-date")).await;
        assert_eq!(seen.code(), 200);
        let all = clinic.get(&format!("Patient/{id}/$everything?_count=2000")).await;
        assert!(all.ids().len() > 10, "{}", all.ids().len());
        assert!(!all.text().contains("urn:uuid:") || all.text().contains("urn:ietf:rfc:3986"));
    }
}
