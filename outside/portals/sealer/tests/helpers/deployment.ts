// A deployment on this machine: laid out by `autoclave demo`, then run party by party, so that one
// can be stopped and started again. It belongs to the tests that go through real processes.
import { spawn, type ChildProcess } from "node:child_process";
import { createHmac } from "node:crypto";
import { closeSync, openSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { ROOT } from "./files.js";
import type { Credentials, TrustAnchors } from "@autoclave/sealer";

const STARTS = ["attestor", "broker", "edge", "diagnosis", "clinic"] as const;
export type Party = (typeof STARTS)[number];
/** The line that a demo ends its greeting with. */
const LAST_LINE = "Ctrl-C stops everything";
const PAUSE_MS = 30;
/** Longest wait for a party; a hang would otherwise keep a whole test run. */
const READY_MS_MAX = 60_000;
const CODE_S = 30;

interface Running {
  address: string;
  parties: { name: string; address: string; ready_path: string }[];
}
interface Account {
  user: string;
  password: string;
  totp: string;
}

export class Deployment {
  readonly #dir: string;
  readonly #binaries: string;
  readonly #running: Running;
  readonly #processes = new Map<Party, ChildProcess>();
  readonly #codes = new Map<string, number>();

  private constructor(dir: string, binaries: string, running: Running) {
    [this.#dir, this.#binaries, this.#running] = [dir, binaries, running];
  }

  /** Lays it out, and starts its parties one by one. */
  static async start(): Promise<Deployment> {
    const [dir, binaries, ports] = [
      setting("AUTOCLAVE_DEMO"),
      setting("AUTOCLAVE_BINARIES"),
      setting("AUTOCLAVE_PORTS"),
    ];
    const demo = spawn(join(binaries, "autoclave"), ["demo", "--dir", dir, "--port-base", ports], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const line of createInterface({ input: demo.stdout })) if (line.startsWith(LAST_LINE)) break;
    const running = JSON.parse(readFileSync(join(dir, "running.json"), "utf8")) as Running;
    demo.kill("SIGTERM");
    await once(demo, "exit");
    const deployment = new Deployment(dir, binaries, running);
    for (const party of STARTS) await deployment.start(party);
    return deployment;
  }

  get address(): string {
    return this.#running.address;
  }

  get trust(): TrustAnchors {
    return this.#json("client/trust.json") as TrustAnchors;
  }

  /** Starts a party and waits until it is ready. */
  async start(party: Party): Promise<void> {
    const log = openSync(join(this.#dir, "logs", `${party}.log`), "a");
    const platform = party === "edge" ? [] : ["--platform", "software:platform/platform.key"];
    const options = { cwd: this.#dir, stdio: ["ignore", "ignore", log] as ("ignore" | number)[] };
    this.#processes.set(
      party,
      spawn(join(this.#binaries, `autoclave-${party}`), [`${party}/config.toml`, ...platform], options),
    );
    closeSync(log);
    const found = this.#running.parties.find(({ name }) => name === party);
    if (!found) throw new Error(`no ${party} runs`);
    const end = Date.now() + READY_MS_MAX;
    while (!(await ready(found.address, found.ready_path))) {
      if (Date.now() > end) throw new Error(`${party} is not ready`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** Kills a party, at once. */
  async kill(party: Party): Promise<void> {
    const child = this.#processes.get(party);
    this.#processes.delete(party);
    if (child?.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  /** Ends all parties. */
  async stop(): Promise<void> {
    await Promise.all([...this.#processes.keys()].map((party) => this.kill(party)));
  }

  /** What a member of staff types now; waits for the next code where this one was used. */
  async credentials(user: string): Promise<Credentials> {
    const account = (this.#json("client/accounts.json") as Account[]).find((one) => one.user === user);
    if (!account) throw new Error(`no account ${user}`);
    const used = this.#codes.get(user) ?? 0;
    while (counter() <= used) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    this.#codes.set(user, counter());
    return { user, password: account.password, totp: totp(account.totp, counter()) };
  }

  #json(path: string): unknown {
    return JSON.parse(readFileSync(join(this.#dir, path), "utf8"));
  }
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

async function ready(address: string, path: string): Promise<boolean> {
  try {
    return (await fetch(address + path)).ok;
  } catch {
    return false;
  }
}

const counter = (): number => Math.floor(Date.now() / 1000 / CODE_S);

/** RFC 6238: SHA-1, 30 seconds, six digits. */
function totp(secret: string, at: number): string {
  const bits = Array.from(secret, (char) =>
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(char).toString(2).padStart(5, "0"),
  ).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(at));
  const digest = createHmac("sha1", key).update(message).digest();
  const number = digest.readUInt32BE((digest[19] ?? 0) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}
