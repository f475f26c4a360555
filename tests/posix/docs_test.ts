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

interface DocSymbol {
  readonly name: string;
  readonly declarations: readonly {
    readonly def?: {
      readonly properties?: readonly Member[];
      readonly methods?: readonly Member[];
    };
  }[];
}

interface Member {
  readonly name: string;
  readonly jsDoc?: { readonly tags?: readonly { readonly kind: string }[] };
}

Deno.test("docs/reference/posix.md names everything that posix/mod.ts exports", async () => {
  const mod = new URL("posix/mod.ts", ROOT);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", mod.href],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  const symbols: DocSymbol[] = nodes[mod.href].symbols;
  const missing: string[] = [];
  for (const { name, declarations } of symbols) {
    // Constants are told by groups, and calls have the table of the guide.
    if (Object.hasOwn(constants, name)) continue;
    if (!mentions(name)) missing.push(name);
    if (name === "PosixCalls") continue;
    for (const { def } of declarations) {
      for (const member of [...def?.properties ?? [], ...def?.methods ?? []]) {
        const isInternal = member.jsDoc?.tags?.some(({ kind }) => kind === "ignore") ?? false;
        if (isInternal || member.name.startsWith("[")) continue;
        if (!mentions(member.name)) missing.push(`${name}.${member.name}`);
      }
    }
  }
  assertEquals(missing, []);
});

/** Whether a name stands in code of the reference. */
function mentions(name: string): boolean {
  return new RegExp(`\`[^\`\\n]*\\b${name}\\b[^\`\\n]*\``).test(REFERENCE);
}
