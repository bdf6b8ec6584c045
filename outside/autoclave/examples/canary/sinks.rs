//! Where a marker could have got to: files, the wire, the memory of a process.
//! It belongs to the test, which reads as somebody with all rights on the machine would.
//! What is an enclave's own memory is not looked at: on this platform nothing protects it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::common::{Any, say};
use super::forms::{Found, Needles};

/// Bytes of a process' memory, or of a file, that are looked at in one piece.
const PIECE_BYTES: usize = 4 << 20;
/// Memory for packets that wait to be written (KiB): a busy machine writes late.
const CAPTURE_BUFFER_KIB: &str = "524288";
/// A lost packet is a hole in what is searched; one in so many may be one.
const LOST_ONE_IN: usize = 50;
/// Header of a capture file, and of one packet in it (libpcap's format).
const CAPTURE_HEAD_BYTES: usize = 24;
const PACKET_HEAD_BYTES: usize = 16;
/// Header of an Ethernet frame, which loopback has too.
const FRAME_HEAD_BYTES: usize = 14;
const PROTOCOL_TCP: u8 = 6;

/// What was found in each kind of sink, and where.
#[derive(Default)]
pub(crate) struct Findings {
    all: BTreeMap<&'static str, BTreeSet<(String, &'static str, &'static str)>>,
    bytes: BTreeMap<&'static str, usize>,
}

impl Findings {
    /// Notes what a place of a kind of sink holds.
    pub(crate) fn note(&mut self, kind: &'static str, place: &str, bytes: usize, found: Found) {
        *self.bytes.entry(kind).or_default() += bytes;
        let places = self.all.entry(kind).or_default();
        places.extend(found.into_iter().map(|(marker, form)| (place.to_owned(), marker, form)));
    }

    /// Every place of another marker than `control`.
    pub(crate) fn leaks(&self, control: &str) -> Vec<String> {
        let all = self.all.iter().flat_map(|(kind, places)| {
            places.iter().map(move |(place, marker, form)| (kind, place, marker, form))
        });
        all.filter(|(.., marker, _)| **marker != control)
            .map(|(kind, place, marker, form)| format!("{marker} as {form} in {kind}: {place}"))
            .collect()
    }

    /// Kinds of sinks in which `control` was not found.
    pub(crate) fn blind(&self, kinds: &[&'static str], control: &str) -> Vec<&'static str> {
        let sees = |kind: &&&'static str| {
            let places = self.all.get(**kind);
            places.is_some_and(|places| places.iter().any(|(_, marker, _)| *marker == control))
        };
        kinds.iter().filter(|kind| !sees(kind)).copied().collect()
    }

    /// How much of each kind was looked at.
    pub(crate) fn told(&self) -> String {
        let each = self.bytes.iter().map(|(kind, bytes)| format!("{kind} {} KiB", bytes / 1024));
        each.collect::<Vec<_>>().join(", ")
    }
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Any<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            all.extend(files(&entry.path())?);
        } else {
            all.push(entry.path());
        }
    }
    Ok(all)
}

/// Looks at all memory of a process that it can write to: heap, stacks, buffers.
pub(crate) fn memory(id: u32, needles: &Needles) -> Any<(usize, Found)> {
    let mut memory = File::open(format!("/proc/{id}/mem"))?;
    let (mut bytes, mut found) = (0, Found::new());
    let maps = std::fs::read_to_string(format!("/proc/{id}/maps"))?;
    for (start, end) in maps.lines().filter_map(writable) {
        let mut at = start;
        while at < end {
            let length = PIECE_BYTES.min(usize::try_from(end - at)?);
            let mut piece = vec![0; length];
            memory.seek(SeekFrom::Start(at))?;
            // A mapping may be gone by now, or not readable at all.
            if memory.read_exact(&mut piece).is_err() {
                break;
            }
            bytes += length;
            found.extend(needles.find(&piece));
            at += length as u64;
            if at < end {
                at -= needles.longest() as u64;
            }
        }
    }
    Ok((bytes, found))
}

/// The range of a mapping (`proc_pid_maps(5)`) that may be read and written.
fn writable(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_whitespace();
    let (range, rights) = (words.next()?, words.next()?);
    let (start, end) = range.split_once('-')?;
    let parse = |text| u64::from_str_radix(text, 16).ok();
    rights.starts_with("rw").then_some((parse(start)?, parse(end)?))
}

/// Everything that goes over loopback from and to a range of ports.
pub(crate) struct Capture {
    child: Child,
    said: BufReader<std::process::ChildStderr>,
    path: PathBuf,
}

impl Capture {
    /// Starts to listen; returns when it does.
    pub(crate) fn start(path: &Path, ports: (u16, u16)) -> Any<Self> {
        let filter = format!("tcp and portrange {}-{}", ports.0, ports.1);
        let mut child = Command::new("nice")
            .args(["-n", "-10", "tcpdump"])
            .args(["-i", "lo", "-n", "-s", "0", "-Z", "root", "-B", CAPTURE_BUFFER_KIB, "-w"])
            .arg(path)
            .arg(&filter)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(child.stderr.take().ok_or("no stderr")?);
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            if said.read_line(&mut line)? == 0 {
                return Err("tcpdump cannot listen on loopback".into());
            }
        }
        Ok(Self { child, said, path: path.to_owned() })
    }

    /// Ends, and gives what each side of each connection sent, in order. A packet that was
    /// lost would be a hole in what is searched.
    pub(crate) fn end(mut self) -> Any<Vec<(String, Vec<u8>)>> {
        let id = rustix::process::Pid::from_raw(i32::try_from(self.child.id())?);
        rustix::process::kill_process(id.ok_or("no process")?, rustix::process::Signal::INT)?;
        let mut said = String::new();
        self.said.read_to_string(&mut said)?;
        self.child.wait()?;
        let number = |what: &str| {
            let line = said.lines().find(|line| line.ends_with(what))?;
            line.split(' ').next()?.parse::<usize>().ok()
        };
        let captured = number("packets captured").ok_or("tcpdump says nothing")?;
        let lost = number("packets dropped by kernel").ok_or("tcpdump says nothing")?;
        if lost * LOST_ONE_IN > captured {
            return Err(format!("tcpdump has lost {lost} packets of {captured}").into());
        }
        say(format!("{captured} packets captured, {lost} lost"));
        let streams = streams(&std::fs::read(&self.path)?);
        std::fs::remove_file(&self.path)?;
        Ok(streams
            .into_iter()
            .map(|((from, to), sent)| (format!("{from} to {to}"), sent))
            .collect())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bytes of each direction of each pair of ports. Loopback delivers in order.
fn streams(capture: &[u8]) -> BTreeMap<(u16, u16), Vec<u8>> {
    let mut streams: BTreeMap<_, Vec<u8>> = BTreeMap::new();
    let mut rest = capture.get(CAPTURE_HEAD_BYTES..).unwrap_or_default();
    while let Some(head) = rest.get(..PACKET_HEAD_BYTES) {
        let length = [head[8], head[9], head[10], head[11]];
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        let end = PACKET_HEAD_BYTES.saturating_add(length).min(rest.len());
        if let Some((ports, sent)) = segment(&rest[PACKET_HEAD_BYTES..end]) {
            streams.entry(ports).or_default().extend_from_slice(sent);
        }
        rest = &rest[end..];
    }
    streams
}

/// Ports and payload of a TCP segment in an IPv4 packet in an Ethernet frame.
fn segment(frame: &[u8]) -> Option<((u16, u16), &[u8])> {
    let packet = frame.get(FRAME_HEAD_BYTES..)?;
    let head_bytes = usize::from(packet.first()? & 0x0f) * 4;
    if packet.get(9) != Some(&PROTOCOL_TCP) {
        return None;
    }
    let whole = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    // Segments that the system joined may say zero.
    let whole = if whole == 0 { packet.len() } else { whole.min(packet.len()) };
    let tcp = packet.get(head_bytes..whole)?;
    let port = |at: usize| Some(u16::from_be_bytes([*tcp.get(at)?, *tcp.get(at + 1)?]));
    let payload = tcp.get(usize::from(tcp.get(12)? >> 4) * 4..)?;
    Some(((port(0)?, port(2)?), payload))
}
