// Image files, known by their first bytes and not by their names. Nothing is decoded here
// but what the browser itself shows.

/** The kinds that the clinic takes. */
export type ImageKind = "image/png" | "image/webp" | "image/tiff" | "application/dicom";

/** Why a file cannot be sent. */
export type ImageTrouble = "imageEmpty" | "imageKind" | "imageSize" | "imageUnreadable";

/** A file that can be sent. */
export interface Chosen {
  readonly file: Blob;
  /** Shown here and never sent. */
  readonly name: string;
  readonly kind: ImageKind;
}

/** Largest image that the clinic takes, in bytes. */
export const IMAGE_BYTES_MAX = 200_000_000;
/** Bytes that tell the kind: DICOM's mark stands behind 128 bytes. */
const HEAD_BYTES = 132;

const MARKS: readonly { kind: ImageKind; at: number; mark: readonly number[] }[] = [
  { kind: "image/png", at: 0, mark: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] },
  { kind: "image/webp", at: 8, mark: [0x57, 0x45, 0x42, 0x50] },
  { kind: "image/tiff", at: 0, mark: [0x49, 0x49, 0x2a, 0x00] },
  { kind: "image/tiff", at: 0, mark: [0x4d, 0x4d, 0x00, 0x2a] },
  { kind: "image/tiff", at: 0, mark: [0x49, 0x49, 0x2b, 0x00] },
  { kind: "image/tiff", at: 0, mark: [0x4d, 0x4d, 0x00, 0x2b] },
  { kind: "application/dicom", at: 128, mark: [0x44, 0x49, 0x43, 0x4d] },
];

/** Where WebP is kept in. */
const RIFF = [0x52, 0x49, 0x46, 0x46];

function isAt(head: Uint8Array, at: number, mark: readonly number[]): boolean {
  return mark.every((byte, index) => head[at + index] === byte);
}

/** What some first bytes are. */
export function kindOf(head: Uint8Array): ImageKind | undefined {
  const kind = MARKS.find((one) => isAt(head, one.at, one.mark))?.kind;
  return kind === "image/webp" && !isAt(head, 0, RIFF) ? undefined : kind;
}

/** Looks at a file before it is taken. */
export async function choose(file: Blob, name: string): Promise<Chosen | ImageTrouble> {
  if (file.size === 0) return "imageEmpty";
  if (file.size > IMAGE_BYTES_MAX) return "imageSize";
  try {
    const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
    const kind = kindOf(head);
    return kind ? { file, name, kind } : "imageKind";
  } catch {
    return "imageUnreadable";
  }
}

/** Whether the browser can show it. */
export function isShowable(kind: string): boolean {
  return kind === "image/png" || kind === "image/webp";
}

/** A short name for people. */
export function shortName(kind: string): string {
  return (kind.split("/")[1] ?? kind).toUpperCase();
}
