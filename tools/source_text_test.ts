import { assertEquals } from "@std/assert";
import { findImports, maskSource } from "./source_text.ts";

/** Source text, and what is left of it when only code remains. */
const MASKS: readonly (readonly [string, string])[] = [
  ['a("x") // b', 'a(" ")     '],
  ["a /* b\nc */ d", "a     \n     d"],
  ["`x${a}y`", "` ${a} `"],
  ["`x${`y${{ b: 1 }}`}z` + c", "` ${` ${{ b: 1 }}`} ` + c"],
  ['"\\"" + a', '"  " + a'],
  ["'//' + a", "'  ' + a"],
  ['x = /[/"]/g.test(a)', "x = /    /g.test(a)"],
  ["return /a'/", "return /  /"],
  ['a / b / "c"', 'a / b / " "'],
  ["(a) / b; // c", "(a) / b;     "],
  ["i++ / 2 + '/'", "i++ / 2 + ' '"],
];

Deno.test("masking leaves code and delimiters, at the same offsets", () => {
  for (const [source, expected] of MASKS) assertEquals(maskSource(source), expected, source);
});

Deno.test("every way to name a module is found, with its line", () => {
  const source = [
    'import a from "./a.ts";',
    "import {",
    "  b,",
    "} from './b.ts';",
    'import "./c.ts";',
    'export * from "./d.ts";',
    'type E = import("./e.ts").E;',
    "await import(`./${a}.ts`);",
    'new Worker(new URL("./g.ts", import.meta.url));',
    '// import "./h.ts"',
    'const text = `import "./i.ts"`;',
    'new URL("http://example.com");',
    'Array.from("./j.ts"); this.import("./k.ts");',
  ].join("\n");
  assertEquals(findImports(source), [
    { specifier: "./a.ts", line: 1, kind: "static" },
    { specifier: "./b.ts", line: 4, kind: "static" },
    { specifier: "./c.ts", line: 5, kind: "static" },
    { specifier: "./d.ts", line: 6, kind: "static" },
    { specifier: "./e.ts", line: 7, kind: "dynamic" },
    { specifier: "", line: 8, kind: "computed" },
    { specifier: "./g.ts", line: 9, kind: "url" },
  ]);
});
