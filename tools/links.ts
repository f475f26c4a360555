/**
 * Checks that every relative link in the Markdown files leads to a file or folder that exists.
 * `deno run -A tools/links.ts` prints every broken one.
 *
 * @module
 */

import { describeViolation, listFiles, readFiles, ROOT, type Violation } from "./files.ts";
import { lineAt } from "./source_text.ts";

/** `[text](target)`, `![text](target "title")` and `[name]: target`. */
const LINK = /\]\(\s*<?([^)>\s]+)>?[^)]*\)|^ {0,3}\[[^\]]+\]:\s*<?([^>\s]+)>?/gm;

/** Fenced blocks and code spans show links; they do not link. */
const CODE = /^ {0,3}(`{3,}|~{3,})[\s\S]*?^ {0,3}\1|(`+)(?!`)[\s\S]*?[^`]\2(?!`)/gm;

/**
 * Finds broken links.
 *
 * @param documents Markdown text by path relative to the root.
 * @param exists Whether a path relative to the root is a file or a folder.
 * @returns One violation per broken link.
 */
export function checkLinks(
  documents: ReadonlyMap<string, string>,
  exists: (path: string) => boolean,
): Violation[] {
  const violations: Violation[] = [];
  for (const [file, text] of documents) {
    const prose = text.replaceAll(CODE, (code) => code.replaceAll(/[^\n]/g, " "));
    for (const match of prose.matchAll(LINK)) {
      const target = match[1] ?? match[2];
      if (/^(?:[a-z][a-z0-9+.-]*:|\/\/|#)/i.test(target)) continue;
      const path = resolveLink(file, target);
      if (path !== undefined && exists(path)) continue;
      const rule = `Relative links lead somewhere: ${target} does not exist.`;
      violations.push({ file, line: lineAt(text, match.index), rule });
    }
  }
  return violations;
}

/** A link as a path from the root without its anchor; undefined if it leaves the tree. */
function resolveLink(file: string, target: string): string | undefined {
  const [path] = target.split(/[?#]/, 1);
  const parts = path.startsWith("/") ? [] : file.split("/").slice(0, -1);
  for (const part of path.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== "" && part !== ".") {
      parts.push(decodeURIComponent(part));
    }
  }
  return parts.join("/");
}

/**
 * Checks the checkout.
 *
 * @returns One violation per broken link.
 */
export function checkTreeLinks(): Violation[] {
  const documents = listFiles().filter((file) => file.endsWith(".md"));
  return checkLinks(readFiles(documents), existsInTree);
}

function existsInTree(path: string): boolean {
  try {
    Deno.statSync(new URL(encodeURI(path), ROOT));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

if (import.meta.main) {
  const violations = checkTreeLinks();
  for (const violation of violations) console.error(describeViolation(violation));
  if (violations.length > 0) Deno.exit(1);
}
