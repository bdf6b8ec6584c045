// Files of the repository that tests read.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The repository: tests run in the package's folder. */
export const ROOT = join(process.cwd(), "../../..");

/** A JSON file, by its path in the repository. */
export function json<T>(path: string): T {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8")) as T;
}
