// The image with the marked area over it, in colour. The mask is painted by the page itself
// from the mask's own pixels; the image is never altered.

import { useEffect, useRef, useState } from "preact/hooks";
import { say } from "../text";
import { percent } from "../text/format";
import { useBlobUrl } from "./drop";

/** The colour of the marked area: seen well on grey, by colour-blind eyes too. */
const COLOUR = [255, 128, 20] as const;
/** A pixel of the mask counts from here on; it is black and white. */
const MARKED_MIN = 128;
/** Strength of the area at first, in percent. */
const OPACITY_FIRST = 65;

interface Props {
  /** The mask, a PNG in base64url. */
  readonly mask: string;
  /** The image where it can be shown. */
  readonly image: Blob | undefined;
  /** Why it cannot. */
  readonly note: string | undefined;
}

/** Bytes out of base64url. */
export function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** Paints a mask: the area even, its border in full strength. */
async function paint(canvas: HTMLCanvasElement, mask: string): Promise<void> {
  const bitmap = await createImageBitmap(new Blob([bytesOf(mask)], { type: "image/png" }));
  const { width, height } = bitmap;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const pixels = context.getImageData(0, 0, width, height);
  colour(pixels.data, width, height);
  context.putImageData(pixels, 0, 0);
}

function colour(data: Uint8ClampedArray, width: number, height: number): void {
  const marked = new Uint8Array(width * height);
  for (let at = 0; at < marked.length; at++) marked[at] = (data[at * 4] ?? 0) >= MARKED_MIN ? 1 : 0;
  for (let at = 0; at < marked.length; at++) {
    const column = at % width;
    const inside =
      column > 0 && column < width - 1 && marked[at - 1] && marked[at + 1] && marked[at - width] && marked[at + width];
    data.set(COLOUR, at * 4);
    data[at * 4 + 3] = marked[at] ? (inside ? 190 : 255) : 0;
  }
}

/** The viewer with its two controls. */
export function Overlay({ mask, image, note }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState(true);
  const [opacity, setOpacity] = useState(OPACITY_FIRST);
  const url = useBlobUrl(image);
  const text = say().result;
  useEffect(() => {
    if (canvas.current) void paint(canvas.current, mask).catch(() => undefined);
  }, [mask]);
  useEffect(() => {
    stage.current?.style.setProperty("--mask", String(shown ? opacity / 100 : 0));
  }, [shown, opacity]);
  return (
    <figure class="viewer">
      <div class={`stage ${url ? "" : "stage-alone"}`} ref={stage}>
        <div class="layers">
          {url && <img src={url} alt={text.imageAlt} />}
          <canvas ref={canvas} class="mask" role="img" aria-label={text.maskAlt} />
        </div>
      </div>
      <figcaption>
        {note && <p class="help">{note}</p>}
        <div class="viewer-controls">
          <label class="switch">
            <input type="checkbox" checked={shown} onChange={(event) => setShown(event.currentTarget.checked)} />
            <span>{text.overlay}</span>
          </label>
          <label class="slider">
            <span>{text.opacity}</span>
            <input
              type="range"
              min="0"
              max="100"
              step="5"
              value={opacity}
              disabled={!shown}
              aria-valuetext={percent(opacity / 100)}
              onInput={(event) => setOpacity(Number(event.currentTarget.value))}
            />
            <output>{percent(opacity / 100)}</output>
          </label>
        </div>
      </figcaption>
    </figure>
  );
}
