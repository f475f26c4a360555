/**
 * `docs/posix.md` and `docs/reference/posix.md`, as far as they can be proved complete.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { CALLS } from "../../posix/call_table.ts";
import * as constants from "../../posix/constants/mod.ts";
import * as posix from "../../posix/mod.ts";
import { ROOT } from "../../tools/files.ts";
import { findUndocumented } from "../support/documented.ts";
import { DIFFERENCES } from "./differential/differences.ts";

const GUIDE = Deno.readTextFileSync(new URL("docs/posix.md", ROOT));
const REFERENCE = Deno.readTextFileSync(new URL("docs/reference/posix.md", ROOT));

/** The rows of the tables of one section: their cells. */
function rowsOf(text: string, heading: string): string[][] {
  const section = text.split(/^(?=#{2,3} )/m).find((part) => part.startsWith(`${heading}\n`));
  assert(section !== undefined, `there is no section "${heading}"`);
  return section.split("\n").filter((line) => line.startsWith("| `")).map((line) => {
    return line.slice(1, -1).split(" | ").map((cell) => cell.trim());
  });
}

/** The names in code of a cell. */
function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
}

Deno.test("docs/posix.md has a row for every call, and none for another", () => {
  const rows = rowsOf(GUIDE, "## Every call");
  assertEquals(rows.flatMap(([call]) => namesIn(call)).sort(), Object.keys(CALLS).sort());
  for (const [call, source, kernel, host] of rows) {
    assert(/^\w+\([23]\)$/.test(source), `${call} has no source`);
    assert(kernel !== "" && host !== undefined && host !== "", `${call} is not told for a backend`);
  }
});

Deno.test("docs/posix.md has a group for every constant, and no group without one", () => {
  const groups = rowsOf(GUIDE, "### Constants").flatMap(([group]) => namesIn(group));
  const fits = (group: string, name: string) =>
    group.endsWith("*") ? name.startsWith(group.slice(0, -1)) : name === group;
  const names = Object.keys(constants);
  assertEquals(names.filter((name) => !groups.some((group) => fits(group, name))), []);
  assertEquals(groups.filter((group) => !names.some((name) => fits(group, name))), []);
});

Deno.test("docs/posix.md tells every difference that the differential tests know of", () => {
  const plain = GUIDE.replaceAll("`", "").replaceAll(/\s+/g, " ");
  for (const { why } of DIFFERENCES) {
    assert(plain.includes(why.replaceAll("`", "")), `docs/posix.md does not say: ${why}`);
  }
});

Deno.test("docs/posix.md names functions and calls that exist", () => {
  const known = new Set([...Object.keys(posix), ...Object.keys(CALLS), "perror"]);
  const section = GUIDE.split("### Constants")[0];
  for (const [, name] of section.matchAll(/`posix\.(?:promises\.)?(\w+)\(/g)) {
    assert(known.has(name), `there is no posix.${name}()`);
  }
});

Deno.test("docs/reference/posix.md names everything that posix/mod.ts exports", async () => {
  // Constants are told by groups, and calls have the table of the guide.
  const isToldElsewhere = (name: string) =>
    Object.hasOwn(constants, name) || name.startsWith("PosixCalls.");
  const mod = new URL("posix/mod.ts", ROOT);
  assertEquals(await findUndocumented(mod, REFERENCE, isToldElsewhere), []);
});
