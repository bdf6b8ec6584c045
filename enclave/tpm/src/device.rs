//! The way to a TPM: the kernel's device file, or a software TPM's socket. One command and
//! one answer at a time, each within its time and size.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use crate::TpmError;
use crate::command::{ANSWER_BYTES_MAX, HEADER_BYTES, answer_bytes};

/// Longest wait for a connection: it is on this machine.
const CONNECT_SECONDS_MAX: Duration = Duration::from_secs(5);
/// Longest wait for the first answer on a socket. A software TPM lets a second client wait
/// until the first has gone, and no client of ours stays longer than this.
pub(crate) const BUSY_SECONDS_MAX: Duration = Duration::from_secs(20);
/// Longest wait for an answer: making an RSA key. The kernel bounds its own device likewise.
pub(crate) const ANSWER_SECONDS_MAX: Duration = Duration::from_mins(2);

/// Where a TPM is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Device {
    /// A device file of the kernel: `/dev/tpmrm0`, with the kernel's resource manager.
    File(PathBuf),
    /// A software TPM's socket: `unix:PATH`.
    Unix(PathBuf),
    /// A software TPM's TCP socket: `tcp:ADDRESS:PORT`. Whoever reaches the port has the TPM.
    Tcp(SocketAddr),
}

/// The text names no device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a TPM is named as /dev/tpmrm0, unix:PATH or tcp:ADDRESS:PORT")]
pub struct DeviceRefusal;

impl FromStr for Device {
    type Err = DeviceRefusal;

    fn from_str(text: &str) -> Result<Self, DeviceRefusal> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        if let Some(address) = text.strip_prefix("tcp:") {
            return address.parse().map(Self::Tcp).map_err(|_| DeviceRefusal);
        }
        if text.starts_with("/dev/") { Ok(Self::File(text.into())) } else { Err(DeviceRefusal) }
    }
}

impl TryFrom<String> for Device {
    type Error = DeviceRefusal;

    fn try_from(text: String) -> Result<Self, DeviceRefusal> {
        text.parse()
    }
}

impl Device {
    /// Whether the kernel keeps the slots of several clients apart.
    pub(crate) const fn is_managed(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// An open way.
pub(crate) enum Link {
    File(File),
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Link {
    pub(crate) fn open(device: &Device) -> Result<Self, TpmError> {
        let link = match device {
            Device::File(path) => {
                OpenOptions::new().read(true).write(true).open(path).map(Self::File)
            }
            Device::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            Device::Tcp(address) => {
                TcpStream::connect_timeout(address, CONNECT_SECONDS_MAX).map(Self::Tcp)
            }
        };
        link.map_err(TpmError::Unreachable)
    }

    /// How long the next answers may take.
    pub(crate) fn set_patience(&self, limit: Duration) -> Result<(), TpmError> {
        let set = match self {
            Self::File(_) => Ok(()),
            Self::Unix(stream) => stream
                .set_read_timeout(Some(limit))
                .and_then(|()| stream.set_write_timeout(Some(limit))),
            Self::Tcp(stream) => stream
                .set_read_timeout(Some(limit))
                .and_then(|()| stream.set_write_timeout(Some(limit))),
        };
        set.map_err(TpmError::Unreachable)
    }

    /// Sends a command and reads its answer.
    pub(crate) fn exchange(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        match self {
            Self::File(file) => by_file(file, command),
            Self::Unix(stream) => by_stream(stream, command),
            Self::Tcp(stream) => by_stream(stream, command),
        }
    }
}

/// The kernel takes a command in one write and gives its answer in one read.
fn by_file(file: &mut File, command: &[u8]) -> Result<Vec<u8>, TpmError> {
    file.write_all(command).map_err(failed)?;
    let mut answer = vec![0; ANSWER_BYTES_MAX];
    let length = file.read(&mut answer).map_err(failed)?;
    answer.truncate(length);
    let header = answer.first_chunk().ok_or(TpmError::Malformed)?;
    if answer_bytes(*header)? == length { Ok(answer) } else { Err(TpmError::Malformed) }
}

fn by_stream(stream: &mut (impl Read + Write), command: &[u8]) -> Result<Vec<u8>, TpmError> {
    stream.write_all(command).map_err(failed)?;
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header).map_err(failed)?;
    let mut answer = header.to_vec();
    answer.resize(answer_bytes(header)?, 0);
    stream.read_exact(&mut answer[HEADER_BYTES..]).map_err(failed)?;
    Ok(answer)
}

fn failed(error: io::Error) -> TpmError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => TpmError::Timeout,
        _ => TpmError::Unreachable(error),
    }
}
