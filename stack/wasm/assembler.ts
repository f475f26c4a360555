/**
 * A small assembler for WebAssembly: functions are lists of named instructions in TypeScript, and
 * this makes the bytes of a module of them, so that no bytes of unknown origin are in the tree.
 *
 * It resolves names of locals and labels and knows nothing about types; whether a module is valid
 * is for the engine that compiles it to say.
 * Source: WebAssembly Core Specification 2.0, chapter 5 "Binary Format".
 *
 * @module
 */

import { list, name, signed, sized, unsigned } from "./encoding.ts";
import { type Instruction, OPCODES, VALUE_TYPES, type ValueType } from "./opcodes.ts";

/** A named parameter or local. */
export type Variable = readonly [name: string, type: ValueType];

/** A function, as it is written down. */
export interface FunctionText {
  /** What it is exported as. */
  readonly name: string;
  /** What it is called with. */
  readonly parameters: readonly Variable[];
  /** What it gives, if it gives something. */
  readonly result?: ValueType;
  /** Variables of its own, which start as zeros. */
  readonly locals: readonly Variable[];
  /** Its instructions, without the last `end`. */
  readonly body: readonly Instruction[];
}

/** The memory that a module imports, shared between threads. */
export interface MemoryImport {
  /** The first half of its name. */
  readonly module: string;
  /** The second half. */
  readonly name: string;
  /** Pages of 64 KiB that it has at least. */
  readonly minimumPages: number;
  /** Pages that its own maximum may name at most. */
  readonly maximumPages: number;
}

/** The first bytes of each module: `\0asm`, version 1. */
const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

const Section = { TYPE: 1, IMPORT: 2, FUNCTION: 3, EXPORT: 7, CODE: 10 } as const;

const FUNCTION_TYPE = 0x60;
const IMPORT_MEMORY = 0x02;
const EXPORT_FUNCTION = 0x00;
/** Limits with a maximum, of a memory that threads share. */
const SHARED_LIMITS = 0x03;
/** A block that leaves nothing on the stack. */
const EMPTY_BLOCK = 0x40;
const END = 0x0b;
const FIRST_MEMORY = 0x00;
/** Addresses are aligned to 2^0 bytes: any address will do. */
const NO_ALIGNMENT = 0;

/**
 * Makes a module.
 *
 * @param memory what its instructions read and write; of several, loads and stores mean the first
 * @param functions what it exports
 * @returns its bytes, for `new WebAssembly.Module()`
 * @throws {TypeError} if an instruction names a local or label that is not there, or blocks are
 * not closed
 *
 * @example
 * ```ts
 * const bytes = assemble(
 *   { module: "stack", name: "memory", minimumPages: 1, maximumPages: 65536 },
 *   [{
 *     name: "twice",
 *     parameters: [["value", "i32"]],
 *     result: "i32",
 *     locals: [],
 *     body: [["local.get", "value"], ["local.get", "value"], ["i32.add"]],
 *   }],
 * );
 * const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
 * const module = new WebAssembly.Module(bytes);
 * const { exports } = new WebAssembly.Instance(module, { stack: { memory } });
 * ```
 */
export function assemble(
  memory: MemoryImport | readonly MemoryImport[],
  functions: readonly FunctionText[],
): Uint8Array<ArrayBuffer> {
  const memories = [memory].flat() as MemoryImport[];
  const numbers = functions.map((_, index) => unsigned(index));
  return new Uint8Array([
    ...PREAMBLE,
    ...section(Section.TYPE, functions.map(typeOf)),
    ...section(Section.IMPORT, memories.map(importOf)),
    ...section(Section.FUNCTION, numbers),
    ...section(
      Section.EXPORT,
      functions.map((text, index) => [...name(text.name), EXPORT_FUNCTION, ...numbers[index]]),
    ),
    ...section(Section.CODE, functions.map((text) => sized(codeOf(text)))),
  ]);
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  return [id, ...sized(list(items))];
}

function typeOf({ parameters, result }: FunctionText): number[] {
  const results = result === undefined ? [] : [[VALUE_TYPES[result]]];
  return [
    FUNCTION_TYPE,
    ...list(parameters.map(([, type]) => [VALUE_TYPES[type]])),
    ...list(results),
  ];
}

function importOf(memory: MemoryImport): number[] {
  return [
    ...name(memory.module),
    ...name(memory.name),
    IMPORT_MEMORY,
    SHARED_LIMITS,
    ...unsigned(memory.minimumPages),
    ...unsigned(memory.maximumPages),
  ];
}

function codeOf(text: FunctionText): number[] {
  const names = [...text.parameters, ...text.locals].map(([local]) => local);
  const twice = names.find((local, index) => names.indexOf(local) !== index);
  if (twice !== undefined) throw new TypeError(`${text.name}: there are two locals ${twice}`);
  const labels: string[] = [];
  const code: number[] = [];
  for (const [line, instruction] of text.body.entries()) {
    try {
      encode(instruction, names, labels, code);
    } catch (error) {
      throw new TypeError(`${text.name}, instruction ${line}: ${(error as Error).message}`);
    }
  }
  if (labels.length > 0) {
    throw new TypeError(`${text.name}: the block ${labels[labels.length - 1]} is not closed`);
  }
  return [...list(text.locals.map(([, type]) => [1, VALUE_TYPES[type]])), ...code, END];
}

/** Writes one instruction behind the others; `labels` are the open blocks, the innermost last. */
function encode(
  [opcode, immediate, second]: Instruction,
  names: readonly string[],
  labels: string[],
  code: number[],
): void {
  const { code: numbers, takes } = OPCODES[opcode];
  // A prefix is one byte, the number behind it is LEB128.
  code.push(numbers[0], ...numbers.slice(1).flatMap(unsigned));
  switch (takes) {
    case "nothing":
      if (opcode === "end" && labels.pop() === undefined) throw new TypeError("nothing is open");
      return;
    case "block":
      labels.push(immediate as string);
      code.push(EMPTY_BLOCK);
      return;
    case "label":
      code.push(...unsigned(depthOf(immediate as string, labels)));
      return;
    case "local":
      code.push(...unsigned(indexOf(immediate as string, names)));
      return;
    case "i32":
    case "i64":
      code.push(...signed(immediate as number));
      return;
    case "memory":
      code.push(NO_ALIGNMENT, ...unsigned(immediate as number));
      return;
    case "lane":
      code.push(immediate as number);
      return;
    case "memories":
      code.push(...unsigned((immediate as number | undefined) ?? FIRST_MEMORY));
      code.push(...unsigned(second ?? FIRST_MEMORY));
      return;
  }
}

function indexOf(local: string, names: readonly string[]): number {
  const index = names.indexOf(local);
  if (index < 0) throw new TypeError(`there is no local ${local}`);
  return index;
}

/** Blocks are counted from the innermost one. */
function depthOf(label: string, labels: readonly string[]): number {
  const index = labels.lastIndexOf(label);
  if (index < 0) throw new TypeError(`no block ${label} is open`);
  return labels.length - 1 - index;
}
