//! A party's machine, as far as it is a TPM: switched on with the party and off after it.
//! It belongs to the party's process.
//! One that a crash left running is ended before the next; no other process ever is.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::deploy::layout::Layout;
use crate::deploy::party::Party;
use crate::failure::{Failure, Outcome};
use crate::files;

/// Longest wait until a TPM in software listens, or until one that was left over has gone.
const WAIT_SECONDS_MAX: Duration = Duration::from_secs(10);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// A TPM that runs. It ends when dropped.
pub(crate) struct Machine(Child);

impl Machine {
    /// Starts a party's TPM as a machine's start does: with its registers at zero.
    pub(crate) fn start(layout: &Layout, party: Party) -> Outcome<Self> {
        let folder = layout.tpm(party);
        end_left_over(&folder)?;
        let (socket, log) = (folder.join("socket"), layout.tpm_log(party));
        let _not_there = std::fs::remove_file(&socket);
        let log = std::fs::File::create(&log).map_err(|error| Failure::file(&log, &error))?;
        let mut command = Command::new("swtpm");
        command
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .arg("--tpmstate")
            .arg(state_option(&folder))
            // From the folder, since a socket's path must be short.
            .current_dir(layout.root())
            .arg("--server")
            .arg(format!("type=unixio,path={party}/tpm/socket,mode=0600"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        // A Ctrl-C at the terminal is not for it.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().map_err(|error| {
            Failure::new("deploy.no_swtpm", format!("swtpm cannot be started: {error}"))
        })?;
        let mut machine = Self(child);
        files::write(&pid_file(&folder), machine.0.id().to_string())?;
        machine.listens(layout, party)?;
        Ok(machine)
    }

    fn listens(&mut self, layout: &Layout, party: Party) -> Outcome {
        let socket = short(layout, party);
        let begun = Instant::now();
        while UnixStream::connect(&socket).is_err() {
            let ended = !matches!(self.0.try_wait(), Ok(None));
            if ended || begun.elapsed() > WAIT_SECONDS_MAX {
                let said = std::fs::read_to_string(layout.tpm_log(party)).unwrap_or_default();
                let what = format!("the TPM of {party} does not start");
                return Err(Failure::new("deploy.tpm_not_started", what).advise(said));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The socket by a path that is short whatever the deployment's folder.
fn short(layout: &Layout, party: Party) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let socket = layout.tpm(party).join("socket");
    socket.strip_prefix(here).map_or_else(|_| socket.clone(), Path::to_owned)
}

fn pid_file(folder: &Path) -> PathBuf {
    folder.join("pid")
}

fn state_option(folder: &Path) -> String {
    format!("dir={}", folder.join("state").display())
}

/// Ends a TPM that an earlier deployment could not end, if the number in the file is still
/// that of a TPM over this very folder.
fn end_left_over(folder: &Path) -> Outcome {
    let Ok(text) = std::fs::read_to_string(pid_file(folder)) else { return Ok(()) };
    // A negative number, which would mean a group, is none.
    let number = text.trim().parse::<i32>().ok().filter(|number| *number > 0);
    let Some(pid) = number.and_then(Pid::from_raw) else { return Ok(()) };
    let begun = Instant::now();
    while is_ours(pid, folder) {
        let _gone_meanwhile = kill_process(pid, Signal::KILL);
        if begun.elapsed() > WAIT_SECONDS_MAX {
            let what = format!("an earlier TPM over {} does not end", folder.display());
            return Err(Failure::new("deploy.tpm_left_over", what));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Whether the process is a TPM in software with its memory in `folder`.
fn is_ours(pid: Pid, folder: &Path) -> bool {
    let line = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
    let line = line.unwrap_or_default();
    let mut words = line.split(|byte| *byte == 0);
    let name = words.next().unwrap_or_default();
    let state = state_option(folder);
    (name == b"swtpm" || name.ends_with(b"/swtpm")) && words.any(|word| word == state.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test's own process is no TPM: its number in the file does it no harm.
    #[test]
    fn only_a_tpm_over_the_same_folder_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "not a number", "0", "-1", &std::process::id().to_string()] {
            std::fs::write(pid_file(folder.path()), text).unwrap();
            end_left_over(folder.path()).unwrap();
        }
    }

    #[test]
    #[ignore = "needs swtpm: cargo xtask test tpm"]
    fn an_swtpm_that_a_crash_left_is_ended_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(&folder.path().join("demo")).unwrap();
        layout.make().unwrap();
        std::fs::create_dir_all(layout.tpm(Party::Clinic).join("state")).unwrap();
        let mut left = Machine::start(&layout, Party::Clinic).unwrap();
        let pid = Pid::from_child(&left.0);
        assert!(is_ours(pid, &layout.tpm(Party::Clinic)));
        assert!(!is_ours(pid, &layout.tpm(Party::Broker)));
        let next = Machine::start(&layout, Party::Clinic).unwrap();
        assert!(!left.0.wait().unwrap().success(), "ended by the next");
        let pid = Pid::from_child(&next.0);
        drop(next);
        assert!(!is_ours(pid, &layout.tpm(Party::Clinic)));
    }
}
