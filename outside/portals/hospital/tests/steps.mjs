// What a person does in the page, by keyboard alone, as steps that the walks are made of.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { axe, NARROW, WIDE } from "./browser.mjs";
import { code } from "./demo.mjs";

/** More stops than any screen has. */
const TABS_MAX = 60;

/** Presses Tab until the focus is on what `selector` matches. */
export async function tabTo(page, selector) {
  for (let pressed = 0; pressed < TABS_MAX; pressed++) {
    const there = await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector);
    if (there) return assertSeen(page, selector);
    await page.keyboard.press("Tab");
  }
  throw new Error(`${selector} cannot be reached by Tab`);
}

/** Whoever sits at a keyboard sees where they are. */
async function assertSeen(page, selector) {
  const seen = await page.evaluate(() => {
    const focused = document.activeElement;
    const shown = focused.classList.contains("file") ? focused.nextElementSibling : focused;
    const style = getComputedStyle(shown);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  });
  assert.ok(seen, `the focus on ${selector} is not to be seen`);
}

/** Tabs to a field and types. */
export async function typeInto(page, selector, text) {
  await tabTo(page, selector);
  await page.keyboard.type(text);
}

/** Signs in as somebody, by keyboard. */
export async function signIn(page, person) {
  await page.waitForSelector(".sign-in button.primary:not([disabled])");
  await typeInto(page, "[name=user]", person.user);
  await typeInto(page, "[name=password]", person.password);
  await typeInto(page, "[name=code]", code(person.totp));
  await page.keyboard.press("Enter");
  await page.waitForSelector(".sign-in", { state: "detached" });
}

/** Fills the form of a new patient, by keyboard, with an image out of the file dialogue. */
export async function fillIn(page, { family, given, birthDate, identifier }, image) {
  await page.waitForSelector("[name=family]");
  await typeInto(page, "[name=family]", family);
  if (given) await typeInto(page, "[name=given]", given);
  if (birthDate) {
    await tabTo(page, "[name=birthDate]");
    await page.fill("[name=birthDate]", birthDate);
  }
  if (identifier) await typeInto(page, "[name=identifier]", identifier);
  await tabTo(page, "input[type=file]");
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Space")]);
  await chooser.setFiles(image);
  await page.waitForSelector(".preview");
}

/** Waits for the result that is on the screen, and says what became of its receipt. */
export async function resultOf(page) {
  await page.waitForSelector("[data-receipt]");
  return page.getAttribute("[data-receipt]", "data-receipt");
}

/** The names in the work list. */
export async function listed(page) {
  await page.goto(`${page.url().split("#")[0]}#/patients`);
  await page.click(".page-head button");
  await page.waitForSelector(".page-head button[aria-busy=false]");
  return page.$$eval(".list tbody th", (cells) => cells.map((cell) => cell.textContent));
}

/** The banner's sentence. */
export function banner(page) {
  return page.textContent(".banner p");
}

/**
 * Looks at a screen at both widths and in both colours: nothing that axe finds, nothing that
 * has to be scrolled sideways. Keeps the pictures that `keep` names, where the walk is asked to.
 */
export async function look(page, name, keep = []) {
  for (const [width, size] of [[1440, WIDE], [390, NARROW]]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const found = await axe(page);
      assert.deepEqual(found, [], `${name} at ${width}, ${colorScheme}`);
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(sideways <= 0, `${name} at ${width} is ${sideways} pixels too wide`);
      if (keep.includes(`${width}-${colorScheme}`)) await picture(page, `${name}-${width}-${colorScheme}`);
    }
  }
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "no-preference" });
}

async function picture(page, name) {
  const folder = process.env.PICTURES;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
