/**
 * The WebAssembly instructions that are used here, by the names that the specification gives them.
 *
 * Source: WebAssembly Core Specification 2.0, 5.4 "Instructions" (binary format).
 *
 * @module
 */

/** What is written behind an instruction's name, and behind its code in the module. */
export interface Immediates {
  /** Nothing. */
  readonly nothing: readonly [];
  /** The name of the block that it opens. */
  readonly block: readonly [label: string];
  /** The name of the block that it leaves, or of the loop that it starts over. */
  readonly label: readonly [label: string];
  /** The name of a parameter or local. */
  readonly local: readonly [name: string];
  /** A number of 32 bits. */
  readonly i32: readonly [value: number];
  /** A number of 64 bits, as far as JavaScript's safe integers go. */
  readonly i64: readonly [value: number];
  /** How many bytes behind the address on the stack. */
  readonly memory: readonly [offsetBytes: number];
  /** Which part of a vector. */
  readonly lane: readonly [lane: number];
  /** The numbers of the target's memory and of the source's; nothing where there is one memory. */
  readonly memories: readonly [] | readonly [to: number, from: number];
}

interface Opcode {
  readonly code: readonly number[];
  readonly takes: keyof Immediates;
}

/** The prefixes of instructions with two numbers. */
const BULK = 0xfc;
const VECTOR = 0xfd;

/** Code and immediates of each instruction. */
export const OPCODES = {
  "unreachable": { code: [0x00], takes: "nothing" },
  "block": { code: [0x02], takes: "block" },
  "loop": { code: [0x03], takes: "block" },
  "if": { code: [0x04], takes: "block" },
  "else": { code: [0x05], takes: "nothing" },
  "end": { code: [0x0b], takes: "nothing" },
  "br": { code: [0x0c], takes: "label" },
  "br_if": { code: [0x0d], takes: "label" },
  "return": { code: [0x0f], takes: "nothing" },

  "local.get": { code: [0x20], takes: "local" },
  "local.set": { code: [0x21], takes: "local" },
  "local.tee": { code: [0x22], takes: "local" },

  "i64.load": { code: [0x29], takes: "memory" },
  "i64.load8_u": { code: [0x31], takes: "memory" },
  "i64.load16_u": { code: [0x33], takes: "memory" },
  "i64.load32_u": { code: [0x35], takes: "memory" },
  "i64.store": { code: [0x37], takes: "memory" },
  "i64.store8": { code: [0x3c], takes: "memory" },
  "i64.store16": { code: [0x3d], takes: "memory" },
  "i64.store32": { code: [0x3e], takes: "memory" },

  "i32.const": { code: [0x41], takes: "i32" },
  "i64.const": { code: [0x42], takes: "i64" },
  "i32.eqz": { code: [0x45], takes: "nothing" },
  "i32.lt_u": { code: [0x49], takes: "nothing" },
  "i32.gt_u": { code: [0x4b], takes: "nothing" },
  "i32.ge_u": { code: [0x4f], takes: "nothing" },
  "i32.add": { code: [0x6a], takes: "nothing" },
  "i32.sub": { code: [0x6b], takes: "nothing" },
  "i32.and": { code: [0x71], takes: "nothing" },
  "i32.or": { code: [0x72], takes: "nothing" },
  "i32.shl": { code: [0x74], takes: "nothing" },
  "i32.shr_u": { code: [0x76], takes: "nothing" },
  "i64.add": { code: [0x7c], takes: "nothing" },
  "i64.and": { code: [0x83], takes: "nothing" },
  "i64.or": { code: [0x84], takes: "nothing" },
  "i64.shl": { code: [0x86], takes: "nothing" },
  "i64.shr_u": { code: [0x88], takes: "nothing" },
  "i32.wrap_i64": { code: [0xa7], takes: "nothing" },
  "i64.extend_i32_u": { code: [0xad], takes: "nothing" },

  "memory.copy": { code: [BULK, 10], takes: "memories" },

  "v128.load": { code: [VECTOR, 0x00], takes: "memory" },
  "v128.store": { code: [VECTOR, 0x0b], takes: "memory" },
  "i64x2.extract_lane": { code: [VECTOR, 0x1d], takes: "lane" },
  "i32x4.extadd_pairwise_i16x8_u": { code: [VECTOR, 0x7f], takes: "nothing" },
  "i32x4.add": { code: [VECTOR, 0xae], takes: "nothing" },
  "i64x2.extend_low_i32x4_u": { code: [VECTOR, 0xc9], takes: "nothing" },
  "i64x2.extend_high_i32x4_u": { code: [VECTOR, 0xca], takes: "nothing" },
  "i64x2.add": { code: [VECTOR, 0xce], takes: "nothing" },
} as const satisfies Readonly<Record<string, Opcode>>;

/** The name of an instruction. */
export type OpcodeName = keyof typeof OPCODES;

/** One line of a function: the name of an instruction, and what belongs behind it. */
export type Instruction = {
  [Name in OpcodeName]: readonly [Name, ...Immediates[(typeof OPCODES)[Name]["takes"]]];
}[OpcodeName];

/** Types of parameters, locals and results. */
export const VALUE_TYPES = { i32: 0x7f, i64: 0x7e, v128: 0x7b } as const;

/** The name of a type. */
export type ValueType = keyof typeof VALUE_TYPES;
