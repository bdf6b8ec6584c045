use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::io::Errno;

use super::*;

/// What the kernel does to one who asks, beside answering.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    /// Another process writes to the entry before the report is read, this often.
    Races(usize),
    /// The driver is busy when the bytes come, this often.
    Busy(usize),
    /// Reading the report fails with this number.
    Fails(Errno),
    /// There is no TEE, and so no folder.
    NoTee,
}

#[derive(Default)]
struct Entry {
    input: Vec<u8>,
    level: Option<Vec<u8>>,
    generation: u32,
}

/// The kernel of Linux 6.7, as far as an asker sees it.
struct Kernel {
    provider: &'static str,
    mood: Mutex<Mood>,
    entries: Mutex<BTreeMap<PathBuf, Entry>>,
    made: Mutex<Vec<PathBuf>>,
}

impl Kernel {
    fn new(provider: &'static str, mood: Mood) -> Self {
        let (entries, made) = (Mutex::default(), Mutex::default());
        Self { provider, mood: Mutex::new(mood), entries, made }
    }

    /// Whether this is one of the times that something goes wrong.
    fn once_more(&self, of: fn(usize) -> Mood) -> bool {
        let mut mood = self.mood.lock().unwrap();
        let left = match *mood {
            Mood::Races(left) | Mood::Busy(left) if *mood == of(left) => left,
            _ => return false,
        };
        *mood = if left == 1 { Mood::Well } else { of(left - 1) };
        true
    }

    fn output(&self, entry: &mut Entry) -> io::Result<Vec<u8>> {
        if let Mood::Fails(number) = *self.mood.lock().unwrap() {
            return Err(number.into());
        }
        if entry.input.is_empty() {
            return Err(Errno::INVAL.into());
        }
        if self.once_more(Mood::Races) {
            entry.generation += 1;
            entry.input = vec![0xee; 64];
        }
        Ok([b"report over ", &entry.input[..]].concat())
    }
}

impl Files for Kernel {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        if *self.mood.lock().unwrap() == Mood::NoTee {
            return Err(Errno::NOENT.into());
        }
        self.made.lock().unwrap().push(path.to_owned());
        match self.entries.lock().unwrap().insert(path.to_owned(), Entry::default()) {
            None => Ok(()),
            Some(_) => Err(Errno::EXIST.into()),
        }
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.entries.lock().unwrap().remove(path).map(drop).ok_or_else(|| Errno::NOENT.into())
    }

    fn read(&self, path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut entries = self.entries.lock().unwrap();
        let entry = entries.get_mut(path.parent().unwrap()).ok_or(Errno::NOENT)?;
        let snp = self.provider == "sev_guest";
        let content = match path.file_name().unwrap().to_str().unwrap() {
            "provider" => format!("{}\n", self.provider).into_bytes(),
            "generation" => format!("{}\n", entry.generation).into_bytes(),
            "privlevel_floor" if snp => b"2\n".to_vec(),
            "auxblob" if snp => b"table".to_vec(),
            "outblob" => self.output(entry)?,
            _ => return Err(Errno::NOENT.into()),
        };
        if content.len() > bytes_max { Err(Errno::FBIG.into()) } else { Ok(content) }
    }

    fn write_at_once(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if self.once_more(Mood::Busy) {
            return Err(Errno::BUSY.into());
        }
        let mut entries = self.entries.lock().unwrap();
        let entry = entries.get_mut(path.parent().unwrap()).ok_or(Errno::NOENT)?;
        match path.file_name().unwrap().to_str().unwrap() {
            "inblob" => entry.input = bytes.to_vec(),
            "privlevel" => entry.level = Some(bytes.to_vec()),
            _ => return Err(Errno::ACCESS.into()),
        }
        entry.generation += 1;
        Ok(())
    }
}

/// Names that differ.
fn names() -> impl FnMut() -> [u8; 16] {
    let mut next = 0;
    move || {
        next += 1;
        [next; 16]
    }
}

fn ask(kernel: &Kernel, provider: Provider) -> Result<Report, DeviceError> {
    let asked = Tsm::new(kernel, BASE).report(provider, &[7; 64], &mut names());
    assert!(kernel.entries.lock().unwrap().is_empty(), "an entry stayed");
    asked
}

#[test]
fn a_report_is_over_our_bytes_and_leaves_nothing_behind() {
    let kernel = Kernel::new("tdx_guest", Mood::Well);
    let report = ask(&kernel, Provider::Tdx).unwrap();
    assert_eq!(report.output, [&b"report over "[..], &[7; 64]].concat());
    assert!(report.auxiliary.is_empty());
    let kernel = Kernel::new("sev_guest", Mood::Well);
    assert_eq!(ask(&kernel, Provider::Snp).unwrap().auxiliary, b"table");
    assert_eq!(kernel.made.lock().unwrap().len(), 1);
}

#[test]
fn the_level_is_written_as_decimal_digits_and_is_the_floor() {
    struct Watching(Kernel, Mutex<Vec<Vec<u8>>>);
    impl Files for Watching {
        fn make_folder(&self, path: &Path) -> io::Result<()> {
            self.0.make_folder(path)
        }
        fn remove_folder(&self, path: &Path) -> io::Result<()> {
            self.0.remove_folder(path)
        }
        fn read(&self, path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
            self.0.read(path, bytes_max)
        }
        fn write_at_once(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
            if path.ends_with("privlevel") {
                self.1.lock().unwrap().push(bytes.to_vec());
            }
            self.0.write_at_once(path, bytes)
        }
    }
    let kernel = Watching(Kernel::new("sev_guest", Mood::Well), Mutex::default());
    Tsm::new(&kernel, BASE).report(Provider::Snp, &[7; 64], &mut names()).unwrap();
    assert_eq!(*kernel.1.lock().unwrap(), [b"2".to_vec()]);
}

/// Without the counter the report would be over the other's bytes.
#[test]
fn an_answer_to_somebody_else_s_question_is_not_kept() {
    let kernel = Kernel::new("tdx_guest", Mood::Races(3));
    let report = ask(&kernel, Provider::Tdx).unwrap();
    assert!(report.output.ends_with(&[7; 64]));
    assert_eq!(kernel.made.lock().unwrap().len(), 4, "a new entry each time");
    let kernel = Kernel::new("tdx_guest", Mood::Races(usize::MAX));
    assert_eq!(ask(&kernel, Provider::Tdx).unwrap_err().code(), "platform.raced");
    assert_eq!(kernel.made.lock().unwrap().len(), ATTEMPTS_MAX);
}

#[test]
fn a_busy_driver_is_asked_again_and_then_named() {
    let kernel = Kernel::new("sev_guest", Mood::Busy(2));
    assert!(ask(&kernel, Provider::Snp).is_ok());
    let kernel = Kernel::new("sev_guest", Mood::Busy(usize::MAX));
    assert_eq!(ask(&kernel, Provider::Snp).unwrap_err().code(), "platform.tee_busy");
}

#[test]
fn what_the_kernel_refuses_is_explained() {
    for (number, code) in [
        (Errno::FBIG, "platform.report_too_large"),
        (Errno::AGAIN, "platform.raced"),
        (Errno::NXIO, "platform.absent"),
        (Errno::NOTTY, "platform.channel_shut"),
        (Errno::TIMEDOUT, "platform.host"),
        (Errno::ACCESS, "platform.denied"),
    ] {
        let kernel = Kernel::new("tdx_guest", Mood::Fails(number));
        assert_eq!(ask(&kernel, Provider::Tdx).unwrap_err().code(), code);
    }
    let kernel = Kernel::new("tdx_guest", Mood::NoTee);
    assert_eq!(ask(&kernel, Provider::Tdx).unwrap_err().code(), "platform.absent");
}

#[test]
fn another_tee_than_the_named_one_is_refused() {
    let kernel = Kernel::new("arm_cca_guest", Mood::Well);
    let refused = ask(&kernel, Provider::Tdx).unwrap_err();
    assert_eq!(refused.code(), "platform.provider");
    assert!(refused.to_string().contains("arm_cca_guest"));
    assert_eq!(Tsm::new(&kernel, BASE).provider([1; 16]).unwrap(), "arm_cca_guest");
    assert!(kernel.entries.lock().unwrap().is_empty());
}
