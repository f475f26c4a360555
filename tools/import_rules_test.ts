import { assertEquals } from "@std/assert";
import { checkImportRules } from "./import_rules.ts";

/** A tree that keeps every rule; each test breaks exactly one of them. */
const CLEAN: Readonly<Record<string, string>> = {
  "mod.ts": 'export { TcpStream } from "./native/tcp.ts";\nexport type * from "./native/tcp.ts";\n',
  "ring/barrier.ts": "export const load = Atomics.load;\n",
  "ring/abi/layout.ts": "export const SQE_BYTES = 64;\n",
  "ring/ring.ts": 'import { load } from "./barrier.ts";\n// Deno.now() and Date.now()\nload;\n',
  "ring/ring_test.ts":
    'import "@std/assert";\nimport "../tests/support/seed.ts";\nDate.now(); Atomics.load;\n',
  "stack/ip.ts": 'import { SQE_BYTES } from "../ring/abi/layout.ts";\nSQE_BYTES;\n',
  "drivers/mod.ts": 'export { open } from "./open.ts";\n',
  "drivers/open.ts": 'export const open = () => import("./kernel/libc.ts");\n',
  "drivers/kernel/libc.ts": 'import "../../stack/ip.ts";\nDeno.dlopen("libc.so.6", {});\n',
  "native/tcp.ts": 'import "node:stream";\nimport { open } from "../drivers/mod.ts";\nopen;\n',
  "native/capability.ts": 'import "../ring/ring.ts";\n',
  "native/ssh/mod.ts": 'export { ssh } from "./ssh.ts";\n',
  "native/ssh/ssh.ts": 'import "npm:ssh2@1.17.0";\nexport const ssh = "Atomics.load";\n',
  "posix/calls.ts": 'import "../native/capability.ts";\nimport "../ring/ring.ts";\n',
  "tests/support/seed.ts": "export {};\n",
  "README.md": "",
  "docs/semantics.md": "",
};

/** Checks the clean tree with some files added or replaced. */
function check(changes: Record<string, string> = {}): string[] {
  const violations = checkImportRules(new Map(Object.entries({ ...CLEAN, ...changes })));
  return violations.map(({ file, line, rule }) => `${file}:${line}: ${rule}`);
}

Deno.test("a tree that keeps the rules has no violations", () => {
  assertEquals(check(), []);
});

Deno.test("ring imports nothing outside ring, not even a type", () => {
  assertEquals(check({ "ring/x.ts": '\nimport type { open } from "../drivers/mod.ts";\n' }), [
    "ring/x.ts:2: ring/ may import nothing outside itself, not drivers/mod.ts.",
  ]);
  assertEquals(check({ "ring/x.ts": 'import "node:net";\n' }), [
    "ring/x.ts:1: ring/ imports relative modules only, not node:net.",
  ]);
});

Deno.test("stack imports of the ring only its abi", () => {
  assertEquals(check({ "stack/x.ts": 'import "../ring/ring.ts";\n' }), [
    "stack/x.ts:1: stack/ may import ring/abi/, not ring/ring.ts.",
  ]);
});

Deno.test("drivers import neither native nor packages", () => {
  assertEquals(check({ "drivers/x.ts": 'import "../native/tcp.ts";\nimport "npm:ws@8";\n' }), [
    "drivers/x.ts:1: drivers/ may import ring/, stack/, not native/tcp.ts.",
    "drivers/x.ts:2: Only entry points of their own under native/ may import packages," +
    " not drivers/.",
  ]);
});

Deno.test("native knows of the drivers only their mod.ts", () => {
  assertEquals(check({ "native/x.ts": 'import "../drivers/open.ts";\n' }), [
    "native/x.ts:1: native/ may import ring/, drivers/mod.ts, not drivers/open.ts.",
  ]);
});

Deno.test("posix knows of native only the capability", () => {
  assertEquals(check({ "posix/x.ts": 'export * from "../native/tcp.ts";\n' }), [
    "posix/x.ts:1: posix/ may import ring/, native/capability.ts, not native/tcp.ts.",
  ]);
});

Deno.test("mod.ts exports from native, posix, and the addresses and rights of ring only", () => {
  assertEquals(check({ "mod.ts": 'export * from "./ring/ring.ts";\n' }), [
    "mod.ts:1: mod.ts may import native/, posix/, ring/abi/, ring/authority/, not ring/ring.ts.",
  ]);
});

Deno.test("a Worker named by URL counts as known", () => {
  assertEquals(
    check({ "ring/x.ts": 'new Worker(new URL("../drivers/open.ts", import.meta.url));\n' }),
    ["ring/x.ts:1: ring/ may import nothing outside itself, not drivers/open.ts."],
  );
});

Deno.test("tests beside sources cross no folders either", () => {
  assertEquals(check({ "ring/x_test.ts": 'import "../native/tcp.ts";\n' }), [
    "ring/x_test.ts:1: ring/ may import nothing outside itself, not native/tcp.ts.",
  ]);
});

Deno.test("what ships names no module that a consumer's import map would have to know", () => {
  assertEquals(check({ "native/x.ts": 'import "@std/bytes";\n' }), [
    "native/x.ts:1: What ships uses relative, node:, npm: or jsr: specifiers, not @std/bytes.",
  ]);
  assertEquals(check({ "drivers/x.ts": "await import(name);\n" }), [
    "drivers/x.ts:1: A computed import() does not work in guests: name the module.",
  ]);
});

Deno.test("mod.ts reaches no package, however far away", () => {
  assertEquals(check({ "native/tcp.ts": '// first\nimport "./ssh/mod.ts";\n' }), [
    "native/ssh/ssh.ts:1: mod.ts reaches this module and fetches nothing, so not" +
    " npm:ssh2@1.17.0.",
  ]);
});

Deno.test("ring and stack have no world, clock, timer or randomness of their own", () => {
  const impure = {
    "Deno.memoryUsage();": "Deno",
    "Date.now();": "Date",
    "new Date();": "Date",
    "performance.now();": "performance",
    "Math.random();": "Math.random",
    "setTimeout(f);": "a timer",
    "setInterval(f);": "a timer",
    "crypto.randomUUID();": "crypto",
    "`${crypto.randomUUID()}`;": "crypto",
  };
  for (const [code, name] of Object.entries(impure)) {
    for (const folder of ["ring", "stack"]) {
      assertEquals(check({ [`${folder}/x.ts`]: `\n\n${code}\n` }), [
        `${folder}/x.ts:3: ${folder}/ runs under a simulator: ${name} comes in as an argument.`,
      ], code);
    }
  }
});

Deno.test("Atomics appears only in the barrier module", () => {
  assertEquals(check({ "drivers/x.ts": "const { load } = Atomics;\n" }), [
    "drivers/x.ts:1: Memory ordering lives in ring/barrier.ts: Atomics appears nowhere else.",
  ]);
});

Deno.test("dlopen appears only in a file named for its library", () => {
  assertEquals(check({ "drivers/kernel/setup.ts": "Deno.dlopen('libc.so.6', {});\n" }), [
    "drivers/kernel/setup.ts:1: dlopen appears in drivers/<name>/lib<library>.ts only, one" +
    " file per library.",
  ]);
});

Deno.test("import cycles are found, with the whole way round", () => {
  const changes = {
    "ring/a.ts": 'import "./b.ts";\n',
    "ring/b.ts": 'import { C } from "./c.ts";\n',
    "ring/c.ts": '\nexport type C = import("./a.ts").A;\n',
  };
  assertEquals(check(changes), [
    "ring/c.ts:2: Imports form no cycles: ring/a.ts -> ring/b.ts -> ring/c.ts -> ring/a.ts.",
  ]);
});

Deno.test("types may refer to each other: those imports are erased", () => {
  const changes = {
    "ring/a.ts": 'import { B } from "./b.ts";\n',
    "ring/b.ts": 'import type { A } from "./a.ts";\nexport type * from "./a.ts";\n',
  };
  assertEquals(check(changes), []);
});

Deno.test("a folder's mod.ts only exports", () => {
  assertEquals(check({ "drivers/mod.ts": 'export { open } from "./open.ts";\nlet x;\n' }), [
    "drivers/mod.ts:2: A folder's mod.ts consists of `export ... from` and nothing else.",
  ]);
});

Deno.test("names are snake_case", () => {
  const rule = "File and folder names are snake_case.";
  assertEquals(check({ "native/tcpStream.ts": "", "tests/Big/x.ts": "", "docs/a-b.md": "" }), [
    `docs/a-b.md:1: ${rule}`,
    `native/tcpStream.ts:1: ${rule}`,
    `tests/Big/x.ts:1: ${rule}`,
  ]);
});

Deno.test("tests are skipped only where the reason is recorded", () => {
  const rule =
    "Tests are skipped through skipUnless() of tests/support/skip.ts, which records the reason.";
  assertEquals(check({ "tests/x_test.ts": "Deno.test({ ignore: true });\n" }), [
    `tests/x_test.ts:1: ${rule}`,
  ]);
  assertEquals(check({ "tests/x_test.ts": 'Deno.test.ignore("x", f);\n' }), [
    `tests/x_test.ts:1: ${rule}`,
  ]);
});
