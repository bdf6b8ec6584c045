"""A further enclave beside a running demo: configured, measured, put on the release manifest
with the demo's release key, and started as a process of its own.
"""

import base64
import hashlib
import json
import subprocess
import time
import tomllib
import urllib.error
import urllib.request

import jwt
from cryptography.hazmat.primitives import serialization

from guest import b64url, jcs

START_SECONDS_MAX = 90
PAUSE_SECONDS = 0.2


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def toml(value):
    """A value in TOML, tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(it)}" for name, it in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(it) for it in value) + "]"
    return json.dumps(value)


def common(folder, workload, port, data):
    """The tables that all enclaves have, as the demo's broker has them."""
    own = tomllib.loads((folder / "broker/config.toml").read_text())
    data.mkdir(parents=True, exist_ok=True)
    cell = {"workload": workload, "listen_sealed": f"127.0.0.1:{port}", "data_dir": str(data),
            "attestor": own["cell"]["attestor"]}
    tables = {"profile": "development", "cell": cell, "trust": own["trust"],
              "development": own["development"]}
    return "\n".join(f"{name} = {toml(value)}" for name, value in tables.items()) + "\n"


def release(folder, name, binary, config):
    """Signs a manifest that names one more measurement."""
    path = folder / "release/manifest.jws"
    payload = path.read_text().strip().split(".")[1]
    manifest = json.loads(base64.urlsafe_b64decode(payload + "=="))
    parts = {"executable": digest(binary.read_bytes()), "configuration": digest(config)}
    measurement = digest(jcs(parts | {"libraries": {}}))
    entry = parts | {"name": name, "version": "1", "measurement": measurement, "svn": 1,
                     "kinds": ["software"]}
    manifest["workloads"].append(entry)
    manifest["serial"] += 1
    key = serialization.load_pem_private_key((folder / "release/release.key").read_bytes(), None)
    numbers = key.public_key().public_numbers()
    public = {"crv": "P-256", "kty": "EC", "x": b64url(numbers.x.to_bytes(32)),
              "y": b64url(numbers.y.to_bytes(32))}
    headers = {"typ": "autoclave-release+jwt", "kid": b64url(hashlib.sha256(jcs(public)).digest())}
    signed = jwt.encode(manifest, key, algorithm="ES256", headers=headers)
    fresh = path.with_suffix(".new")
    fresh.write_text(signed)
    fresh.rename(path)


class Enclave:
    """A process; it ends with the block that it is used in."""

    def __init__(self, folder, name, binary, place, port, tables):
        self.address = f"http://127.0.0.1:{port}"
        self.name, self.binary, self.place = name, binary, place
        config = (common(folder, name, port, place / "data") + tables).encode()
        self.config = place / "config.toml"
        self.config.write_bytes(config)
        self.platform = f"software:{folder / 'platform/platform.key'}"
        release(folder, name, binary, config)

    def __enter__(self):
        self.start()
        return self

    def start(self, ready=True):
        log = (self.place / "log").open("ab")
        words = [str(self.binary), str(self.config), "--platform", self.platform]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if ready:
            self.wait()

    def wait(self):
        end = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.place / "log").read_text()[-2000:]
            try:
                with urllib.request.urlopen(f"{self.address}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"{self.name} was not ready: {(self.place / 'log').read_text()[-2000:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
