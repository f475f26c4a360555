import { assertEquals, assertThrows } from "@std/assert";
import { assemble, type FunctionText, type MemoryImport } from "./assembler.ts";
import type { Instruction } from "./opcodes.ts";

import { withSeed } from "../../tests/support/seed.ts";

const MEMORY: MemoryImport = { module: "m", name: "n", minimumPages: 1, maximumPages: 2 };

function instantiate(...functions: FunctionText[]) {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const module = new WebAssembly.Module(assemble(MEMORY, functions));
  const { exports } = new WebAssembly.Instance(module, { m: { n: memory } });
  const bytes = new Uint8Array(memory.buffer);
  return { bytes, exports: exports as Record<string, (...values: unknown[]) => unknown> };
}

function text(body: readonly Instruction[], more: Partial<FunctionText> = {}): FunctionText {
  return { name: "f", parameters: [], locals: [], body, ...more };
}

Deno.test("assemble() writes the bytes that the specification asks for", () => {
  const bytes = assemble(MEMORY, [
    text([["local.get", "a"], ["i32.const", 5], ["i32.add"]], {
      parameters: [["a", "i32"]],
      result: "i32",
      locals: [["b", "i64"]],
    }),
  ]);
  // deno-fmt-ignore
  assertEquals([...bytes], [
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // the preamble
    1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, // one type: i32 -> i32
    2, 9, 1, 1, 0x6d, 1, 0x6e, 2, 3, 1, 2, // one import: memory "m" "n", shared, 1 to 2 pages
    3, 2, 1, 0, // one function, of type 0
    7, 5, 1, 1, 0x66, 0, 0, // one export: function 0 as "f"
    10, 11, 1, 9, 1, 1, 0x7e, 0x20, 0, 0x41, 5, 0x6a, 0x0b, // its locals and code
  ]);
});

Deno.test("each function can be called by its name, with a type of its own", () => {
  const { exports } = instantiate(
    text([["local.get", "x"], ["local.get", "y"], ["i32.sub"]], {
      name: "minus",
      parameters: [["x", "i32"], ["y", "i32"]],
      result: "i32",
    }),
    text([["i64.const", -(2 ** 40)]], { name: "constant", result: "i64" }),
  );
  assertEquals(exports.minus(7, 9), -2);
  assertEquals(exports.constant(), -(2n ** 40n));
});

Deno.test("labels name blocks and loops from inside, whatever lies between", () => {
  const { exports } = instantiate(
    text([
      ["block", "done"],
      ["loop", "again"],
      ["local.get", "left"],
      ["i32.eqz"],
      ["br_if", "done"],
      ["local.get", "left"],
      ["local.get", "sum"],
      ["i32.add"],
      ["local.set", "sum"],
      ["local.get", "left"],
      ["i32.const", 1],
      ["i32.sub"],
      ["local.tee", "left"],
      ["if", "odd jump"],
      ["br", "again"],
      ["end"],
      ["end"],
      ["end"],
      ["local.get", "sum"],
    ], { parameters: [["left", "i32"]], result: "i32", locals: [["sum", "i32"]] }),
  );
  assertEquals(exports.f(4), 10);
  assertEquals(exports.f(0), 0);
});

Deno.test("memory is read and written at offsets, at any alignment", () => {
  const { bytes, exports } = instantiate(
    text([
      ["local.get", "at"],
      ["local.get", "at"],
      ["i64.load16_u", 300],
      ["i64.store32", 1],
    ], { parameters: [["at", "i32"]] }),
  );
  bytes.set([0x34, 0x12], 303);
  exports.f(3);
  assertEquals([...bytes.subarray(3, 9)], [0, 0x34, 0x12, 0, 0, 0]);
  assertThrows(() => exports.f(65536), WebAssembly.RuntimeError);
});

Deno.test(
  "constants of 32 bits keep their value",
  withSeed((random) => {
    const edges = [0, 63, 64, -64, -65, 8191, 8192, 2 ** 31 - 1, -(2 ** 31)];
    const values = [...edges, ...Array.from({ length: 50 }, () => random.uint32() | 0)];
    const functions = values.map((value, index) =>
      text([["i32.const", value]], { name: `f${index}`, result: "i32" })
    );
    const { exports } = instantiate(...functions);
    assertEquals(values.map((_, index) => exports[`f${index}`]()), values);
  }),
);

Deno.test("a mistake in a function names the function and the line", () => {
  const body = (...instructions: Instruction[]) => () => assemble(MEMORY, [text(instructions)]);
  assertThrows(body(["local.get", "x"]), TypeError, "f, instruction 0: there is no local x");
  assertThrows(
    body(["block", "a"], ["end"], ["br", "a"]),
    TypeError,
    "f, instruction 2: no block a is open",
  );
  assertThrows(body(["end"]), TypeError, "f, instruction 0: nothing is open");
  assertThrows(body(["loop", "a"]), TypeError, "f: the block a is not closed");
  assertThrows(body(["i32.const", 0.5]), TypeError, "instruction 0: 0.5 is not a safe integer");
  const twice = text([], { parameters: [["x", "i32"]], locals: [["x", "i32"]] });
  assertThrows(() => assemble(MEMORY, [twice]), TypeError, "f: there are two locals x");
});
