"""Two broker processes on one PostgreSQL, with their root key in one token of SoftHSM2:
what one did holds at the other, one is killed while it writes, the database goes and comes.

    python3 replicas.py DEMO_FOLDER BROKER PORT SETTINGS

The demo in DEMO_FOLDER runs: its attestor appraises. SETTINGS is JSON: `postgres` (its port),
`stop` and `start` (commands, as lists of words) and `softhsm` (an empty folder).
"""

import json
import os
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import requests

from client import Administrator, refused
from enclave import Enclave, toml
from guest import Guest

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
WRITES_MIN = 8
BACK_SECONDS_MAX = 30


def token(folder):
    """A token with its PIN in a file; the brokers find it by the environment."""
    (folder / "tokens").mkdir(parents=True)
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    words = ["softhsm2-util", "--init-token", "--free", "--label", "replicas", "--so-pin", "9876",
             "--pin", "4321"]
    subprocess.run(words, check=True, capture_output=True)
    (folder / "pin").write_text("4321\n")
    return {"module": MODULE, "token": "replicas", "pin_file": str(folder / "pin")}


def tables(folder, postgres, pkcs11):
    """The broker's own tables: the demo's rules and administrators, another store."""
    own = tomllib.loads((folder / "broker/config.toml").read_text())
    postgres = {"host": "127.0.0.1", "port": postgres, "database": "postgres", "user": "autoclave"}
    storage = {"postgres": postgres, "pkcs11": pkcs11}
    wanted = {"policy": own["policy"], "administrators": own["administrators"],
              "kbs": own["kbs"], "storage": storage}
    return "".join(f"[{name}]\n" + "".join(f"{key} = {toml(it)}\n" for key, it in value.items())
                   if isinstance(value, dict) else array(name, value)
                   for name, value in wanted.items())


def array(name, values):
    return "".join(f"[[{name}]]\n" + "".join(f"{key} = {toml(it)}\n" for key, it in value.items())
                   for value in values)


def shared(one, other, folder):
    """What was done at one holds at the other."""
    key = folder / "administrator/administrator.key"
    administrator = Administrator(one.address, key)
    assert administrator.set("default/key/1", b"shared") == 1
    assert Administrator(other.address, key).set("default/key/1", b"again") == 2
    guest = Guest(one.address)
    body = guest.evidence(guest.auth().json())
    cookie = guest.http.cookies.get("kbs-session-id")
    guest.address = other.address
    assert guest.attest(body).status_code == 200, "begun at one, finished at the other"
    for place in (one, other):
        replay = Guest(place.address)
        replay.http.cookies.set("kbs-session-id", cookie)
        refused(replay.attest(body), "AttestationError", "kbs.nonce_used")
        guest.address = place.address
        assert guest.resource("default/key/1") == b"again"
        assert guest.resource("default/key/1?version=1") == b"shared"


def killed(one, other, folder):
    """One is killed while it writes; what it had answered is there."""
    administrator = Administrator(one.address, folder / "administrator/administrator.key")
    told = {}

    def write():
        for at in range(10_000):
            content = f"content {at}".encode()
            try:
                told[administrator.set("default/killed/1", content)] = content
            except (requests.RequestException, AssertionError):
                return

    writer = threading.Thread(target=write)
    writer.start()
    while len(told) < WRITES_MIN:
        assert writer.is_alive(), "the writer ended by itself"
        time.sleep(0.01)
    one.kill()
    writer.join()
    guest = Guest(other.address).handshake()
    for version, content in told.items():
        assert guest.resource(f"default/killed/1?version={version}") == content
    one.start()
    guest.address = one.address
    assert guest.resource(f"default/killed/1?version={max(told)}") == told[max(told)]
    return len(told)


def gone(one, other, settings):
    """Without its database no replica releases anything; with it both do again."""
    guest = Guest(one.address).handshake()
    subprocess.run(settings["stop"], check=True, capture_output=True)
    for place in (one, other):
        guest.address = place.address
        refused(guest.get("default/key/1"), "PluginInternalError", "kbs.not_kept")
    subprocess.run(settings["start"], check=True, capture_output=True)
    end = time.monotonic() + BACK_SECONDS_MAX
    for place in (one, other):
        guest.address = place.address
        while guest.get("default/key/1").status_code != 200:
            assert time.monotonic() < end, f"{place.name} does not find the database again"
            time.sleep(0.2)
        assert guest.resource("default/key/1") == b"again"


def without_token(one, settings):
    """Without the token the store does not open."""
    one.kill()
    away = Path(settings["softhsm"]) / "tokens"
    away.rename(away.with_name("away"))
    away.mkdir()
    one.start(ready=False)
    assert one.process.wait(60) != 0
    assert "root.no_token" in (one.place / "log").read_text()
    away.rmdir()
    away.with_name("away").rename(away)
    one.start()


def main(folder, binary, port, settings):
    folder, binary = Path(folder).resolve(), Path(binary).resolve()
    port, settings = int(port), json.loads(settings)
    own = tables(folder, settings["postgres"], token(Path(settings["softhsm"])))
    places = [folder / "replica-1", folder / "replica-2"]
    [place.mkdir() for place in places]
    first = Enclave(folder, "broker", binary, places[0], port, own)
    second = Enclave(folder, "broker", binary, places[1], port + 1, own)
    with first as one, second as other:
        shared(one, other, folder)
        written = killed(one, other, folder)
        gone(one, other, settings)
        without_token(one, settings)
    print(json.dumps({"replicas": 2, "written_before_the_kill": written}))


if __name__ == "__main__":
    main(*sys.argv[1:5])
