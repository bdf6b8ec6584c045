"""The in-guest endpoints of Confidential Containers, asked as an unmodified workload asks them:
the guest door runs beside a demo, which is its key broker service.

    python3 door.py DEMO_FOLDER GUEST_BINARY PORT       (the demo in DEMO_FOLDER runs)
"""

import base64
import json
import sys
from pathlib import Path

import jwt
import requests
from jwcrypto import jwe, jwk

from client import Administrator
from enclave import Enclave
from guest import TIMEOUT_S

SECRET = b"what a workload reads"


def main(folder, binary, port):
    folder, binary, port = Path(folder).resolve(), Path(binary).resolve(), int(port)
    kbs = json.loads((folder / "client/client.json").read_text())["address"]
    hospital = Administrator(kbs, folder / "administrator/administrator.key")
    hospital.set("hospital/workload/1", SECRET)
    place = folder / "guest"
    place.mkdir()
    door = f"http://127.0.0.1:{port + 1}"
    tables = f'[guest]\nlisten = "127.0.0.1:{port + 1}"\nkbs = "{kbs}"\n'
    with Enclave(folder, "guest", binary, place, port, tables):
        ask = lambda path, **more: requests.get(door + path, timeout=TIMEOUT_S, **more)
        resource = ask("/cdh/resource/hospital/workload/1")
        assert (resource.status_code, resource.content) == (200, SECRET), resource.text
        assert resource.headers["content-type"] == "application/octet-stream"
        assert ask("/cdh/resource/hospital/workload/none").status_code == 403
        assert ask("/cdh/resource/hospital/workload").status_code == 404
        token(ask, kbs)
        evidence(ask)
        event = {"domain": "example.org", "operation": "PullImage", "content": "an image"}
        assert requests.post(door + "/aa/aael", json=event, timeout=TIMEOUT_S).status_code == 200
        free = event | {"operation": "free text"}
        assert requests.post(door + "/aa/aael", json=free, timeout=TIMEOUT_S).status_code == 400
        info = ask("/info").json()
        assert info["tee"] == "software" and info["feature"] == "all", info
    print(json.dumps({"door": "8006", "tee": info["tee"]}))


def token(ask, kbs):
    """The token and the key pair, used by the workload itself."""
    assert ask("/aa/token").status_code == 400
    assert ask("/aa/token?token_type=other").status_code == 400
    pair = ask("/aa/token?token_type=kbs").json()
    claims = jwt.decode(pair["token"], options={"verify_signature": False})
    assert claims["sub"] == "guest" and claims["submods"]["cpu0"]["ear.status"] == "affirming"
    headers = {"Authorization": f"Bearer {pair['token']}"}
    url = f"{kbs}/kbs/v0/resource/hospital/workload/1"
    answer = requests.get(url, headers=headers, timeout=TIMEOUT_S)
    opened = jwe.JWE()
    opened.deserialize(answer.text, jwk.JWK.from_pem(pair["tee_keypair"].encode()))
    assert opened.payload == SECRET


def evidence(ask):
    """Evidence vouches for what the workload chose."""
    chosen = b"chosen by the workload"
    plain = ask("/aa/evidence", params={"runtime_data": chosen.decode()})
    coded = {"runtime_data": base64.b64encode(chosen).decode(), "encoding": "base64"}
    for answer in (plain, ask("/aa/evidence", params=coded)):
        assert answer.status_code == 200, answer.text
        claims = jwt.decode(answer.json(), options={"verify_signature": False})
        found = base64.urlsafe_b64decode(claims["report_data"] + "==")
        assert found == chosen.ljust(64, b"\0"), found
    assert ask("/aa/evidence").status_code == 400
    assert ask("/aa/evidence", params={"runtime_data": "a" * 65}).status_code == 400
    nothing = ask("/aa/additional-evidence", params={"runtime_data": "a"})
    assert (nothing.status_code, nothing.content) == (200, b"")


if __name__ == "__main__":
    main(*sys.argv[1:4])
