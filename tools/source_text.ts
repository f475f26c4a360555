/**
 * TypeScript source as the import rules read it: which characters are code, and which
 * modules it names.
 *
 * @module
 */

/** How a module is named. */
export type ImportKind =
  /** `import ... from "x"`, `export ... from "x"`, `import "x"`. */
  | "static"
  /** `import type ... from "x"`, `export type ... from "x"`: erased, gone when the program runs. */
  | "type"
  /** `import("x")`, as an expression or in a type. */
  | "dynamic"
  /** `import(name)`: nobody can tell which module this is. */
  | "computed"
  /** `new URL("x", import.meta.url)`: how Workers and data files are named. */
  | "url";

/** One place where a source file names another module. */
export interface ImportSite {
  /** The specifier as written; empty for a computed import. */
  readonly specifier: string;
  /** Line, counted from 1. */
  readonly line: number;
  /** How the module is named. */
  readonly kind: ImportKind;
}

/** After these a `/` starts a regular expression; after anything else it divides. */
const BEFORE_REGEXP = new RegExp(
  "(?:^|[(,=:[!&|?{};*%~^<>]|(?<!\\+)\\+|(?<!-)-" +
    "|\\b(?:return|typeof|case|in|of|await|yield|void))$",
);

/**
 * Blanks comments and the insides of strings, templates and regular expressions.
 *
 * The result has the same length and the same line breaks, so offsets and line numbers hold;
 * delimiters stay, so that a literal can be found again. `${...}` in a template stays code.
 *
 * @param source TypeScript source text.
 * @returns The same text with everything that is not code replaced by spaces.
 */
export function maskSource(source: string): string {
  const out = source.split("");
  const blank = (from: number, to: number) => {
    for (let i = from; i < to && i < out.length; i++) if (out[i] !== "\n") out[i] = " ";
  };
  // One entry per open `${`: how many braces are open inside it.
  const templates: number[] = [];
  let code = "";
  let i = 0;
  while (i < source.length) {
    const char = source[i];
    const pair = source.slice(i, i + 2);
    if (pair === "//" || pair === "/*") {
      const end = endOfComment(source, i);
      blank(i, end);
      i = end;
      continue;
    }
    if (char === '"' || char === "'" || (char === "/" && BEFORE_REGEXP.test(code))) {
      const end = char === "/" ? endOfRegExp(source, i) : endOfString(source, i);
      blank(i + 1, end - 1);
      code = char;
      i = end;
      continue;
    }
    const closesTemplate = char === "}" && templates.length > 0 && templates.at(-1) === 0;
    if (char === "`" || closesTemplate) {
      const end = endOfTemplateText(source, i + 1);
      const opens = source.slice(end - 2, end) === "${";
      blank(i + 1, opens ? end - 2 : end - 1);
      if (closesTemplate) templates.pop();
      if (opens) templates.push(0);
      code = opens ? "{" : "`";
      i = end;
      continue;
    }
    if (templates.length > 0 && char === "{") templates[templates.length - 1]++;
    if (templates.length > 0 && char === "}") templates[templates.length - 1]--;
    // The last word or sign before a `/` decides what the `/` is: eight characters reach back
    // over the longest keyword in BEFORE_REGEXP.
    if (!/\s/.test(char)) code = (code + char).slice(-8);
    else if (/\w$/.test(code) && /\w/.test(source[i + 1] ?? "")) code = (code + " ").slice(-8);
    i++;
  }
  return out.join("");
}

function endOfComment(source: string, start: number): number {
  const line = source[start + 1] === "/";
  const end = source.indexOf(line ? "\n" : "*/", start + 2);
  if (end < 0) return source.length;
  return line ? end : end + 2;
}

function endOfString(source: string, start: number): number {
  const quote = source[start];
  let i = start + 1;
  while (i < source.length && source[i] !== quote && source[i] !== "\n") {
    i += source[i] === "\\" ? 2 : 1;
  }
  return i + 1;
}

function endOfRegExp(source: string, start: number): number {
  let inClass = false;
  let i = start + 1;
  while (i < source.length && source[i] !== "\n" && (inClass || source[i] !== "/")) {
    if (source[i] === "[") inClass = true;
    if (source[i] === "]") inClass = false;
    i += source[i] === "\\" ? 2 : 1;
  }
  return i + 1;
}

function endOfTemplateText(source: string, start: number): number {
  let i = start;
  while (i < source.length && source[i] !== "`") {
    if (source.slice(i, i + 2) === "${") return i + 2;
    i += source[i] === "\\" ? 2 : 1;
  }
  return i + 1;
}

/**
 * Counts lines.
 *
 * @param text The text an offset points into.
 * @param offset An offset into it.
 * @returns The line of that offset, counted from 1.
 */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < offset; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

const IMPORT_FORMS: readonly { pattern: RegExp; kind: ImportKind }[] = [
  { pattern: /(?<![.\w$])(?:from|import)\s*(?=["'])/g, kind: "static" },
  { pattern: /(?<![.\w$])import\s*\(\s*/g, kind: "dynamic" },
  { pattern: /(?<![.\w$])new\s+URL\s*\(\s*(?=(["']) *\1\s*,\s*import\.meta\.url)/g, kind: "url" },
];

/** Whether the `from` at an offset ends an `import type` or `export type`, which is erased. */
function isTypeOnly(masked: string, offset: number): boolean {
  if (!masked.startsWith("from", offset)) return false;
  const before = masked.slice(0, offset);
  const start = Math.max(before.lastIndexOf("import"), before.lastIndexOf("export"));
  return /^(?:import|export)\s+type\s+(?:[{*]|\w+\s*$)/.test(before.slice(start));
}

/**
 * Finds every module that a source file names.
 *
 * @param source TypeScript source text.
 * @param masked The same text after {@linkcode maskSource}.
 * @returns The import sites in order of their lines.
 */
export function findImports(source: string, masked: string = maskSource(source)): ImportSite[] {
  const sites: ImportSite[] = [];
  for (const { pattern, kind } of IMPORT_FORMS) {
    for (const match of masked.matchAll(pattern)) {
      const start = match.index + match[0].length;
      const quote = masked[start];
      const literal = quote === '"' || quote === "'";
      const end = literal ? masked.indexOf(quote, start + 1) : start;
      sites.push({
        specifier: literal ? source.slice(start + 1, end) : "",
        line: lineAt(source, match.index),
        kind: !literal ? "computed" : isTypeOnly(masked, match.index) ? "type" : kind,
      });
    }
  }
  return sites.sort((a, b) => a.line - b.line);
}
