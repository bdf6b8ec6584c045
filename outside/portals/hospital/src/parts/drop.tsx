// Where an image is dropped or chosen, and looked at before it is sent. The file stays in the
// browser; its name is shown here and goes nowhere.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { type Chosen, choose, type ImageTrouble, isShowable, shortName } from "../clinic/image";
import { say } from "../text";
import { size } from "../text/format";
import { Trouble } from "./field";
import { Icon } from "./icon";

interface Props {
  readonly chosen: Chosen | undefined;
  readonly trouble: string | undefined;
  readonly onChosen: (chosen: Chosen | undefined, trouble?: ImageTrouble | "imageMany") => void;
}

/** An address for a blob, as long as it is shown. */
export function useBlobUrl(blob: Blob | undefined): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!blob) return setUrl(undefined);
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}

/** The drop area. */
export function Drop({ chosen, trouble, onChosen }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const text = say().intake;

  async function take(files: FileList | null | undefined): Promise<void> {
    const [file, ...more] = files ?? [];
    if (!file) return;
    if (more.length > 0) return onChosen(undefined, "imageMany");
    const taken = await choose(file, file.name);
    if (typeof taken === "string") onChosen(undefined, taken);
    else onChosen(taken);
  }

  function dropped(event: DragEvent): void {
    event.preventDefault();
    setOver(false);
    void take(event.dataTransfer?.files);
  }

  const described = trouble ? `${id}-kinds ${id}-trouble` : `${id}-kinds`;
  return (
    <div
      class={`drop ${over ? "drop-over" : ""} ${trouble ? "field-wrong" : ""} ${chosen ? "drop-full" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={dropped}
    >
      {chosen ? <Preview chosen={chosen} /> : <Invitation />}
      <div class="drop-actions">
        <input
          ref={input}
          id={id}
          class="file"
          type="file"
          accept="image/png,image/webp,image/tiff,application/dicom,.dcm,.dicom,.tif,.tiff"
          aria-describedby={described}
          aria-invalid={trouble ? true : undefined}
          onChange={(event) => {
            void take(event.currentTarget.files);
            event.currentTarget.value = "";
          }}
        />
        <label class="button secondary" for={id}>
          {chosen ? text.another : text.choose}
        </label>
        {chosen && (
          <button
            type="button"
            class="quiet"
            onClick={() => {
              onChosen(undefined);
              input.current?.focus();
            }}
          >
            {text.remove}
          </button>
        )}
      </div>
      <p class="help" id={`${id}-kinds`}>
        {text.kinds}
      </p>
      {trouble && <Trouble id={`${id}-trouble`} text={trouble} />}
    </div>
  );
}

function Invitation() {
  return (
    <div class="invitation">
      <Icon name="image" />
      <p>{say().intake.drop}</p>
    </div>
  );
}

function Preview({ chosen }: { readonly chosen: Chosen }) {
  const text = say().intake;
  const url = useBlobUrl(isShowable(chosen.kind) ? chosen.file : undefined);
  const [broken, setBroken] = useState<Blob>();
  const isBroken = broken === chosen.file;
  return (
    <figure class="preview">
      <div class="stage">
        {url && !isBroken ? (
          <img src={url} alt={text.preview} onError={() => setBroken(chosen.file)} />
        ) : (
          <p class="stage-note">
            <Icon name="image" />
            {isBroken ? text.broken : isShowable(chosen.kind) ? "" : text.noPreview(shortName(chosen.kind))}
          </p>
        )}
      </div>
      <figcaption>
        <span class="file-name">{chosen.name}</span>
        <span class="muted">
          {shortName(chosen.kind)}, {size(chosen.file.size)}
        </span>
      </figcaption>
    </figure>
  );
}

/** Keeps files that miss the area from opening in place of the page. */
export function catchStrayDrops(): void {
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
}
