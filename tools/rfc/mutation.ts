/**
 * Takes a rule out of the code: finds the statement below its comment, and changes it so that the
 * rule is not obeyed any more.
 *
 * @module
 */

import { maskSource } from "../source_text.ts";

/** Another source text, and what was done. */
export interface Mutation {
  readonly source: string;
  /** Such as `if (a > b)` -> `if (!(a > b))`. */
  readonly change: string;
}

const COMMENT = /^\s*(?:\/\/|\*|\/\*)/;

/**
 * Changes the statement below a comment.
 *
 * @param source the file's text
 * @param line the comment's line, counted from 1
 * @returns the changed text, or null where there is no statement that can be changed
 */
export function mutate(source: string, line: number): Mutation | null {
  const lines = source.split("\n");
  let at = line - 1;
  while (at < lines.length && (COMMENT.test(lines[at]) || lines[at].trim() === "")) at++;
  if (at >= lines.length) return null;
  const start = lines.slice(0, at).reduce((sum, text) => sum + text.length + 1, 0);
  const masked = maskSource(source);
  return mutateCondition(source, masked, start) ?? mutateLoop(source, masked, start) ??
    mutateValue(source, masked, start) ?? removeStatement(source, masked, start);
}

/** `if`, `while`: the opposite condition. */
function mutateCondition(source: string, masked: string, start: number): Mutation | null {
  const match = /^\s*(?:\} else )?(?:if|while) \(/.exec(masked.slice(start));
  if (match === null) return null;
  const open = start + match[0].length - 1;
  const close = closing(masked, open);
  if (close < 0) return null;
  return replace(source, open + 1, close, (condition) => `!(${condition})`);
}

/** `for (let ...; condition; ...)`: the opposite condition. */
function mutateLoop(source: string, masked: string, start: number): Mutation | null {
  const match = /^\s*for \(/.exec(masked.slice(start));
  if (match === null) return null;
  const open = start + match[0].length - 1;
  const close = closing(masked, open);
  const from = masked.indexOf(";", open);
  const to = masked.indexOf(";", from + 1);
  if (from < 0 || to < 0 || to > close) return null;
  return replace(source, from + 1, to, (condition) => ` !(${condition.trim()})`);
}

/** What a statement gives: `return x;`, `const x = y;`, `key: value,`. */
function mutateValue(source: string, masked: string, start: number): Mutation | null {
  const text = masked.slice(start);
  const match = /^\s*(?:return |(?:export )?(?:const|let) [\w$]+(?:: [^=]+)? = |readonly [\w$]+ = )/
    .exec(
      text,
    );
  if (match !== null) {
    const from = start + match[0].length;
    const end = statementEnd(masked, from);
    const isFunction = masked.slice(from, end).includes("=>");
    if (end < 0 || isFunction) return null;
    return replace(source, from, end, (value) =>
      `((value) => typeof value === "number"
      ? value * 3 + 1 : !value)(${value})`);
  }
  const property = /^\s*[\w$]+: (?=[^{[\n]*,\n)/.exec(text);
  if (property === null) return null;
  const from = start + property[0].length;
  const end = source.indexOf(",\n", from);
  return replace(source, from, end, (value) =>
    `((value) => typeof value === "number"
      ? value * 3 + 1 : !value)(${value})`);
}

/** A call or an assignment: it is not done. */
function removeStatement(source: string, masked: string, start: number): Mutation | null {
  const text = masked.slice(start);
  if (!/^\s*(?:this\b|[\w$#.]+(?:\[[^\]\n]*\])*(?:\.|\(| [-+|&^]?= |\+\+|--))/.test(text)) {
    return null;
  }
  const end = statementEnd(masked, start);
  return end < 0 ? null : replace(source, start, end, () => "");
}

function replace(
  source: string,
  from: number,
  to: number,
  by: (text: string) => string,
): Mutation {
  const before = source.slice(from, to);
  const after = by(before);
  return {
    source: source.slice(0, from) + after + source.slice(to),
    change: `${before.trim()} -> ${after.trim() || "nothing"}`,
  };
}

/** The bracket that closes the one at an offset, or -1. */
function closing(masked: string, open: number): number {
  let depth = 0;
  for (let at = open; at < masked.length; at++) {
    if ("([{".includes(masked[at])) depth++;
    else if (")]}".includes(masked[at]) && --depth === 0) return at;
  }
  return -1;
}

/** The semicolon that ends a statement, or -1. */
function statementEnd(masked: string, start: number): number {
  for (let at = start; at < masked.length; at++) {
    if ("([{".includes(masked[at])) {
      at = closing(masked, at);
      if (at < 0) return -1;
    } else if (masked[at] === ";") return at;
    else if (")]}".includes(masked[at])) return -1;
  }
  return -1;
}
