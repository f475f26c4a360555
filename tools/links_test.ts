import { assertEquals } from "@std/assert";
import { checkLinks } from "./links.ts";

const TREE: ReadonlySet<string> = new Set(["README.md", "docs", "docs/semantics.md", "a b.md"]);

/** Checks one document and returns the lines of its broken links. */
function brokenLines(file: string, text: string): number[] {
  return checkLinks(new Map([[file, text]]), (path) => TREE.has(path)).map(({ line }) => line);
}

Deno.test("links to files and folders that exist pass", () => {
  const text = [
    "[a](docs/semantics.md) [b](./docs/semantics.md#errors) [c](docs/) [d](/README.md)",
    "[e](https://example.com/x.md) [f](#here) [g](mailto:a@example.com) [h](a%20b.md)",
    '![i](docs/semantics.md "title") [j][k]',
    "",
    "[k]: docs/semantics.md",
  ].join("\n");
  assertEquals(brokenLines("README.md", text), []);
  assertEquals(brokenLines("docs/semantics.md", "[a](../README.md) [b](semantics.md)"), []);
});

Deno.test("a link to nothing is found, wherever it is written", () => {
  assertEquals(brokenLines("README.md", "\n[a](docs/nothing.md)\n\n[b]: nothing.md"), [2, 4]);
  assertEquals(brokenLines("docs/semantics.md", "[a](README.md)"), [1]);
  assertEquals(brokenLines("README.md", "[a](../README.md)"), [1]);
});

Deno.test("what a code block or a code span shows is no link", () => {
  const text = "```md\n[a](nothing.md)\n```\n`[b](nothing.md)` ``[c](nothing.md) ` ``\n[d](no)";
  assertEquals(brokenLines("README.md", text), [5]);
});
