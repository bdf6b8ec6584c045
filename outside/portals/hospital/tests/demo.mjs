// A deployment for the tests: all parties on loopback over a folder of its own, with made-up
// staff, each for one sign-in, because a one-time code opens one session only.

import { createHmac, randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

const STEP_SECONDS = 30;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LAST_LINE = "Ctrl-C stops everything";

/** The six digits of the moment (RFC 6238). */
export function code(secret, at = Date.now()) {
  const bits = [...secret].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 1000 / STEP_SECONDS)));
  const mac = createHmac("sha1", key).update(counter).digest();
  const offset = mac.at(-1) & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

function account(user, role) {
  const totp = [...randomBytes(32)].map((byte) => BASE32[byte % 32]).join("");
  return { user, role, password: randomBytes(15).toString("base64url"), totp };
}

/** Starts a demo over an empty `folder`; `clerks` and `clinicians` say how many there are. */
export async function start({ root, folder, portBase, clerks, clinicians }) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, "client"), { recursive: true, mode: 0o700 });
  const accounts = [
    ...Array.from({ length: clerks }, (_, at) => account(at === 0 ? "clerk" : `clerk${at}`, "clerk")),
    ...Array.from({ length: clinicians }, (_, at) => account(`clinician${at}`, "clinician")),
  ];
  await writeFile(join(folder, "client/accounts.json"), JSON.stringify(accounts), { mode: 0o600 });
  const program = join(root, "target/debug/autoclave");
  const begin = () => launch(program, ["demo", "--dir", folder, "--port-base", String(portBase)], root);
  let running = await begin();
  const state = JSON.parse(await readFile(join(folder, "running.json"), "utf8"));
  const free = [...accounts];
  return {
    program, folder, url: state.address,
    trust: JSON.parse(await readFile(join(folder, "client/trust.json"), "utf8")),
    /** A member of staff who has not signed in yet. */
    someone(role) {
      const at = free.findIndex((one) => one.role === role);
      if (at < 0) throw new Error(`no ${role} left`);
      return free.splice(at, 1)[0];
    },
    stop: () => running.stop(),
    /** Ends all parties and starts them again over the same folder. */
    restart: async () => {
      await running.stop();
      running = await begin();
    },
  };
}

async function launch(program, words, cwd) {
  const child = spawn(program, words, { cwd, stdio: ["ignore", "pipe", process.env.QUIET ? "ignore" : "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await greeted(child, ended);
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  return { stop };
}

async function greeted(child, ended) {
  const lines = createInterface({ input: child.stdout });
  const ready = (async () => {
    for await (const line of lines) if (line.startsWith(LAST_LINE)) return true;
    return false;
  })();
  const died = ended.then(() => false);
  if (!(await Promise.race([ready, died]))) throw new Error("the demo ended before it was ready");
}
