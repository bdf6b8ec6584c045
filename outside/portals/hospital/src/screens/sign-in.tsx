// Sign-in: name, password, one-time code. What is typed is sealed by the sealer and not kept.

import { Problem } from "@autoclave/sealer";
import { useRef, useState } from "preact/hooks";
import { sentence } from "../clinic/failure";
import { line } from "../clinic/line";
import { ended, signIn } from "../clinic/staff";
import { TextField } from "../parts/field";
import { Heading, useTitle } from "../parts/heading";
import { Icon } from "../parts/icon";
import { say } from "../text";

type Wrong = Partial<Record<"user" | "password" | "code", string>>;

function examine(user: string, password: string, code: string): Wrong {
  const { needed, codeForm } = say().signIn;
  return {
    ...(!user.trim() && { user: needed }),
    ...(!password && { password: needed }),
    ...(!/^\d{6}$/.test(code.replaceAll(" ", "")) && { code: code ? codeForm : needed }),
  };
}

function why(error: unknown): string {
  const text = say().signIn;
  if (!(error instanceof Problem)) return sentence(error);
  if (error.code === "auth.refused") return text.refused;
  if (error.code !== "auth.paused") return sentence(error);
  return error.retryAfter ? text.paused(error.retryAfter) : text.pausedAWhile;
}

/** The screen. */
export function SignIn() {
  const text = say().signIn;
  useTitle(text.title);
  const form = useRef<HTMLFormElement>(null);
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [wrong, setWrong] = useState<Wrong>({});
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const open = line.value.state === "verified";

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (busy || !open) return;
    const found = examine(user, password, code);
    setWrong(found);
    setError(undefined);
    if (Object.keys(found).length > 0) return focusWrong(form.current);
    setBusy(true);
    try {
      await signIn(user.trim(), password, code.replaceAll(" ", ""));
    } catch (caught) {
      setError(caught);
      setCode("");
      setBusy(false);
    }
  }

  return (
    <div class="page page-narrow">
      <form class="card sign-in" ref={form} noValidate onSubmit={(event) => void submit(event)}>
        <Heading>{text.title}</Heading>
        <Why />
        <p class="muted">{text.lead}</p>
        {error !== undefined && (
          <p class="alert" role="alert">
            <Icon name="alert" />
            {why(error)}
          </p>
        )}
        <TextField label={text.user} trouble={wrong.user} value={user} onText={setUser} name="user" autoComplete="username" autoCapitalize="none" spellcheck={false} />
        <TextField label={text.password} trouble={wrong.password} value={password} onText={setPassword} name="password" type="password" autoComplete="current-password" />
        <TextField label={text.code} help={text.codeHelp} trouble={wrong.code} value={code} onText={setCode} name="code" inputMode="numeric" autoComplete="one-time-code" maxLength={7} />
        <button type="submit" class="primary wide" aria-busy={busy} disabled={!open}>
          <Icon name="lock" />
          {busy ? text.busy : text.submit}
        </button>
        {!open && <p class="help">{text.blocked}</p>}
      </form>
    </div>
  );
}

/** Why somebody who was signed in no longer is. */
function Why() {
  if (ended.value === "never") return null;
  return (
    <p class="alert alert-calm" role="status">
      <Icon name="info" />
      {say().signIn[ended.value]}
    </p>
  );
}

/** Puts the cursor where something is wrong, once the errors are drawn. */
export function focusWrong(form: HTMLElement | null): void {
  requestAnimationFrame(() => form?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
}
