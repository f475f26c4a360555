/**
 * Who may know whom: the rules of the folder table in CONTRIBUTING.md, checked on the source
 * text. `deno run -A tools/import_rules.ts` prints every violation.
 *
 * @module
 */

import { describeViolation, listFiles, readFiles, type Violation } from "./files.ts";
import { findImports, type ImportSite, lineAt, maskSource } from "./source_text.ts";

/** What a folder may name besides itself; a path ending in `/` stands for a whole folder. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "mod.ts": ["native/", "posix/", "ring/abi/", "ring/authority/"],
  "ring/": [],
  "stack/": ["ring/abi/"],
  "drivers/": ["ring/", "stack/"],
  "native/": ["ring/", "drivers/mod.ts"],
  "posix/": ["ring/", "native/capability.ts"],
};

/** Folders that run under a seeded simulator: the outside world comes in as arguments. */
const PURE_FOLDERS: readonly string[] = ["ring/", "stack/"];

const IMPURE: readonly { pattern: RegExp; name: string }[] = [
  { pattern: /\bDeno\s*\./g, name: "Deno" },
  { pattern: /\bDate\b/g, name: "Date" },
  { pattern: /\bperformance\b/g, name: "performance" },
  { pattern: /\bMath\s*\.\s*random\b/g, name: "Math.random" },
  { pattern: /\b(?:set|clear)(?:Timeout|Interval|Immediate)\b/g, name: "a timer" },
  { pattern: /(?<!\.)\bcrypto\b/g, name: "crypto" },
];

/** The one module that may spell out atomic operations. */
const BARRIER = "ring/barrier.ts";

/** The one module that loads code of a program, which names it. */
const PROGRAM_CODE = "drivers/stack/import_default.ts";

/** The one module that may set a test's `ignore`. */
const SKIP_HELPER = "tests/support/skip.ts";

/** FFI lives here: one file per library, named for it. */
const LIBRARY_FILE = /^drivers\/[a-z0-9_]+\/lib[a-z0-9_]+\.ts$/;

const TEST_LIKE = /(?:_test|_bench|_fuzz)\.ts$/;

const SNAKE_CASE = /^[a-z0-9]+(?:_[a-z0-9]+)*(?:\.[a-z0-9]+)*$/;

/** Documents that hosting sites and readers look for in capitals. */
const CAPITAL_DOCUMENT = /^[A-Z]+(?:_[A-Z]+)*\.md$/;

const SOURCE_FILE = /\.(?:ts|js|mjs|c|h|sh|py|md)$/;

/** Everything a folder's mod.ts may consist of. */
const RE_EXPORT = /export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*(["']) *\1\s*;?/g;

interface Source {
  readonly file: string;
  readonly masked: string;
  readonly imports: readonly ImportSite[];
  /** The folder or file of {@linkcode MAY_IMPORT} it belongs to, if it ships to users. */
  readonly home: string | undefined;
  readonly isTest: boolean;
}

/**
 * Checks every rule.
 *
 * @param files Source text by path relative to the root; other files may be among them.
 * @returns The violations, in the order of their files and lines.
 */
export function checkImportRules(files: ReadonlyMap<string, string>): Violation[] {
  const sources = new Map<string, Source>();
  for (const [file, text] of files) {
    if (file.endsWith(".ts")) sources.set(file, readSource(file, text));
  }
  const violations = [...files.keys()].flatMap(checkFileName);
  for (const source of sources.values()) {
    violations.push(...checkSkips(source));
    if (isFace(source.file)) violations.push(...checkFace(source));
    if (source.home === undefined) continue;
    violations.push(...checkSpecifiers(source, source.home));
    if (!source.isTest) violations.push(...checkWords(source, source.home));
  }
  violations.push(...checkCycles(sources), ...checkReach(sources));
  return violations.sort((a, b) => a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line);
}

function readSource(file: string, text: string): Source {
  const masked = maskSource(text);
  return {
    file,
    masked,
    imports: findImports(text, masked),
    home: Object.keys(MAY_IMPORT).find((home) => matches(file, home)),
    isTest: TEST_LIKE.test(file),
  };
}

function matches(file: string, rule: string): boolean {
  return rule.endsWith("/") ? file.startsWith(rule) : file === rule;
}

/** A relative specifier as a path from the root; undefined for any other specifier. */
function resolve(file: string, specifier: string): string | undefined {
  if (!/^\.{1,2}\//.test(specifier)) return undefined;
  const base = "file:///tree/";
  const { href } = new URL(specifier, base + file);
  return href.startsWith(base) ? href.slice(base.length) : `../${specifier}`;
}

function* occurrences(masked: string, pattern: RegExp): Generator<number> {
  for (const match of masked.matchAll(pattern)) yield lineAt(masked, match.index);
}

function checkFileName(file: string): Violation[] {
  if (!SOURCE_FILE.test(file)) return [];
  const parts = file.split("/");
  const name = parts[parts.length - 1];
  const good = parts.every((part) => SNAKE_CASE.test(part) || part.startsWith(".")) ||
    (CAPITAL_DOCUMENT.test(name) && parts.slice(0, -1).every((part) => SNAKE_CASE.test(part)));
  return good ? [] : [{ file, line: 1, rule: "File and folder names are snake_case." }];
}

/** Skips are loud: whatever a test file leaves out goes through the one helper. */
function checkSkips(source: Source): Violation[] {
  const inTests = source.isTest || source.file.startsWith("tests/");
  if (!inTests || source.file === SKIP_HELPER) return [];
  const pattern = /(?<!\.)\bignore\s*:|\.ignore\s*\(/g;
  return [...occurrences(source.masked, pattern)].map((line) => ({
    file: source.file,
    line,
    rule: `Tests are skipped through skipUnless() of ${SKIP_HELPER}, which records the reason.`,
  }));
}

function isFace(file: string): boolean {
  return file === "mod.ts" || file.endsWith("/mod.ts");
}

function checkFace(source: Source): Violation[] {
  const rest = source.masked.replaceAll(RE_EXPORT, (text) => text.replaceAll(/[^\n]/g, " "));
  const at = rest.search(/\S/);
  if (at < 0) return [];
  const rule = "A folder's mod.ts consists of `export ... from` and nothing else.";
  return [{ file: source.file, line: lineAt(rest, at), rule }];
}

function checkSpecifiers(source: Source, home: string): Violation[] {
  const { file, isTest } = source;
  const allowed = [home, ...MAY_IMPORT[home], ...(isTest ? ["tests/support/"] : [])];
  const violations: Violation[] = [];
  const add = (line: number, rule: string) => violations.push({ file, line, rule });
  for (const { specifier, line, kind } of source.imports) {
    if (kind === "computed") {
      if (!isTest && file !== PROGRAM_CODE) {
        add(line, "A computed import() does not work in guests: name the module.");
      }
      continue;
    }
    const target = resolve(file, specifier);
    if (target !== undefined) {
      if (allowed.some((rule) => matches(target, rule))) continue;
      const others = MAY_IMPORT[home].join(", ") || "nothing outside itself";
      add(line, `${home} may import ${others}, not ${target}.`);
    } else if (!isTest) {
      const problem = judgeExternal(home, specifier);
      if (problem) add(line, problem);
    }
  }
  return violations;
}

/** A consumer's import map does not apply to what it imports by URL. */
function judgeExternal(home: string, specifier: string): string | undefined {
  if (home === "mod.ts" || PURE_FOLDERS.includes(home)) {
    return `${home} imports relative modules only, not ${specifier}.`;
  }
  if (specifier.startsWith("node:")) return undefined;
  if (!/^(?:npm|jsr):/.test(specifier)) {
    return `What ships uses relative, node:, npm: or jsr: specifiers, not ${specifier}.`;
  }
  if (home === "native/") return undefined;
  return `Only entry points of their own under native/ may import packages, not ${home}.`;
}

function checkWords(source: Source, home: string): Violation[] {
  const { file, masked } = source;
  const violations: Violation[] = [];
  const add = (line: number, rule: string) => violations.push({ file, line, rule });
  if (PURE_FOLDERS.includes(home)) {
    for (const { pattern, name } of IMPURE) {
      for (const line of occurrences(masked, pattern)) {
        add(line, `${home} runs under a simulator: ${name} comes in as an argument.`);
      }
    }
  }
  if (file !== BARRIER) {
    for (const line of occurrences(masked, /\bAtomics\b/g)) {
      add(line, `Memory ordering lives in ${BARRIER}: Atomics appears nowhere else.`);
    }
  }
  if (!LIBRARY_FILE.test(file)) {
    for (const line of occurrences(masked, /\bdlopen\b/g)) {
      add(line, "dlopen appears in drivers/<name>/lib<library>.ts only, one file per library.");
    }
  }
  return violations;
}

/** Depth-first search; every module that closes a cycle is reported once, with the whole cycle. */
function checkCycles(sources: ReadonlyMap<string, Source>): Violation[] {
  const violations: Violation[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (source: Source) => {
    path.push(source.file);
    for (const { specifier, line, kind } of source.imports) {
      const isErased = kind === "url" || kind === "type";
      const target = isErased ? undefined : resolve(source.file, specifier);
      const next = target === undefined ? undefined : sources.get(target);
      if (next === undefined || done.has(next.file)) continue;
      const start = path.indexOf(next.file);
      if (start < 0) {
        visit(next);
      } else {
        const cycle = [...path.slice(start), next.file].join(" -> ");
        violations.push({ file: source.file, line, rule: `Imports form no cycles: ${cycle}.` });
      }
    }
    path.pop();
    done.add(source.file);
  };
  for (const source of sources.values()) if (!done.has(source.file)) visit(source);
  return violations;
}

/** Importing mod.ts fetches nothing but this tree: no package is reachable from it. */
function checkReach(sources: ReadonlyMap<string, Source>): Violation[] {
  const violations: Violation[] = [];
  const seen = new Set(["mod.ts"]);
  for (const file of seen) {
    for (const { specifier, line } of sources.get(file)?.imports ?? []) {
      const target = resolve(file, specifier);
      if (target !== undefined) seen.add(target);
      if (/^(?:npm|jsr|https?):/.test(specifier)) {
        const rule = `mod.ts reaches this module and fetches nothing, so not ${specifier}.`;
        violations.push({ file, line, rule });
      }
    }
  }
  return violations;
}

/**
 * Checks the checkout.
 *
 * @returns The violations.
 */
export function checkTree(): Violation[] {
  const paths = listFiles();
  const texts = readFiles(paths.filter((path) => path.endsWith(".ts")));
  return checkImportRules(new Map(paths.map((path) => [path, texts.get(path) ?? ""])));
}

if (import.meta.main) {
  const violations = checkTree();
  for (const violation of violations) console.error(describeViolation(violation));
  if (violations.length > 0) Deno.exit(1);
}
