//! The host of the ledger on disks that fail, lie and lose power.

mod crash;
mod fault;
mod memory;

use autoclave_base::UnixTime;
use autoclave_base::ids::WorkloadName;
use autoclave_ledger::audit::{Expected, Report, audit};
use ed25519_dalek::SigningKey;
use futures::future::join_all;

use super::*;
use memory::Memory;

fn signer() -> LogSigner {
    LogSigner::new("test.example/clinic", SigningKey::from_bytes(&[3; 32])).unwrap()
}

fn clock() -> Clock {
    Clock::manual(UnixTime::from_seconds(1_795_000_000))
}

/// An event that tells which one it is.
fn event(number: u64) -> Event {
    Event::Genesis { workload: WorkloadName::parse(&format!("number/{number}")).unwrap() }
}

fn open(disk: &Arc<Memory>) -> Result<Ledger, LedgerError> {
    open_knowing(disk, None)
}

fn open_knowing(disk: &Arc<Memory>, known: Option<&str>) -> Result<Ledger, LedgerError> {
    let disk = Arc::clone(disk) as Arc<dyn Disk>;
    Ledger::on(disk, signer(), clock(), known, &Machine::system())
}

fn refused(disk: &Arc<Memory>) -> LedgerError {
    open(disk).err().unwrap()
}

/// Opens, appends, closes.
async fn session(disk: &Arc<Memory>, numbers: std::ops::Range<u64>) {
    let ledger = open(disk).unwrap();
    for number in numbers {
        assert_eq!(ledger.append(event(number)).await.unwrap().index, number);
    }
}

/// The numbers that a ledger's lines tell, each proven up to its latest checkpoint.
fn numbers(ledger: &Ledger) -> Vec<u64> {
    let read = |index| {
        let line = ledger.line(index).unwrap();
        let entry = line.proof.verify(ledger.key()).unwrap();
        let Event::Genesis { workload } = entry.event else { panic!("another event") };
        workload.as_str().strip_prefix("number/").unwrap().parse().unwrap()
    };
    (0..ledger.size()).map(read).collect()
}

fn audited(disk: &Memory) -> Report {
    let files = |path: &str| disk.read(path);
    audit(&files, signer().public(), &Expected::default(), |_, _| {}).unwrap()
}

#[tokio::test]
async fn a_line_comes_back_with_its_proof() {
    let disk = Arc::new(Memory::default());
    let ledger = open(&disk).unwrap();
    for number in 0..20 {
        let line = ledger.append(event(number)).await.unwrap();
        assert_eq!((line.index, line.proof.size), (number, number + 1));
        let entry = line.proof.verify(ledger.key()).unwrap();
        assert_eq!(entry, Entry { time: clock().now(), event: event(number) });
        assert_eq!(line.proof.checkpoint, ledger.checkpoint());
    }
    assert_eq!(ledger.line(20), None);
}

#[tokio::test]
async fn lines_stay_over_restarts() {
    let disk = Arc::new(Memory::default());
    for round in 0..5 {
        session(&disk, round * 7..(round + 1) * 7).await;
    }
    assert_eq!(numbers(&open(&disk).unwrap()), (0..35).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_empty_ledger_has_a_checkpoint_and_a_key() {
    let disk = Arc::new(Memory::default());
    let ledger = open(&disk).unwrap();
    assert_eq!((ledger.size(), audited(&disk).size), (0, 0));
    assert_eq!(ledger.serve("key").unwrap().bytes, format!("{}\n", ledger.key()).into_bytes());
    assert_eq!(ledger.serve("tile/0/000.p/1"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_each_get_their_own_line() {
    let disk = Arc::new(Memory::default());
    let ledger = open(&disk).unwrap();
    let append = |number| {
        let ledger = ledger.clone();
        tokio::spawn(async move { (number, ledger.append(event(number)).await.unwrap()) })
    };
    let lines = join_all((0..1000).map(append)).await;
    let mut told = vec![None; 1000];
    for (number, line) in lines.into_iter().map(Result::unwrap) {
        assert_eq!(line.proof.verify(ledger.key()).unwrap().event, event(number));
        assert_eq!(told[usize::try_from(line.index).unwrap()].replace(number), None);
    }
    let told: Vec<u64> = told.into_iter().flatten().collect();
    assert_eq!(numbers(&ledger), told);
    drop(ledger);
    assert_eq!(audited(&disk).size, 1000);
    assert_eq!(numbers(&open(&disk).unwrap()), told);
}

#[tokio::test]
async fn files_follow_the_journal_and_pass_an_audit() {
    let disk = Arc::new(Memory::default());
    let ledger = open(&disk).unwrap();
    for size in 1..=520 {
        ledger.append(event(size)).await.unwrap();
        ledger.publish().unwrap();
        assert_eq!(audited(&disk).size, size);
    }
    let partial = disk.paths().into_iter().filter(|path| path.contains(".p/")).count();
    assert!(partial <= 4 * 3, "{partial} partial tiles are kept");
    assert!(!disk.paths().iter().any(|path| path.starts_with("tile/0/000.p/")));
}

#[tokio::test]
async fn what_is_served_passes_an_audit_at_every_size_it_had() {
    let ledger = open(&Arc::new(Memory::default())).unwrap();
    let mut checkpoints = Vec::new();
    for size in 1..=300 {
        ledger.append(event(size)).await.unwrap();
        checkpoints.push(ledger.checkpoint());
    }
    for (size, checkpoint) in (1..).zip(&checkpoints).step_by(37) {
        let files = |path: &str| {
            let served = ledger.serve(path).map(|served| served.bytes);
            Ok(if path == "checkpoint" { Some(checkpoint.clone().into_bytes()) } else { served })
        };
        let report = audit(&files, ledger.key(), &Expected::default(), |_, _| {}).unwrap();
        assert_eq!(report.size, size);
    }
    assert_eq!(ledger.serve("checkpoint").unwrap().caching, Caching::No);
    assert_eq!(ledger.serve("tile/0/000").unwrap().caching, Caching::Forever);
    for path in [
        "",
        "journal",
        "tile/0/000.p/0",
        "tile/0/002",
        "tile/entries/../../journal",
        "tile/0/001.p/45",
    ] {
        assert_eq!(ledger.serve(path), None, "{path:?}");
    }
}

#[tokio::test]
async fn a_folder_holds_a_ledger_for_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let folder = folder.path().join("ledger");
        Ledger::open(Options {
            folder,
            signer: signer(),
            clock: clock(),
            known: None,
            machine: Machine::system(),
        })
    };
    let ledger = open().unwrap();
    for number in 0..300 {
        ledger.append(event(number)).await.unwrap();
    }
    assert_eq!(open().err().unwrap().code(), "ledger.in_use");
    drop(ledger);
    let again = open().unwrap();
    assert_eq!(numbers(&again), (0..300).collect::<Vec<_>>());
    let read = |path: &str| match std::fs::read(folder.path().join("ledger").join(path)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    };
    let report = audit(&read, again.key(), &Expected::default(), |_, _| {}).unwrap();
    assert_eq!(report.size, 300);
}

#[tokio::test]
async fn an_event_that_fits_no_line_is_refused_and_leaves_none() {
    let ledger = open(&Arc::new(Memory::default())).unwrap();
    let rules = vec![autoclave_ledger::Label::code("r"); autoclave_ledger::RULES_MAX + 1];
    let label = autoclave_ledger::Label::code("x");
    let too_many = Event::Access {
        actor: label.clone(),
        role: label.clone(),
        action: label.clone(),
        resource: label,
        subject: None,
        purpose: None,
        decision: autoclave_ledger::Decision::Granted,
        rules,
    };
    assert_eq!(ledger.append(too_many).await.unwrap_err().code(), "ledger.entry_too_large");
    assert_eq!(ledger.size(), 0);
}
