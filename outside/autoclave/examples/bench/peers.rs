//! The servers that people use instead, each in the form that its documentation shows, in
//! clear HTTP, with the same model and the same number of engine threads in all. One that
//! does not start here is left out by name.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use crate::load::{Ask, Target};
use crate::process::{Process, listens};
use crate::sealed::{binary, image, json_only};
use crate::wire::Connection;
use crate::{Any, Setup, say};

/// First port of the peers, after those of the deployment.
const PORTS: u16 = 10;
const OK: u16 = 200;
const SHAPE: [usize; 4] = [1, 3, 256, 256];

/// A peer that is running.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// What goes in and out.
    pub(crate) form: &'static str,
    address: SocketAddr,
    line: String,
    head: String,
    body: Vec<u8>,
    process: Process,
}

/// How a peer is started and asked.
struct Recipe {
    name: &'static str,
    form: &'static str,
    command: Command,
    line: &'static str,
    head: String,
    body: Vec<u8>,
}

impl Peer {
    fn start(setup: &Setup, recipe: Recipe, port: u16) -> Any<Self> {
        let Recipe { name, form, mut command, line, head, body } = recipe;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        command.current_dir(&setup.work).env("BENCH_PORT", port.to_string());
        command.env("BENCH_MODEL", &setup.unet).env("OMP_NUM_THREADS", "2");
        let log = setup.work.join(format!("peer-{port}.log"));
        let mut process = Process::start(&mut command, &log)?;
        process.wait_until(|| listens(address))?;
        // It may listen before it answers.
        process.wait_until(|| {
            let answer = Connection::to(address).exchange(line, &head, &body);
            answer.is_ok_and(|answer| answer.status == OK)
        })?;
        say(&format!("{name} is ready"));
        Ok(Self { name, form, address, line: line.to_owned(), head, body, process })
    }
}

impl Target for Peer {
    fn worker(&self) -> Any<Ask> {
        let mut connection = Connection::to(self.address);
        let (line, head, body) = (self.line.clone(), self.head.clone(), self.body.clone());
        Ok(Box::new(move || {
            let answer = connection.exchange(&line, &head, &body)?;
            if answer.status == OK && !answer.body.is_empty() {
                return Ok(());
            }
            Err(format!("status {}", answer.status).into())
        }))
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }
}

/// All that start here.
pub(crate) fn start(setup: &Setup) -> Any<Vec<Peer>> {
    let Some(python) = &setup.python else {
        say("skipped: all peers, whose Python packages could not be installed");
        return Ok(Vec::new());
    };
    let recipes = [
        flask(setup, python)?,
        gunicorn(setup, python)?,
        mlserver(setup, python),
        triton(setup, python)?,
    ];
    let mut peers = Vec::new();
    for (port, recipe) in (setup.port_base + PORTS..).step_by(3).zip(recipes) {
        let name = recipe.name;
        match Peer::start(setup, recipe, port) {
            Ok(peer) => peers.push(peer),
            Err(error) => say(&format!("skipped: {name} {error}")),
        }
    }
    Ok(peers)
}

fn flask(setup: &Setup, python: &Path) -> Any<Recipe> {
    let mut command = Command::new(python);
    command.arg(setup.peers.join("flask_app.py")).env("BENCH_THREADS", "2");
    png(setup, "Flask, threaded, 2 engine threads", command)
}

fn gunicorn(setup: &Setup, python: &Path) -> Any<Recipe> {
    let mut command = Command::new(python);
    let bind = format!("127.0.0.1:{}", setup.port_base + PORTS + 3);
    command.args(["-m", "gunicorn", "--workers", "2", "--bind", &bind, "--chdir"]);
    command.arg(&setup.peers).arg("flask_app:app").env("BENCH_THREADS", "1");
    png(setup, "Flask, gunicorn, 2 workers of 1 engine thread", command)
}

fn png(setup: &Setup, name: &'static str, command: Command) -> Any<Recipe> {
    let head = "content-type: image/png\r\n".to_owned();
    let body = image(setup)?.body;
    Ok(Recipe { name, form: "PNG", command, line: "POST /diagnose", head, body })
}

fn mlserver(setup: &Setup, python: &Path) -> Recipe {
    let mut command = Command::new(python);
    command.args(["-m", "mlserver.cli.main", "start"]).arg(setup.peers.join("mlserver"));
    command.env("BENCH_THREADS", "2").env("PYTHONPATH", setup.peers.join("mlserver"));
    let base = setup.port_base + PORTS + 6;
    for (name, port) in [("HTTP", base), ("GRPC", base + 1), ("METRICS", base + 2)] {
        command.env(format!("MLSERVER_{name}_PORT"), port.to_string());
    }
    Recipe {
        name: "MLServer, ONNX Runtime, 2 engine threads",
        form: "V2 JSON",
        command,
        line: "POST /v2/models/unet/infer",
        head: "content-type: application/json\r\n".to_owned(),
        body: json_only("image", &SHAPE),
    }
}

/// `PyTriton`'s helper program wants the system's Python (it breaks on others of the same
/// version) and its own libraries; its packages come from the same place as all others.
fn triton(setup: &Setup, python: &Path) -> Any<Recipe> {
    let packages = python.parent().and_then(Path::parent).ok_or("no environment")?.join("packages");
    let mut command = Command::new("/usr/bin/python3");
    command.arg(setup.peers.join("triton_app.py")).env("BENCH_THREADS", "2");
    command
        .env("PYTHONPATH", &packages)
        .env("LD_LIBRARY_PATH", packages.join("nvidia_pytriton.libs"));
    let (length, body) = binary("image", &SHAPE);
    Ok(Recipe {
        name: "Triton (PyTriton), ONNX Runtime, 2 engine threads",
        form: "V2 binary",
        command,
        line: "POST /v2/models/unet/infer",
        head: format!(
            "content-type: application/octet-stream\r\ninference-header-content-length: {length}\r\n"
        ),
        body,
    })
}
