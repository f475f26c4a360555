/**
 * Finds the comments that name rules of RFCs, and the tests that cover them.
 *
 * ```text
 * // RFC 9293 section 3.8.4 (MUST-25): keep-alives are off by default.
 * // RFC 5961 section 3.2 (MUST) excepted: why not.
 * // covers RFC 9293 3.8.4 MUST-25, MUST-27
 * Deno.test("...", ...)
 * ```
 *
 * @module
 */

import type { Annotation, Coverage } from "./requirement.ts";

const LEVEL = String.raw`(?:MUST|SHLD|SHOULD|REC|MAY)(?:-\d+)?`;
const RULE = new RegExp(
  String.raw`^\s*(?://|\*) RFC (\d+) (?:section|appendix) ([\dA-Z][\w.]*) ` +
    String.raw`\((${LEVEL}(?:, ${LEVEL})*)\)( excepted)?: (.*)$`,
);
const COVERS = new RegExp(
  String
    .raw`^\s*// covers RFC (\d+) (?:section |appendix )?([\dA-Z][\w.]*) (${LEVEL}(?:, ${LEVEL})*)`,
);
const CONTINUED = /^\s*(?:\/\/|\*) ?(.*)$/;
const TEST_NAME =
  /^\s*(?:[\w.]*[tT]est\w*)\(\s*(?:\{\s*name:\s*)?(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)?/;
/** A test begins within as many lines of its tags. */
const NEAR_LINES = 12;

/** The rules that a file's comments name. */
export function findAnnotations(file: string, source: string): Annotation[] {
  const lines = source.split("\n");
  const found: Annotation[] = [];
  for (const [index, line] of lines.entries()) {
    const match = RULE.exec(line);
    if (match === null) continue;
    const [, rfc, section, ids, exception, text] = match;
    found.push({
      file,
      line: index + 1,
      rfc: Number(rfc),
      section,
      ids: ids.split(", "),
      isException: exception !== undefined,
      text: [text, ...continuation(lines, index + 1)].join(" ").trim(),
    });
  }
  return found;
}

function continuation(lines: readonly string[], from: number): string[] {
  const more: string[] = [];
  for (let index = from; index < lines.length; index++) {
    const match = CONTINUED.exec(lines[index]);
    if (match === null || RULE.test(lines[index]) || COVERS.test(lines[index])) break;
    if (match[1].trim() === "" || match[1].startsWith("/")) break;
    more.push(match[1].trim());
  }
  return more;
}

/** The rules that a file's tests cover. */
export function findCoverage(file: string, source: string): Coverage[] {
  const lines = source.split("\n");
  const found: Coverage[] = [];
  for (const [index, line] of lines.entries()) {
    const match = COVERS.exec(line);
    if (match === null) continue;
    const [, rfc, section, ids] = match;
    const test = testBelow(lines, index + 1);
    found.push({
      file,
      line: index + 1,
      rfc: Number(rfc),
      section,
      ids: ids.split(", "),
      test,
    });
  }
  return found;
}

/** The name of the first test below a line, "" when there is none near. */
function testBelow(lines: readonly string[], from: number): string {
  for (let index = from; index < Math.min(lines.length, from + NEAR_LINES); index++) {
    const match = TEST_NAME.exec(lines.slice(index, index + 2).join(" "));
    const name = match?.[1] ?? match?.[2];
    if (name !== undefined) return name;
  }
  return "";
}
