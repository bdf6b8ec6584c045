//! Processes that are measured: started with a log each, ended with their children when
//! dropped, and what the kernel says of their processor time and memory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Any;

/// Linux counts processor time for user space in hundredths of a second, on every machine.
const TICK_MS: f64 = 10.0;
/// Longest wait for a server to start: some load Python packages of hundreds of megabytes.
const START_MAX: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for a server to end by itself.
const STOP_MAX: Duration = Duration::from_secs(5);

/// A process and all that it started.
pub(crate) struct Process {
    child: Child,
    log: std::path::PathBuf,
}

impl Process {
    /// Starts a command; Ctrl-C at the terminal ends it as it ends this program.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Any<Self> {
        let file = File::create(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// Waits until `ready` says so; where that takes too long or the process ends, its log.
    pub(crate) fn wait_until(&mut self, mut ready: impl FnMut() -> bool) -> Any<()> {
        let began = Instant::now();
        while !ready() {
            if self.child.try_wait()?.is_some() || began.elapsed() > START_MAX {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(5).collect();
                let tail: Vec<&str> = tail.into_iter().rev().collect();
                return Err(format!("does not start: {}", tail.join(" | ")).into());
            }
            sleep(PAUSE);
        }
        Ok(())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let family = tree(self.child.id(), &all());
        let tell = |pid: u32, signal| {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            pid.map(|pid| kill_process(pid, signal))
        };
        let _ = tell(self.child.id(), Signal::TERM);
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < STOP_MAX {
            sleep(PAUSE);
        }
        // Those that it left behind, by the numbers that they had a moment ago.
        let left = all();
        for pid in family.into_iter().filter(|pid| left.contains_key(pid)) {
            let _ = tell(pid, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Whether somebody listens there.
pub(crate) fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, PAUSE).is_ok()
}

/// Processor time of a process and its descendants, in milliseconds.
pub(crate) fn cpu_ms(pid: u32) -> f64 {
    let all = all();
    tree(pid, &all).iter().filter_map(|pid| all.get(pid)).map(|(_, ticks)| ticks * TICK_MS).sum()
}

/// Largest resident memory that a process and its descendants ever had, in megabytes.
/// Pages that they share count once for each.
pub(crate) fn peak_mb(pid: u32) -> f64 {
    let peak = |pid: &u32| -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
    };
    tree(pid, &all()).iter().filter_map(peak).sum()
}

/// A process and its descendants.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    tree(pid, &all())
}

/// Parent and ticks of every process.
fn all() -> BTreeMap<u32, (u32, f64)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?)).collect()
}

fn stat(pid: u32) -> Option<(u32, (u32, f64))> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces; what follows its bracket does not.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some((pid, (fields.get(1)?.parse().ok()?, ticks)))
}

fn tree(root: u32, all: &BTreeMap<u32, (u32, f64)>) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        found.extend(all.iter().filter(|(_, (of, _))| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}
