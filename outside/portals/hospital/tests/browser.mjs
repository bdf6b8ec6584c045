// A browser of our own for the tests: a fresh profile each time, no network but loopback, and
// every violation of the page's policy and every error counted.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export const WIDE = { width: 1440, height: 900 };
export const NARROW = { width: 390, height: 844 };

/** Opens a browser over a fresh profile. */
export async function open(options = {}) {
  const profile = await mkdtemp(join(tmpdir(), "autoclave-page-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    viewport: WIDE,
    locale: "en-GB",
    timezoneId: "UTC",
    acceptDownloads: true,
    ...options,
  });
  context.setDefaultTimeout(60_000);
  const close = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  };
  return { context, close };
}

/** A page whose violations and errors are kept. */
export async function page(context, url) {
  const one = await context.newPage();
  const wrong = [];
  one.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  one.on("console", (message) => {
    const text = message.text();
    if (/Content Security Policy|Trusted|integrity/i.test(text)) wrong.push(`policy: ${text}`);
  });
  await one.addInitScript(() => {
    globalThis.violations = [];
    addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await one.goto(url);
  one.wrong = async () => [...wrong, ...(await one.evaluate(() => globalThis.violations))];
  return one;
}

/** What axe finds; run by the debugger, which the page's policy does not bind. */
export async function axe(one) {
  const { readFile } = await import("node:fs/promises");
  const session = await one.context().newCDPSession(one);
  const source = await readFile(AXE, "utf8");
  await session.send("Runtime.evaluate", { expression: source });
  const { result } = await session.send("Runtime.evaluate", {
    expression: "axe.run(document, { resultTypes: ['violations'] }).then((found) => JSON.stringify(found.violations.map((it) => ({ id: it.id, nodes: it.nodes.map((node) => node.html + ' | ' + node.failureSummary) }))))",
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  return JSON.parse(result.value);
}
