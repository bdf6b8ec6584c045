// The hospital's page in a real browser against a real deployment: the whole day of a clerk by
// keyboard alone, and what happens when the line is not what it should be.
//
//   node --test tests/walk.test.mjs     (ROOT, FOLDER, PORT_BASE and PICTURES may be set)

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { open, page as newPage } from "./browser.mjs";
import { start } from "./demo.mjs";
import { host } from "./host.mjs";
import { banner, fillIn, listed, look, resultOf, signIn, tabTo, typeInto } from "./steps.mjs";

const ROOT = process.env.ROOT ?? fileURLToPath(new URL("../../../../", import.meta.url));
const FOLDER = process.env.FOLDER ?? join(ROOT, "target/browser");
const PORT_BASE = Number(process.env.PORT_BASE ?? 27450);
const IMAGE = join(ROOT, "models/brain-mri/phantoms/phantom-1.png");
const HEALTHY = join(ROOT, "models/brain-mri/phantoms/phantom-healthy.png");
const run = promisify(execFile);

let demo;
before(async () => {
  demo = await start({ root: ROOT, folder: FOLDER, portBase: PORT_BASE, clerks: 6, clinicians: 2 });
});
after(() => demo?.stop());

/** Runs `work` in a browser of its own; nothing may have violated the page's policy. */
async function inBrowser(url, work, options) {
  const { context, close } = await open(options);
  try {
    const page = await newPage(context, url);
    await work(page, context);
    assert.deepEqual(await page.wrong(), []);
  } finally {
    await close();
  }
}

/** Runs `work` through a host of its own between browser and edge. */
async function through(rules, work, options) {
  const between = await host(demo.url, rules);
  try {
    await inBrowser(between.url, (page, context) => work(page, between, context), options);
  } finally {
    await between.close();
  }
}

test("a clerk's day, by keyboard alone", () =>
  inBrowser(demo.url, async (page) => {
    await page.waitForSelector(".banner-warn");
    assert.match(await banner(page), /^Software TEE: not confidential/);
    await look(page, "sign-in", ["1440-light", "390-dark"]);
    await tabTo(page, "a[href='#/verify']");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".check");
    assert.equal(await page.locator(".check-ok").count(), 7);
    await look(page, "verified", ["1440-light", "390-light"]);
    await tabTo(page, ".brand");
    await page.keyboard.press("Enter");
    await signIn(page, demo.someone("clerk"));

    await page.waitForSelector("[name=family]");
    await tabTo(page, "button.primary");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".trouble");
    assert.equal(await page.locator(".trouble").count(), 2);
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute("name")), "family");
    await look(page, "new-patient-errors");
    await fillIn(page, { family: "Sommer", given: "Ada Marie", birthDate: "1971-04-09", identifier: "A 4711" }, IMAGE);
    await look(page, "new-patient", ["1440-light", "390-dark"]);
    await tabTo(page, "button.primary");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".stages, [data-receipt]");
    assert.equal(await resultOf(page), "holds");
    assert.equal(await page.locator(".check-ok").count(), 9);
    assert.match(await page.textContent(".figures"), /pixels/);
    assert.ok(!page.url().includes("Sommer"));
    await look(page, "result", ["1440-light", "1440-dark", "390-light", "390-dark"]);

    await tabTo(page, "input[type=range]");
    const strength = () => page.evaluate(() => document.querySelector(".stage").style.getPropertyValue("--mask"));
    const first = Number(await strength());
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction((before) => Number(document.querySelector(".stage").style.getPropertyValue("--mask")) > before, first);
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Space");
    await page.waitForFunction(() => document.querySelector(".stage").style.getPropertyValue("--mask") === "0");
    await tabTo(page, "summary");
    await page.keyboard.press("Enter");

    await tabTo(page, ".row > button");
    const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
    const file = join(FOLDER, "downloaded-receipt.json");
    await download.saveAs(file);
    const trust = join(FOLDER, "client/trust.json");
    const told = await run(demo.program, ["receipt", "verify", file, "--trust", trust, "--image", IMAGE]);
    assert.match(told.stdout, /The receipt holds/);

    const address = page.url();
    await tabTo(page, "a[href='#/patients']");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".list");
    await typeInto(page, "#search", "4711");
    assert.equal(await page.locator(".list tbody tr").count(), 1);
    await page.keyboard.type("x");
    assert.equal(await page.locator(".list tbody tr").count(), 0);
    await page.keyboard.press("Backspace");
    await look(page, "patients", ["1440-light", "390-light"]);
    await tabTo(page, ".list a");
    await page.keyboard.press("Enter");
    await resultOf(page);
    assert.equal(page.url(), address);
    await page.goBack();
    await page.waitForSelector(".list");
    await tabTo(page, ".person button");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".sign-in");
    assert.match(await page.textContent(".sign-in"), /You are signed out/);
    assert.ok(!(await page.textContent("body")).includes("Sommer"));
  }));

test("a clinician opens a result, image and all, by its address, in German", () =>
  inBrowser(demo.url, async (page) => {
    await page.waitForSelector(".banner-warn");
    assert.equal(await page.getAttribute("html", "lang"), "de");
    assert.match(await banner(page), /^Software-TEE: nicht vertraulich/);
    await page.goto(`${demo.url}/#/patients`);
    await signIn(page, demo.someone("clinician"));
    await page.waitForSelector(".list a");
    assert.match(await page.textContent("h1"), /Patienten/);
    await look(page, "patienten");
    const address = await page.getAttribute(".list a", "href");
    await page.goto(`${demo.url}/${address}`);
    assert.equal(await resultOf(page), "holds");
    await page.waitForSelector(".layers img");
    assert.match(await page.textContent(".figures"), /Höchste Wahrscheinlichkeit\s*99,\d\s%/);
    assert.equal(await page.locator("[href='#/new']").count(), 0);
    await look(page, "ergebnis", ["1440-dark"]);
    await page.goto(`${demo.url}/#/nowhere`);
    assert.match(await page.textContent("h1"), /Diese Seite gibt es nicht/);
    await page.goBack();
    await page.click(".choice[lang=en]");
    assert.match(await page.textContent("[data-receipt]"), /The receipt holds/);
  }, { locale: "de-DE" }));

const OTHER = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });

test("a trust file with another root: nothing is sent, and the check is named", async () => {
  const trust = { ...demo.trust, roots: [{ kind: "software", jwk: OTHER }] };
  await through({ trust }, async (page, between) => {
    await page.waitForSelector(".banner-bad");
    assert.match(await banner(page), /the attestor could not show which program it is.*Nothing was sent.*call/);
    await page.goto(`${between.url}/#/verify`);
    await page.waitForSelector("[data-check='attestor.evidence'][data-outcome=failed]");
    assert.equal(await page.locator("[data-outcome=open]").count(), 6);
    await look(page, "refused", ["1440-light", "390-light"]);
    await page.goto(`${between.url}/#/`);
    assert.ok(await page.isDisabled(".sign-in button.primary"));
    assert.equal(between.sealed(), 0);
  });
});

/** Changes one letter of a text in the middle of a member's value. */
function altered(body, member) {
  const json = JSON.parse(body);
  const path = member.split(".");
  const owner = path.slice(0, -1).reduce((inner, name) => inner[name], json);
  const value = owner[path.at(-1)];
  const at = Math.floor(value.length / 2);
  owner[path.at(-1)] = value.slice(0, at) + (value[at] === "A" ? "B" : "A") + value.slice(at + 1);
  return JSON.stringify(json);
}

const ALTERATIONS = [
  ["/parties/attestor/.well-known/jwks.json", "keys.0.x", "attestor.keys"],
  ["/parties/attestor/attest", "token", "peer.token"],
  ["/parties/attestor/.well-known/autoclave/evidence", "evidence.body", "attestor.evidence"],
];

for (const [route, member, check] of ALTERATIONS) {
  test(`somebody on the way alters ${route}: ${check} fails and nothing is sent`, () =>
    through({ answer: (path, body) => (path === route ? altered(body, member) : body), trust: demo.trust }, async (page, between) => {
      await page.waitForSelector(".banner-bad");
      await page.goto(`${between.url}/#/verify`);
      await page.waitForSelector(`[data-check='${check}'][data-outcome=failed]`);
      assert.match(await page.textContent(".outcome"), /Nothing was sent/);
      assert.equal(between.sealed(), 0);
    }));
}

test("a sealed answer that was altered is not shown", () =>
  through({ trust: demo.trust }, async (page, between) => {
    await page.waitForSelector(".banner-warn");
    await signIn(page, demo.someone("clinician"));
    await page.waitForSelector(".list");
    between.rules.answer = (path, body) => {
      if (path.endsWith("/sealed")) body[body.length - 20] ^= 1;
      return body;
    };
    await page.click(".list a");
    await page.waitForSelector("main .alert");
    assert.match(await page.textContent("main .alert"), /altered or cut/);
    assert.equal(await page.locator("[data-receipt]").count(), 0);
  }));

test("a double click, and an answer that is lost, make one patient", () =>
  through({ trust: demo.trust }, async (page, between) => {
    await page.waitForSelector(".banner-warn");
    await signIn(page, demo.someone("clerk"));
    await fillIn(page, { family: "Doppel" }, HEALTHY);
    await page.dblclick("button.primary");
    await page.goto(`${between.url}/#/patients`);
    await page.waitForSelector(".toast-good, [data-receipt]");
    assert.equal((await listed(page)).filter((name) => name === "Doppel").length, 1);

    let lost = 0;
    between.rules.dropAnswer = (path) => path.endsWith("/sealed") && lost++ === 0;
    await page.goto(`${between.url}/#/new`);
    await fillIn(page, { family: "Verloren" }, HEALTHY);
    await page.click("button.primary");
    assert.equal(await resultOf(page), "holds");
    assert.match(await page.textContent(".verdict"), /No abnormality/);
    assert.ok(lost > 1);
    assert.equal((await listed(page)).filter((name) => name === "Verloren").length, 1);
  }));

test("bytes, stages and time are told on the way, and the next patient need not wait", () =>
  through({ trust: demo.trust }, async (page, between) => {
    await page.waitForSelector(".banner-warn");
    await signIn(page, demo.someone("clerk"));
    await fillIn(page, { family: "Unterwegs" }, IMAGE);
    let release;
    const released = new Promise((resolve) => (release = resolve));
    let sealed = 0;
    between.rules.hold = (path) => (path.endsWith("/sealed") && ++sealed === 2 ? released : undefined);
    await page.click("button.primary");
    await page.waitForSelector("[data-stage=diagnosing][data-state=now] .muted");
    assert.equal(await page.locator("[data-stage=sending] progress").evaluate((bar) => bar.value === bar.max && bar.max > 70_000), true);
    await look(page, "on-its-way", ["1440-light", "390-dark"]);
    await page.click("a[href='#/new'].secondary");
    await page.waitForSelector(".chip-running");
    assert.equal(await page.inputValue("[name=family]"), "");
    release();
    await page.click(".toast-good a");
    assert.equal(await resultOf(page), "holds");
    assert.equal(await page.textContent("h1"), "Unterwegs");
  }));

test("offline and back: what was typed goes on by itself", () =>
  through({ trust: demo.trust }, async (page, between, context) => {
    await page.waitForSelector(".banner-warn");
    await signIn(page, demo.someone("clerk"));
    await fillIn(page, { family: "Funkloch" }, HEALTHY);
    await context.setOffline(true);
    await page.click("button.primary");
    await page.waitForSelector(".alert-warn");
    assert.match(await page.textContent(".alert-warn"), /Nothing is lost/);
    await look(page, "offline");
    await context.setOffline(false);
    assert.equal(await resultOf(page), "holds");
    assert.equal((await listed(page)).filter((name) => name === "Funkloch").length, 1);
  }));

test("a page that nobody touches is left, and says so; the form is kept", () =>
  inBrowser(demo.url, async (page) => {
    await page.clock.install();
    await page.reload();
    await signIn(page, demo.someone("clerk"));
    await typeInto(page, "[name=family]", "Wartend");
    await page.clock.fastForward("31:00");
    await page.waitForSelector(".sign-in");
    assert.match(await page.textContent(".sign-in"), /signed out.*still here/);
    assert.ok(!(await page.content()).includes("Wartend"));
  }));

test("all parties restart: the page verifies anew, says so, and goes on", () =>
  inBrowser(demo.url, async (page) => {
    await page.waitForSelector(".banner-warn");
    await signIn(page, demo.someone("clerk"));
    await page.goto(`${demo.url}/#/patients`);
    await page.waitForSelector(".list");
    await demo.restart();
    await page.click(".page-head button");
    await page.waitForSelector(".toast");
    assert.match(await page.textContent(".toast"), /verified anew/);
    await page.waitForSelector(".page-head button[aria-busy=false]");
    assert.equal(await page.locator("main .alert").count(), 0);
    await page.click(".toast a");
    await page.waitForSelector(".history [data-what=key_changed]");
    await look(page, "verified-anew");
  }));
