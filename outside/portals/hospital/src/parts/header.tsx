// The bar on top: where one is, where one can go, who is signed in, language and colours.

import { jobs } from "../clinic/jobs";
import { may, signOut, staff } from "../clinic/staff";
import { route } from "../route";
import { LANGUAGES, language, nameOf, say, speak } from "../text";
import { paint, type Theme, theme, THEMES } from "../theme";
import { Icon, type IconName } from "./icon";

/** The bar. */
export function Header() {
  const { app } = say();
  return (
    <header class="bar">
      <a class="brand" href="#/">
        <Logo />
        <span>
          {app.title} <span class="brand-place">{app.place}</span>
        </span>
      </a>
      <Nav />
      <div class="bar-end">
        <Choices />
        <Person />
      </div>
    </header>
  );
}

function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
      <rect class="logo-ground" width="32" height="32" rx="8" />
      <path class="logo-line" d="M16 6.500 24 9.500v6.200c0 5-3.300 8.600-8 10.300-4.700-1.700-8-5.300-8-10.300V9.500Z" />
      <path class="logo-line" d="M12.200 16.200 15 19l5-5.600" />
    </svg>
  );
}

function Nav() {
  const { nav, app } = say();
  const at = route.value.screen;
  const link = (href: string, name: string, here: boolean) => (
    <li>
      <a href={href} aria-current={here ? "page" : undefined}>
        {name}
      </a>
    </li>
  );
  const open = jobs.value.filter((one) => one.state !== "done").length;
  return (
    <nav class="nav" aria-label={app.menu}>
      <ul>
        {staff.value && may("admit") && link("#/new", open > 0 ? `${nav.intake} · ${open}` : nav.intake, at === "intake" || at === "job")}
        {staff.value && link("#/patients", nav.list, at === "patients" || at === "result")}
        {link("#/verify", nav.verify, at === "verify")}
      </ul>
    </nav>
  );
}

const DRAWN: Record<Theme, IconName> = { auto: "halfmoon", light: "sun", dark: "moon" };

/** The other language, and the next of the colours. */
function Choices() {
  const { app } = say();
  const other = after(LANGUAGES, language.value);
  const now = `${app.theme}: ${app.themes[theme.value]}`;
  return (
    <div class="choices">
      <button type="button" class="choice" lang={other} title={nameOf(other)} onClick={() => speak(other)}>
        {other.toUpperCase()}
        <span class="unseen"> {nameOf(other)}</span>
      </button>
      <button type="button" class="choice" title={now} aria-label={now} onClick={() => paint(after(THEMES, theme.value))}>
        <Icon name={DRAWN[theme.value]} />
      </button>
    </div>
  );
}

/** The next of some choices, the first after the last. */
function after<T>(all: readonly T[], now: T): T {
  return all[(all.indexOf(now) + 1) % all.length] ?? now;
}

function Person() {
  const person = staff.value;
  const { app } = say();
  if (!person) return null;
  return (
    <div class="person">
      <span class="person-name">
        <Icon name="person" />
        {app.signedInAs(person.user, app.roles[person.role] ?? person.role)}
      </span>
      <button type="button" class="quiet" onClick={() => void signOut()}>
        {app.signOut}
      </button>
    </div>
  );
}
