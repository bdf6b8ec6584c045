//! Two brokers on one `PostgreSQL`: Debian's server, with a cluster of its own under `target/`,
//! run by somebody who is not root and ended afterwards.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use super::{Ran, debian, demo, emptied, hsm, passed, run, skipped};
use crate::running::RunningDemo;
use crate::shell::{Outcome, cargo, command, root};

/// Where Debian keeps its servers, one folder for each version.
const SERVERS: &str = "/usr/lib/postgresql";
/// What two processes are put through.
const PROGRAM: &str = "outside/autoclave/tests/kbs/replicas.py";
/// Ports of a demo that nobody who works here takes.
const PORTS: &str = "27600";
/// The first of the replicas' ports.
const PORT: &str = "27630";
/// The tests that need one have this in their name.
const TESTS: &str = "postgres_";
/// Whom Debian's package makes, and as whom a server runs that root starts.
const ROLE: &str = "postgres";

/// The suite `replicas`.
pub(super) fn replicas() -> Result<Ran, String> {
    if server().is_none() && (!debian("postgresql") || server().is_none()) {
        return skipped("PostgreSQL could not be installed (apt-get install postgresql)");
    }
    let Some(programs) = server() else { return skipped("there is no PostgreSQL server") };
    let cluster = match Cluster::start(&programs) {
        Ok(cluster) => cluster,
        Err(Refused::Place(why)) => return skipped(&why),
        Err(Refused::Server(why)) => return Err(why),
    };
    super::ignored_tests(TESTS, |words| {
        let mut tests = command(cargo(), words);
        tests.env("AUTOCLAVE_POSTGRES_PORT", cluster.port.to_string());
        tests
    })?;
    processes(&cluster)
}

/// Two brokers as processes, beside a demo whose attestor appraises.
fn processes(cluster: &Cluster) -> Result<Ran, String> {
    let Some(python) = super::kbs::python() else {
        return skipped("Python with requests and jwcrypto could not be installed");
    };
    if !hsm::has_softhsm() {
        return skipped("SoftHSM2 could not be installed (apt-get install softhsm2)");
    }
    demo::build_for_suites()?;
    let folder = emptied("target/replicas")?;
    let softhsm = emptied("target/replicas-softhsm")?;
    let _demo = RunningDemo::start(&demo::autoclave(), &folder, PORTS)?;
    let settings = json!({
        "postgres": cluster.port, "softhsm": softhsm,
        "stop": words(&cluster.stop()), "start": words(&cluster.begin()),
    });
    let broker = root().join("target/debug/autoclave-broker");
    let broker = broker.to_string_lossy();
    passed(run(&python, &[PROGRAM, &folder, &broker, PORT, &settings.to_string()]))
}

/// A command as another program starts it.
fn words(command: &Command) -> Vec<String> {
    let all = std::iter::once(command.get_program()).chain(command.get_args());
    all.map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The newest server's programs.
fn server() -> Option<PathBuf> {
    let versions = fs::read_dir(SERVERS).ok()?.flatten().map(|entry| entry.path().join("bin"));
    let mut all: Vec<_> = versions.filter(|path| path.join("postgres").exists()).collect();
    all.sort();
    all.pop()
}

/// A server that runs; it ends when the value is dropped.
struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

/// Why there is none.
enum Refused {
    /// This machine has no place for it.
    Place(String),
    /// It failed.
    Server(String),
}

impl Cluster {
    fn start(programs: &Path) -> Result<Self, Refused> {
        let folder = root().join("target/postgres");
        let failed = |cause: std::io::Error| Refused::Server(cause.to_string());
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
        fs::create_dir_all(&folder).map_err(failed)?;
        if is_root() {
            let place = folder.to_string_lossy().into_owned();
            quietly(command("chown", &[ROLE, &place])).map_err(Refused::Server)?;
            let why = format!("the user {ROLE} may not enter {place}");
            quietly(unprivileged(Path::new("test"), &["-x", &place]))
                .map_err(|_| Refused::Place(why))?;
        }
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).map_err(failed)?;
        let cluster = Self { programs: programs.to_owned(), folder, port: port.port() };
        let data = cluster.path("data");
        let new = ["-D", &data, "-U", "autoclave", "--auth=trust", "--encoding=UTF8"];
        quietly(cluster.program("initdb", &new)).map_err(Refused::Server)?;
        quietly(cluster.begin()).map_err(Refused::Server)?;
        Ok(cluster)
    }

    fn begin(&self) -> Command {
        let (data, log) = (self.path("data"), self.path("log"));
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={}",
            self.port,
            self.folder.display()
        );
        self.program("pg_ctl", &["-D", &data, "-o", &options, "-l", &log, "-w", "start"])
    }

    fn stop(&self) -> Command {
        let data = self.path("data");
        self.program("pg_ctl", &["-D", &data, "-m", "fast", "-w", "stop"])
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn program(&self, name: &str, words: &[&str]) -> Command {
        let mut program = unprivileged(&self.programs.join(name), words);
        program.current_dir(&self.folder);
        program
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _stopped = quietly(self.stop());
    }
}

/// A program as somebody who is not root: `PostgreSQL` refuses to be.
fn unprivileged(program: &Path, words: &[&str]) -> Command {
    let program = program.to_string_lossy();
    if is_root() {
        command("runuser", &[&["-u", ROLE, "--", &program], words].concat())
    } else {
        command(&program, words)
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Runs to the end; what it says is an error's text.
fn quietly(mut command: Command) -> Outcome {
    let output = command.stdin(Stdio::null()).output().map_err(|cause| cause.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}
