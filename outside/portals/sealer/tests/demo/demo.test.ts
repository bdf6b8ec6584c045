// The shipped package against real processes: a diagnosis from sign-in to receipt; a man in the
// middle who alters, drops, repeats, cuts and swaps; parties that restart. Whatever is refused has
// a code, and nothing is taken twice.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import {
  Connection,
  digest,
  Problem,
  Refused,
  Staff,
  verifyDiagnosis,
  type ConnectionEvent,
  type OpenedAnswer,
} from "@autoclave/sealer";
import { Deployment } from "../helpers/deployment.js";
import { ROOT } from "../helpers/files.js";
import { flipped, Middle, type Answer, type Attack, type Passing } from "../helpers/middle.js";

type Json = Record<string, unknown>;

const IMAGE = new Uint8Array(readFileSync(join(ROOT, "models/brain-mri/phantoms/phantom-1.png")));
/** Head of a request before its first chunk: header and X-Wing's `enc`. */
const HEAD_BYTES = 7 + 1120;
/** A full chunk as sent: its length, 16 KiB and the tag. */
const CHUNK_BYTES = 4 + 16_384 + 16;
/** More than any buffer between here and the enclave. */
const LARGE_BYTES = 24 * 1024 * 1024;

let deployment: Deployment;
let middle: Middle;
let connection: Connection;
let staff: Staff;
let answer: Json;
const events: ConnectionEvent[] = [];

before(async () => {
  deployment = await Deployment.start();
  middle = await Middle.before(deployment.address);
  connection = connect();
  staff = await Staff.signIn(connection, await deployment.credentials("clerk"));
});

after(async () => {
  middle?.stop();
  await deployment?.stop();
});

function connect(base = middle.address): Connection {
  return new Connection({ base, trust: deployment.trust, onEvent: (event) => events.push(event) });
}

const read = ({ body }: OpenedAnswer): Json => JSON.parse(new TextDecoder().decode(body)) as Json;

async function admit(key = crypto.randomUUID(), image = IMAGE, by = staff): Promise<Json> {
  const form = new FormData();
  form.append(
    "patient",
    new Blob([JSON.stringify({ family: "Middle", given: ["Man"] })], { type: "application/json" }),
    "patient",
  );
  form.append("image", new Blob([image], { type: "image/png" }), "image");
  const encoded = new Response(form);
  const headers = { "content-type": encoded.headers.get("content-type") ?? "", "idempotency-key": key };
  return read(await by.send({ method: "POST", path: "/intake", headers, body: await encoded.blob() }));
}

async function patients(): Promise<number> {
  middle.attack = undefined;
  const { patients: found } = read(await staff.send({ method: "GET", path: "/patients" })) as {
    patients: unknown[];
  };
  return found.length;
}

/** The code that something is refused with, inside or outside the seal. */
async function refusal(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
    return "taken";
  } catch (cause) {
    if (cause instanceof Refused) return `outside ${cause.code}`;
    if (cause instanceof Problem) return `inside ${cause.code}`;
    throw cause;
  }
}

const sealed =
  (attack: Attack): Attack =>
  (passing, forward) =>
    passing.path.endsWith("/sealed") ? attack(passing, forward) : forward(passing);
const request = (change: (body: Buffer) => Buffer): Attack =>
  sealed((passing, forward) => forward({ ...passing, body: change(passing.body) }));
const reply = (change: (answer: Answer) => Answer | Promise<Answer>): Attack =>
  sealed(async (passing, forward) => change(await forward(passing)));
const body =
  (change: (bytes: Buffer) => Buffer) =>
  (said: Answer): Answer => ({ ...said, body: change(said.body) });

test("a phantom is diagnosed, and its receipt holds", async () => {
  const made = await admit();
  answer = read(
    await staff.send({ method: "POST", path: `/imaging-studies/${String(made["imaging_study"])}/diagnosis` }),
  );
  const check = await verifyDiagnosis(answer, deployment.trust, await digest(IMAGE));
  assert.deepEqual([check.ok, check.code, check.steps.length], [true, undefined, 9]);
  assert.ok(check.steps.every(({ ok }) => ok));
  const enclave = connection.current("clinic");
  assert.deepEqual(
    [staff.role, enclave?.kind, enclave?.hwBacked],
    ["clerk", check.enclave?.kind, check.enclave?.hwBacked],
  );
});

test("a long upload is streamed, told about, and comes back the same", async () => {
  const image = new Uint8Array(LARGE_BYTES).fill(7);
  image.set(IMAGE.subarray(0, 1000));
  const told: [number, number][] = [];
  const boundary = "long-upload";
  const part = (name: string, type: string, file: string): string =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${file}\r\ncontent-type: ${type}\r\n\r\n`;
  const patient = `${part("patient", "application/json", "")}{"family":"Long"}\r\n`;
  const form = new Blob([
    patient,
    part("image", "image/png", '; filename="image"'),
    image,
    `\r\n--${boundary}--\r\n`,
  ]);
  const headers = {
    "content-type": `multipart/form-data; boundary=${boundary}`,
    "idempotency-key": crypto.randomUUID(),
  };
  const clinician = await Staff.signIn(
    connect(deployment.address),
    await deployment.credentials("clinician"),
  );
  const onProgress = (sent: number, total: number): void => void told.push([sent, total]);
  const made = read(await staff.send({ method: "POST", path: "/intake", headers, body: form, onProgress }));
  const [sent, total] = told.at(-1) ?? [];
  assert.ok(told.length > 100 && sent === total && (total ?? 0) > LARGE_BYTES);
  const back = await clinician.send({
    method: "GET",
    path: `/imaging-studies/${String(made["imaging_study"])}/image`,
  });
  assert.equal(await digest(back.body), await digest(image));
  await clinician.signOut();
});

/** What is done, what may be said of it, and how many patients there are more afterwards. */
const ATTACKS: [string, Attack, RegExp, number][] = [
  [
    "a bit of the first chunk",
    request((sent) => flipped(sent, HEAD_BYTES + 50)),
    /^outside seal\.key_unknown$/,
    0,
  ],
  ["a bit of the encapsulated key", request((sent) => flipped(sent, 100)), /^outside seal\./, 0],
  ["another key id", request((sent) => flipped(sent, 0)), /^outside seal\.key_unknown$/, 0],
  ["another suite", request((sent) => flipped(sent, 6)), /^outside seal\.suite$/, 0],
  [
    "a bit of the last chunk",
    request((sent) => flipped(sent, -1)),
    /^inside (seal\.broken|intake\.truncated)$/,
    0,
  ],
  [
    "a bit of a middle chunk",
    request((sent) => flipped(sent, HEAD_BYTES + 2 * CHUNK_BYTES + 99)),
    /^inside (seal\.broken|intake\.truncated)$/,
    0,
  ],
  [
    "cut in half",
    request((sent) => sent.subarray(0, sent.length / 2)),
    /^inside (seal\.truncated|intake\.truncated)$/,
    0,
  ],
  [
    "cut by one byte",
    request((sent) => sent.subarray(0, -1)),
    /^inside (seal\.(broken|truncated)|intake\.truncated)$/,
    0,
  ],
  ["cut at once", request((sent) => sent.subarray(0, HEAD_BYTES + 20)), /^outside seal\.truncated$/, 0],
  ["two chunks swapped", request(swapChunks), /^inside (seal\.broken|intake\.truncated)$/, 0],
  [
    "a chunk left out",
    request((sent) =>
      Buffer.concat([
        sent.subarray(0, HEAD_BYTES + CHUNK_BYTES),
        sent.subarray(HEAD_BYTES + 2 * CHUNK_BYTES),
      ]),
    ),
    /^inside (seal\.broken|intake\.truncated)$/,
    0,
  ],
  [
    "bytes behind it",
    request((sent) => Buffer.concat([sent, Buffer.alloc(20)])),
    /^inside (seal\.broken|intake\.truncated)$/,
    0,
  ],
  ["never passed on", sealed(() => Promise.resolve("drop")), /^outside http\.unreachable$/, 0],
  [
    "passed on, and no answer",
    sealed(async (passing, forward) => (await forward(passing), "drop")),
    /^outside http\.unreachable$/,
    1,
  ],
  [
    "sent twice, the first answer",
    sealed(async (passing, forward) => {
      const first = await forward(passing);
      await forward(passing);
      return first;
    }),
    /^taken$/,
    1,
  ],
  [
    "sent twice, the second answer",
    sealed(async (passing, forward) => {
      await forward(passing);
      return forward(passing);
    }),
    /^inside seal\.replayed$/,
    1,
  ],
  ["taken, and a lost key pretended", pretended(), /^inside dpop\./, 1],
  ["a bit of the answer", reply(body((said) => flipped(said, 40))), /^outside seal\.broken$/, 1],
  ["a bit of the answer's nonce", reply(body((said) => flipped(said, 3))), /^outside seal\.broken$/, 1],
  ["the answer's end cut off", reply(body((said) => said.subarray(0, -17))), /^outside seal\.truncated$/, 1],
  [
    "an answer in clear",
    reply(() => ({
      status: 200,
      contentType: "application/json",
      body: Buffer.from('{"patient":"forged"}'),
    })),
    /^outside client\.status$/,
    1,
  ],
];

function swapChunks(sent: Buffer): Buffer {
  const at = (chunk: number): number => HEAD_BYTES + chunk * CHUNK_BYTES;
  return Buffer.concat([
    sent.subarray(0, at(1)),
    sent.subarray(at(2), at(3)),
    sent.subarray(at(1), at(2)),
    sent.subarray(at(3)),
  ]);
}

/** Lets the first request through and says that the key was unknown. */
function pretended(): Attack {
  const problem = Buffer.from('{"type":"about:blank","title":"x","status":422,"code":"seal.key_unknown"}');
  let first = true;
  return sealed(async (passing, forward) => {
    const said = await forward(passing);
    if (!first) return said;
    first = false;
    return { status: 422, contentType: "application/problem+json", body: problem };
  });
}

for (const [what, attack, wanted, more] of ATTACKS) {
  test(`in the middle: ${what}`, async () => {
    const was = await patients();
    const key = crypto.randomUUID();
    middle.attack = attack;
    assert.match(await refusal(() => admit(key)), wanted);
    assert.equal(await patients(), was + more);
    // Whoever tries again under the same key gets the one patient, whatever came before.
    await admit(key);
    assert.equal(await patients(), was + 1);
  });
}

test("in the middle: answers are swapped, and old ones repeated", async () => {
  const path = "/patients";
  let held: ((answer: Answer) => void) | undefined;
  let heldOwn: Answer | undefined;
  middle.attack = sealed(async (passing, forward) => {
    const own = await forward(passing);
    if (!held) return new Promise<Answer>((resolve) => ([held, heldOwn] = [resolve, own]));
    held(own);
    return heldOwn ?? own;
  });
  const both = await Promise.all([1, 2].map(() => refusal(() => staff.send({ method: "GET", path }))));
  assert.deepEqual(both, ["outside seal.broken", "outside seal.broken"]);
  const old = heldOwn;
  assert.ok(old);
  middle.attack = reply(() => old);
  assert.equal(await refusal(() => staff.send({ method: "GET", path })), "outside seal.broken");
});

/** Changes what a route of a party answers. */
const route =
  (path: string, change: (said: Answer) => Answer | Promise<Answer>): Attack =>
  async (passing, forward) => {
    const said = await forward(passing);
    return passing.path === path ? change(said) : said;
  };
const json =
  (change: (value: Json) => Json) =>
  (said: Answer): Answer => ({
    ...said,
    body: Buffer.from(JSON.stringify(change(JSON.parse(said.body.toString()) as Json))),
  });

test("in the middle: whoever touches a handshake gets nothing sealed", async () => {
  const kept = new Map<string, Answer>();
  middle.attack = async (passing, forward) => {
    const said = await forward(passing);
    kept.set(passing.path, said);
    return said;
  };
  await connect().verify("clinic");
  const old = (path: string): Attack => route(path, (said) => kept.get(path) ?? said);
  const other = (passing: Passing): Passing => ({
    ...passing,
    path: passing.path.replace("/clinic/", "/diagnosis/"),
  });
  const evidence = "/.well-known/autoclave/evidence";
  const lies: [Attack, string, string][] = [
    [old(`/parties/attestor${evidence}`), "attestor.evidence", "peer.nonce"],
    [
      route(
        `/parties/attestor${evidence}`,
        json((said) => ({ ...said, evidence: { kind: "software", body: "a.b.c" } })),
      ),
      "attestor.evidence",
      "evidence.malformed",
    ],
    [
      route("/parties/attestor/attest/manifest", (said) => ({ ...said, body: flipped(said.body, -90) })),
      "attestor.manifest",
      "manifest.signature",
    ],
    [
      route(
        "/parties/attestor/.well-known/jwks.json",
        json(({ keys }) => ({ keys: [...(keys as Json[]), (keys as Json[])[0]] })),
      ),
      "attestor.keys",
      "attestor.keys",
    ],
    [old("/parties/attestor/attest/nonce"), "peer.token", "nonce.unknown"],
    [old(`/parties/clinic${evidence}`), "peer.evidence", "peer.nonce"],
    [old("/parties/attestor/attest"), "peer.token", "token.audience"],
    [(passing, forward) => forward(other(passing)), "peer.measurement", "token.measurement"],
  ];
  for (const [attack, step, code] of lies) {
    let posted = 0;
    middle.attack = async (passing, forward) => {
      posted += Number(passing.path.endsWith("/sealed"));
      return attack(passing, forward);
    };
    const refused = await connect()
      .send("clinic", { method: "GET", path: "/patients" })
      .catch((cause: unknown) => cause);
    assert.ok(refused instanceof Refused);
    assert.deepEqual([refused.step, refused.code, refused.sent, posted], [step, code, false, 0]);
  }
  middle.attack = undefined;
});

test("an attestor that is gone keeps nothing from being sent, and comes back", async () => {
  await deployment.kill("attestor");
  assert.ok((await patients()) > 0);
  const refused = await connect()
    .verify("clinic")
    .catch((cause: unknown) => cause);
  assert.ok(refused instanceof Refused && refused.step === "attestor.evidence");
  await deployment.start("attestor");
  const enclave = await connection.verify("clinic");
  assert.ok(enclave.steps.every(({ ok }) => ok));
});

test("a clinic that restarted is verified again before anything is sealed anew", async () => {
  const before = connection.current("clinic");
  await deployment.kill("clinic");
  await deployment.start("clinic");
  events.length = 0;
  staff = await Staff.signIn(connection, await deployment.credentials("clerk"));
  const again = events.find((event) => event.type === "reattested");
  assert.equal(again?.reason, "key_changed");
  assert.deepEqual([again?.previous, again?.current.measurement], [before, before?.measurement]);
  assert.ok((await patients()) >= ATTACKS.length);
  assert.equal((await verifyDiagnosis(answer, deployment.trust, await digest(IMAGE))).ok, true);
});

test("a long upload to a clinic that restarted is sealed anew", async () => {
  const straight = connect(deployment.address);
  await straight.verify("clinic");
  await deployment.kill("clinic");
  await deployment.start("clinic");
  const body = new Blob([new Uint8Array(LARGE_BYTES)]);
  const said = await straight.send("clinic", {
    method: "POST",
    path: "/intake",
    headers: { "content-type": "image/png" },
    body,
  });
  assert.deepEqual([said.status, read(said)["code"]], [401, "session.missing"]);
});

test("everything restarts between two requests", async () => {
  await deployment.stop();
  for (const party of ["attestor", "broker", "edge", "diagnosis", "clinic"] as const)
    await deployment.start(party);
  assert.match(
    await refusal(() => staff.send({ method: "GET", path: "/patients" })),
    /^(taken|inside session\.refused)$/,
  );
});
