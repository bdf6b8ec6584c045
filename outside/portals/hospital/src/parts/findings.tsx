// What the model found, in numbers with their units, and what such numbers are worth.

import type { ReceiptCheck } from "@autoclave/sealer";
import type { Diagnosis } from "../clinic/records";
import { say } from "../text";
import { moment, number, percent } from "../text/format";
import { Fact, Facts } from "./facts";
import { Icon } from "./icon";

interface Props {
  readonly result: Diagnosis["result"];
  readonly check: ReceiptCheck;
}

/** The card. */
export function Findings({ result, check }: Props) {
  const text = say().result;
  const { findings, model } = result;
  const found = findings.pixels > 0;
  const mm = findings.area_mm2;
  return (
    <section class="card" aria-labelledby="findings">
      <h2 id="findings">{text.findings}</h2>
      <p class={found ? "verdict verdict-found" : "verdict"}>
        <Icon name={found ? "info" : "check"} />
        {found ? text.something : text.nothing}
      </p>
      {!found && <p class="help">{text.nothingHelp}</p>}
      <div class="figures">
        <Figure label={text.area} value={mm === null ? text.areaPixels(number(findings.pixels)) : text.areaMm(number(mm))} />
        <Figure label={text.regions} value={number(findings.regions)} />
        <Figure label={text.probability} value={percent(findings.probability_max)} />
        <p class="help">
          {text.area}: {mm === null ? text.areaPixelsHelp : text.areaMmHelp}.
        </p>
      </div>
      <Facts>
        <Fact label={text.model}>{text.modelValue(model.name, model.version)}</Fact>
        {check.receipt && <Fact label={text.engine}>{check.receipt.engine}</Fact>}
        {check.receipt && <Fact label={text.when}>{moment(check.receipt.iat * 1000)}</Fact>}
      </Facts>
      <p class="notice">
        <Icon name="alert" />
        {text.research}
      </p>
    </section>
  );
}

function Figure({ label, value }: { readonly label: string; readonly value: string }) {
  return (
    <div class="figure">
      <p class="figure-label">{label}</p>
      <p class="figure-value">{value}</p>
    </div>
  );
}
