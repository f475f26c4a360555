/**
 * The files of the checkout, as the checks see them.
 *
 * @module
 */

/** The root folder of the checkout, as a `file:` URL with a slash at its end. */
export const ROOT: URL = new URL("../", import.meta.url);

/** Folders that hold nothing written here: what tools build, fetch or record. */
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set([
  "node_modules",
  "coverage",
  "build",
  "target",
]);

/** A checkout larger than this has something in it that does not belong there. */
const MAX_FILES = 20_000;

/**
 * Lists the files under a folder, without dot folders and build products.
 *
 * @param folder The folder to walk, the root of the checkout if left out.
 * @returns Paths relative to the folder, with `/` between their parts, sorted.
 * @throws {RangeError} If there are more than 20 000 files.
 */
export function listFiles(folder: URL = ROOT): string[] {
  const found: string[] = [];
  const open = [""];
  for (let prefix = open.pop(); prefix !== undefined; prefix = open.pop()) {
    for (const entry of Deno.readDirSync(new URL(prefix, folder))) {
      if (entry.isDirectory) {
        if (entry.name.startsWith(".") || SKIPPED_FOLDERS.has(entry.name)) continue;
        open.push(`${prefix}${entry.name}/`);
      } else if (entry.isFile) {
        found.push(prefix + entry.name);
        if (found.length > MAX_FILES) throw new RangeError(`more than ${MAX_FILES} files`);
      }
    }
  }
  return found.sort();
}

/**
 * Reads text files of the checkout.
 *
 * @param paths Paths relative to the folder.
 * @param folder The folder they lie in, the root of the checkout if left out.
 * @returns Their text by path.
 */
export function readFiles(paths: readonly string[], folder: URL = ROOT): Map<string, string> {
  return new Map(paths.map((path) => [path, Deno.readTextFileSync(new URL(path, folder))]));
}

/** A place in the tree that breaks a rule. */
export interface Violation {
  /** Path relative to the root of the checkout. */
  readonly file: string;
  /** Line, counted from 1. */
  readonly line: number;
  /** The rule and what breaks it, as a sentence. */
  readonly rule: string;
}

/**
 * Formats a violation the way editors and terminals link to.
 *
 * @param violation The violation.
 * @returns `file:line: sentence`.
 */
export function describeViolation(violation: Violation): string {
  return `${violation.file}:${violation.line}: ${violation.rule}`;
}
