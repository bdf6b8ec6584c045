use std::io;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A kernel whose configfs-tsm speaks for `0`.
struct Kernel(&'static str);

impl Files for Kernel {
    fn make_folder(&self, _path: &Path) -> io::Result<()> {
        if self.0.is_empty() { Err(io::Error::from_raw_os_error(2)) } else { Ok(()) }
    }
    fn remove_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
    fn read(&self, path: &Path, _bytes_max: usize) -> io::Result<Vec<u8>> {
        assert!(path.ends_with("provider"), "only who answers is asked");
        Ok(format!("{}\n", self.0).into_bytes())
    }
    fn write_at_once(&self, _path: &Path, _bytes: &[u8]) -> io::Result<()> {
        panic!("the doctor writes nothing")
    }
}

#[test]
fn configfs_tsm_says_which_tee_it_speaks_for() {
    let look = |provider| tsm(&Kernel(provider), Path::new(tsm::BASE));
    assert_eq!(look("tdx_guest").platform, Some("tdx:"));
    assert!(look("tdx_guest").finding.advice.unwrap().contains("+tpm:"));
    assert_eq!(look("sev_guest").platform, Some("snp:"));
    let other = look("arm_cca_guest");
    assert_eq!((other.platform, other.finding.state), (None, State::Absent));
    assert_eq!(look("").finding.state, State::Absent);
}

#[test]
fn a_machine_without_anything_is_told_what_to_get() {
    let nowhere = Path::new("/nowhere/at/all");
    let looks = vec![
        tsm(&System, nowhere),
        sev_guest(nowhere),
        gramine(&System, nowhere),
        nitro(nowhere),
        present("x", "/nowhere", ""),
    ];
    assert!(looks.iter().all(|look| look.finding.state == State::Absent));
    let told = summary(&looks);
    assert_eq!(told.state, State::Absent);
    assert!(told.advice.unwrap().contains("confidential VM"));
}

#[test]
fn a_gramine_enclave_is_named_and_one_without_dcap_is_unwell() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("attestation_type");
    std::fs::write(&file, "dcap").unwrap();
    let look = gramine(&System, folder.path());
    assert_eq!(look.platform, Some("sgx:"));
    assert!(summary(&[look]).detail.contains("--platform sgx:"));
    std::fs::write(&file, "none").unwrap();
    let look = gramine(&System, folder.path());
    assert_eq!((look.platform, look.finding.state), (None, State::Bad));
    assert!(look.finding.detail.contains("platform.scheme"));
}

/// Root may open anything: the state is then good, which is also what it should be.
#[test]
fn a_device_that_may_not_be_opened_is_unwell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sev-guest");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let may = std::fs::OpenOptions::new().write(true).open(&path).is_ok();
    let expected = if may { State::Good } else { State::Bad };
    assert_eq!(sev_guest(&path).finding.state, expected);
}

#[test]
fn a_tpm_that_does_not_answer_is_unwell() {
    let looks = tpm(&Device::Unix("/nowhere/socket".into()));
    assert_eq!(looks[0].finding.state, State::Bad);
    assert!(looks[0].finding.detail.contains("tpm.unreachable"));
}
