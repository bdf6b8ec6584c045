// The receipt of a result: each check that was made of it, its line in the log, and the file
// that anybody can check later.

import { receiptFile, type Shown } from "../clinic/results";
import { say } from "../text";
import { number } from "../text/format";
import { type Checked, Checks } from "./checks";
import { Digest, Fact, Facts } from "./facts";
import { Icon } from "./icon";

/** The code of a check that was not made because an earlier one failed. */
const NOT_CHECKED = "receipt.not_checked";

function listed({ check, image }: Shown): readonly Checked[] {
  return check.steps.map(({ id, ok, code }) => {
    const skipped = id === "receipt.image" && !image && ok;
    const outcome = skipped ? "skipped" : ok ? "ok" : code === NOT_CHECKED ? "open" : "failed";
    return { id, text: say().checks[id] ?? id, outcome, code };
  });
}

/** The card. */
export function Receipt({ shown, study }: { readonly shown: Shown; readonly study: string }) {
  const text = say().result;
  const { check, image } = shown;
  const { receipt, ledgerSize } = check;
  const checks = listed(shown);
  const good = image ? text.receiptGood : text.receiptGoodNoImage;
  return (
    <section class="card" aria-labelledby="receipt" data-receipt={check.ok ? "holds" : "refused"}>
      <h2 id="receipt">{text.receipt}</h2>
      <p class={check.ok ? "outcome outcome-good" : "outcome outcome-bad"}>
        <Icon name={check.ok ? "check" : "alert"} />
        {check.ok ? good : text.receiptBad}
      </p>
      <details open={!check.ok}>
        <summary>
          {text.checks} ({checks.filter((one) => one.outcome === "ok").length}/{checks.length})
        </summary>
        <Checks checks={checks} />
      </details>
      {check.ok && receipt && (
        <Facts>
          <Fact label={text.ledger}>{text.ledgerValue(number(receipt.line.index), number(ledgerSize ?? 0))}</Fact>
          <Digest label={text.ledgerOrigin} value={receipt.line.origin} />
        </Facts>
      )}
      <div class="row">
        <button type="button" class="secondary" disabled={!check.ok} onClick={() => save(receiptFile(shown), `receipt-${study}.json`)}>
          <Icon name="download" />
          {text.download}
        </button>
      </div>
      <p class="help">{text.downloadHelp}</p>
    </section>
  );
}

/** Hands a file to the browser's downloads. */
function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
