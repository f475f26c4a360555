/**
 * The documents, as far as they can be proved: code blocks pass the type check and run, the tests
 * that are named exist, and the tables of the reference are complete.
 *
 * The words after `ts` say how a block is run:
 *
 * - none: as a program; what it prints has to hold the `// comments` after its `console.log` calls;
 * - `serve`: as a server that prints its address, and has to answer whoever connects;
 * - `test`: by `deno test`;
 * - `module`: not by itself: another block of the document imports it;
 * - `kernel`: only where the kernel backend starts;
 * - `ignore`: not at all.
 *
 * A first line such as `// worker.ts` names the file that a block becomes.
 *
 * `MILLRACE_WRITE_DOCS=1` writes the tables of `docs/reference/errors.md` instead of comparing them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { netError } from "../native/errors.ts";
import { Errno, errnoName, errnoSentence } from "../ring/abi/errno.ts";
import { listFiles, ROOT } from "../tools/files.ts";
import { BACKENDS } from "./conformance/backends.ts";
import { behaviours } from "./conformance/behaviour.ts";
import "./conformance/behaviours/all.ts";
import { findUndocumented } from "./support/documented.ts";
import { kernelRefusal } from "./support/kernel.ts";
import { formatSkip } from "./support/skip.ts";

/** A document that takes longer hangs. */
const PROGRAM_LIMIT_MS = 10_000;
/** The type check of all blocks may have to look at the whole tree first. */
const CHECK_LIMIT_MS = 60_000;
/** What servers are asked: a request of HTTP/1.0, which an echo server returns. */
const REQUEST = "GET / HTTP/1.0\r\n\r\n";

const DOCUMENTS = ["README.md", ...listFiles().filter((file) => /^docs\/.*\.md$/.test(file))];
const REFUSAL = kernelRefusal();

type Mode = "program" | "serve" | "test" | "module";

interface Block {
  readonly document: string;
  readonly line: number;
  readonly mode: Mode;
  readonly needsKernel: boolean;
  /** The file it becomes, below the folder of all blocks. */
  readonly file: string;
  readonly source: string;
  /** What it says it prints, in order. */
  readonly printed: readonly string[];
}

function readBlocks(document: string): Block[] {
  const text = Deno.readTextFileSync(new URL(document, ROOT));
  const blocks: Block[] = [];
  for (const match of text.matchAll(/^```ts(.*)\n([\s\S]*?)^```$/gm)) {
    const words = match[1].trim().split(/\s+/).filter((word) => word !== "");
    if (words.includes("ignore")) continue;
    const unknown = words.find((word) => !["serve", "test", "module", "kernel"].includes(word));
    const line = text.slice(0, match.index).split("\n").length;
    assertEquals(unknown, undefined, `${document}:${line}: a block is marked with`);
    const code = match[2];
    const name = /^\/\/ (\w+\.ts)\n/.exec(code)?.[1] ?? `line_${line}.ts`;
    const mode = (words.find((word) => word !== "kernel") ?? "program") as Mode;
    blocks.push({
      document,
      line,
      mode,
      needsKernel: words.includes("kernel"),
      file: `${document.replaceAll("/", "_").replace(/\.md$/, "")}/${name}`,
      source: code
        .replaceAll('"./mod.ts"', JSON.stringify(new URL("mod.ts", ROOT).href))
        .replaceAll('"./posix/mod.ts"', JSON.stringify(new URL("posix/mod.ts", ROOT).href))
        .replaceAll(/"127\.0\.0\.1:[1-9]\d*"/g, '"127.0.0.1:0"'),
      printed: [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, said]) => said),
    });
  }
  return blocks;
}

const BLOCKS = DOCUMENTS.flatMap(readBlocks);

function placeOf({ document, line }: Block): string {
  return `${document}:${line}`;
}

/** Blocks that can run here; the others are skipped loudly. */
function runnable(mode: Mode): Block[] {
  return BLOCKS.filter((block) => {
    if (block.mode !== mode) return false;
    if (!block.needsKernel || REFUSAL === undefined) return true;
    console.error(formatSkip({ name: placeOf(block), reason: REFUSAL }));
    return false;
  });
}

async function withFiles(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const { file, source } of BLOCKS) {
      await Deno.mkdir(`${folder}/${file.split("/")[0]}`, { recursive: true });
      await Deno.writeTextFile(`${folder}/${file}`, source);
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runDeno(args: string[], limitMs: number): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(limitMs),
  }).output();
  const [said, complained] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(code, 0, `${args.join(" ")}\n${said}${complained}`);
  return said;
}

/** Runs every program in one process, one after the other, and prints what each printed. */
function runnerSource(files: readonly string[]): string {
  return `
const files = ${JSON.stringify(files)};
const print = console.log;
for (const file of files) {
  const lines = [];
  console.log = (...values) => lines.push(values.map((value) =>
    typeof value === "string" ? value : Deno.inspect(value)).join(" "));
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("it hangs")), ${PROGRAM_LIMIT_MS});
  });
  let error = null;
  try {
    await Promise.race([import(file), limit]);
  } catch (reason) {
    error = String(reason?.stack ?? reason);
  }
  clearTimeout(timer);
  print(JSON.stringify({ lines, error }));
}
Deno.exit(0);
`;
}

Deno.test("code blocks of the documents pass the type check", async () => {
  await withFiles(async (folder) => {
    const files = BLOCKS.map(({ file }) => `${folder}/${file}`);
    await runDeno(["check", "--no-config", "--quiet", ...files], CHECK_LIMIT_MS);
  });
});

Deno.test("programs of the documents run, and print what they say", async () => {
  const blocks = runnable("program");
  await withFiles(async (folder) => {
    const runner = `${folder}/runner.js`;
    const urls = blocks.map(({ file }) => `file://${folder}/${file}`);
    await Deno.writeTextFile(runner, runnerSource(urls));
    const output = await runDeno(["run", "-A", "--no-config", runner], 3 * PROGRAM_LIMIT_MS);
    const results = output.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(results.length, blocks.length);
    for (const [index, block] of blocks.entries()) {
      const { lines, error } = results[index] as { lines: string[]; error: string | null };
      assertEquals(error, null, placeOf(block));
      let from = 0;
      for (const said of block.printed) {
        const at = lines.indexOf(said, from);
        assert(at >= 0, `${placeOf(block)} does not print ${said}, but ${lines.join(" | ")}`);
        from = at + 1;
      }
    }
  });
});

Deno.test("servers of the documents answer", async () => {
  await withFiles(async (folder) => {
    await Promise.all(
      runnable("serve").map((block) => askServer(block, `${folder}/${block.file}`)),
    );
  });
});

async function askServer(block: Block, file: string): Promise<void> {
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", "--no-check", file],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.timeout(PROGRAM_LIMIT_MS),
  }).spawn();
  const lines = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    let said = "";
    while (!/:\d+\b.*\n/.test(said)) {
      const { done, value } = await lines.read();
      assert(!done, `${placeOf(block)} ended before it said its address: ${said}`);
      said += value;
    }
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(said)?.[1]);
    using client = await Deno.connect({ hostname: "127.0.0.1", port });
    await client.write(new TextEncoder().encode(REQUEST));
    const answer = await client.read(new Uint8Array(1000));
    assert(answer !== null && answer > 0, `${placeOf(block)} does not answer`);
  } finally {
    await lines.cancel();
    try {
      server.kill();
    } catch {
      // It has ended, which is told above.
    }
    await server.status;
  }
}

Deno.test("tests of the documents pass", async () => {
  const blocks = runnable("test");
  await withFiles(async (folder) => {
    const files = blocks.map(({ file }) => `${folder}/${file}`);
    const output = await runDeno(
      ["test", "-A", "--no-config", "--no-check", ...files],
      PROGRAM_LIMIT_MS,
    );
    assert(!/\b0 passed/.test(output), output);
  });
});

Deno.test("docs/semantics.md names tests that exist, and every deviation", async () => {
  const text = await Deno.readTextFile(new URL("docs/semantics.md", ROOT));
  const sources = listFiles().filter((file) => file.endsWith("_test.ts"))
    .map((file) => Deno.readTextFileSync(new URL(file, ROOT))).join("\n");
  const names = new Set(behaviours.map(({ name }) => name));
  let count = 0;
  for (const [, list] of text.matchAll(/_Shown by:_ (.*)$/gm)) {
    for (const [, name] of list.matchAll(/"([^"]+)"/g)) {
      const exists = names.has(name) || sources.includes(`"${name}"`);
      assert(exists, `no test is called ${name}`);
      count++;
    }
  }
  assert(count > 50, `only ${count} tests are named`);
  const plain = text.replaceAll("`", "");
  for (const { deviations } of BACKENDS) {
    for (const { why } of Object.values(deviations)) {
      assert(plain.includes(why), `docs/semantics.md does not say: ${why}`);
    }
  }
});

/** The table of error numbers, as `docs/reference/errors.md` has it. */
function errnoTable(): string {
  const rows = [...new Set(Object.values(Errno))].map((errno) => {
    const error = netError(errno, { operation: "connect" });
    const base = Object.getPrototypeOf(Object.getPrototypeOf(error)).constructor.name;
    const extended = base === "Error" ? "`Error`" : `\`Deno.errors.${base}\``;
    return [String(errno), `\`${errnoName(errno)}\``, extended, errnoSentence(errno)];
  });
  const table = [["errno", "code", "extends", "what it means"], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const lines = table.map((row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`
  );
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

Deno.test("docs/reference/errors.md has the class of every error number", async () => {
  const file = new URL("docs/reference/errors.md", ROOT);
  const text = await Deno.readTextFile(file);
  const parts = /^([\s\S]*<!-- errno table -->\n)([\s\S]*)(\n<!-- \/errno table -->[\s\S]*)$/;
  const [, before, table, after] = parts.exec(text)!;
  if (Deno.env.get("MILLRACE_WRITE_DOCS") === "1") {
    await Deno.writeTextFile(file, `${before}\n${errnoTable()}\n${after}`);
  } else {
    assertEquals(table.trim(), errnoTable(), "MILLRACE_WRITE_DOCS=1 writes it anew");
  }
});

Deno.test("the reference names everything that mod.ts exports", async () => {
  const documents = DOCUMENTS.filter((file) => file.startsWith("docs/reference/"));
  const text = documents.map((file) => Deno.readTextFileSync(new URL(file, ROOT))).join("\n");
  assertEquals(await findUndocumented(new URL("mod.ts", ROOT), text), []);
});
