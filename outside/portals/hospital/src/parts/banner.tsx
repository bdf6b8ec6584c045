// One sentence on every screen: whether the line is verified, and what that is worth.

import type { VerifiedEnclave } from "@autoclave/sealer";
import { failedCheck } from "../clinic/failure";
import { check, contact, type Line, line } from "../clinic/line";
import { route } from "../route";
import { say } from "../text";
import { Icon, type IconName } from "./icon";

/** How loud a banner is. */
export type Tone = "calm" | "good" | "warn" | "bad";

/** Tone, drawing and sentence of a state of the line. */
export function told(now: Line): { tone: Tone; icon: IconName; text: string } {
  const { banner } = say();
  switch (now.state) {
    case "checking":
      return { tone: "calm", icon: "shield", text: banner.checking };
    case "offline":
      return { tone: "warn", icon: "alert", text: banner.offline };
    case "untrusting":
      return { tone: "bad", icon: "alert", text: banner.noTrust(contact.value) };
    case "refused":
      return { tone: "bad", icon: "alert", text: banner.refused(failedCheck(now.error.step), contact.value) };
    case "verified":
      return now.enclave.hwBacked
        ? { tone: "good", icon: "shield", text: now.enclave.kind === "tpm" ? banner.measured : banner.verified }
        : { tone: "warn", icon: "alert", text: unprotected(now.enclave) };
  }
}

function unprotected({ kind }: VerifiedEnclave): string {
  const { banner } = say();
  if (kind === "software") return banner.software;
  return kind === "tpm" ? banner.softwareTpm : banner.unprotected;
}

/** The banner. */
export function Banner() {
  const now = line.value;
  const { tone, icon, text } = told(now);
  return (
    <section class={`banner banner-${tone}`} aria-label={say().banner.label}>
      <div class="banner-inner">
        <Icon name={icon} />
        <p role={tone === "bad" ? "alert" : "status"}>
          {text} {route.value.screen !== "verify" && <a href="#/verify">{say().banner.details}</a>}{" "}
          {now.state === "refused" && route.value.screen !== "verify" && (
            <button type="button" class="link nowrap" onClick={() => void check()}>
              {say().banner.retry}
            </button>
          )}
        </p>
      </div>
    </section>
  );
}
