/**
 * The internet checksum as WebAssembly: a ones' complement sum of 16-bit words, read or copied at
 * any alignment.
 *
 * A sum of words does not depend on their byte order but for a swap of the result's bytes, and
 * 2^16 counts as 1 in it, so that wider numbers may be added up and folded at the end.
 * Source: RFC 1071, sections 1 and 2.
 *
 * @module
 */

import type { FunctionText, Variable } from "../../wasm/assembler.ts";
import type { Instruction } from "../../wasm/opcodes.ts";

/**
 * More bytes than this are refused: each lane of a vector takes two words of up to 2^16 - 1 from
 * every 16 bytes, and has 32 bits.
 */
export const MAXIMUM_SUM_BYTES = 1 << 18;

/** Bytes of a vector. */
const VECTOR = 16;
/** Vectors that are added up independently of each other, so that they do not wait. */
const SUMS = ["first", "second", "third", "fourth"] as const;
const BLOCK = VECTOR * SUMS.length;

/** What is done with bytes: `sum` leaves them where they are, `copyAndSum` copies them, too. */
interface Work {
  readonly copies: boolean;
}

/** Adds a vector's words in pairs to the lanes of a local, and copies it if that is asked for. */
function addVector(sum: string, offset: number, { copies }: Work): Instruction[] {
  const store: Instruction[] = [
    ["local.set", "chunk"],
    ["local.get", "to"],
    ["local.get", "chunk"],
    ["v128.store", offset],
    ["local.get", "chunk"],
  ];
  return [
    ["local.get", sum],
    ["local.get", "from"],
    ["v128.load", offset],
    ...(copies ? store : []),
    ["i32x4.extadd_pairwise_i16x8_u"],
    ["i32x4.add"],
    ["local.set", sum],
  ];
}

/** Goes on behind a number of bytes. */
function advance(bytes: number, { copies }: Work): Instruction[] {
  const moveTo: Instruction[] = [
    ["local.get", "to"],
    ["i32.const", bytes],
    ["i32.add"],
    ["local.set", "to"],
  ];
  return [
    ["local.get", "from"],
    ["i32.const", bytes],
    ["i32.add"],
    ["local.set", "from"],
    ...(copies ? moveTo : []),
    ["local.get", "bytes"],
    ["i32.const", bytes],
    ["i32.sub"],
    ["local.set", "bytes"],
  ];
}

/** Repeats something as long as so many bytes are left. */
function whileLeft(bytes: number, body: readonly Instruction[], work: Work): Instruction[] {
  const label = `${bytes} bytes`;
  const done = `fewer than ${bytes}`;
  return [
    ["block", done],
    ["local.get", "bytes"],
    ["i32.const", bytes],
    ["i32.lt_u"],
    ["br_if", done],
    ["loop", label],
    ...body,
    ...advance(bytes, work),
    ["local.get", "bytes"],
    ["i32.const", bytes],
    ["i32.ge_u"],
    ["br_if", label],
    ["end"],
    ["end"],
  ];
}

/** Adds the two 64-bit halves of the first sum to the total. */
const ADD_LANES: readonly Instruction[] = [
  ["local.get", "first"],
  ["i64x2.extend_low_i32x4_u"],
  ["local.get", "first"],
  ["i64x2.extend_high_i32x4_u"],
  ["i64x2.add"],
  ["local.tee", "chunk"],
  ["i64x2.extract_lane", 0],
  ["local.get", "chunk"],
  ["i64x2.extract_lane", 1],
  ["i64.add"],
  ["local.set", "total"],
];

type Load = "i64.load32_u" | "i64.load16_u" | "i64.load8_u";
type Store = "i64.store32" | "i64.store16" | "i64.store8";

/**
 * Adds a number of 32, 16 or 8 bits to the total, and copies it if that is asked for. The last byte
 * of an odd length is the lower one of its word here, as it is the upper one in network order.
 */
function addNumber(load: Load, store: Store, { copies }: Work): Instruction[] {
  const copy: Instruction[] = [["local.get", "to"], ["local.get", "number"], [store, 0]];
  return [
    ["local.get", "from"],
    [load, 0],
    ["local.set", "number"],
    ...(copies ? copy : []),
    ["local.get", "total"],
    ["local.get", "number"],
    ["i64.add"],
    ["local.set", "total"],
  ];
}

/** Adds what is above the lowest `bits` of the total to them. */
function fold(bits: number): Instruction[] {
  return [
    ["local.get", "total"],
    ["i64.const", 2 ** bits - 1],
    ["i64.and"],
    ["local.get", "total"],
    ["i64.const", bits],
    ["i64.shr_u"],
    ["i64.add"],
    ["local.set", "total"],
  ];
}

/** Of 35 bits at most, the folds leave 33, 17, 17 and 16. */
const FOLD: readonly Instruction[] = [...fold(32), ...fold(16), ...fold(16), ...fold(16)];

/** Swaps the two bytes that are left, into network order. */
const SWAP: readonly Instruction[] = [
  ["local.get", "total"],
  ["i64.const", 8],
  ["i64.shl"],
  ["i64.const", 0xff00],
  ["i64.and"],
  ["local.get", "total"],
  ["i64.const", 8],
  ["i64.shr_u"],
  ["i64.or"],
];

function body(work: Work): Instruction[] {
  const [first, second, third, fourth] = SUMS;
  return [
    ["local.get", "bytes"],
    ["i32.const", MAXIMUM_SUM_BYTES],
    ["i32.gt_u"],
    ["if", "too long"],
    ["unreachable"],
    ["end"],

    ...whileLeft(BLOCK, SUMS.flatMap((sum, index) => addVector(sum, index * VECTOR, work)), work),
    ["local.get", first],
    ["local.get", second],
    ["i32x4.add"],
    ["local.get", third],
    ["local.get", fourth],
    ["i32x4.add"],
    ["i32x4.add"],
    ["local.set", first],
    ...whileLeft(VECTOR, addVector(first, 0, work), work),
    ...ADD_LANES,

    // Not eight at a time: a sum of numbers of 64 bits would lose its carries.
    ...whileLeft(4, addNumber("i64.load32_u", "i64.store32", work), work),
    ...whileLeft(2, addNumber("i64.load16_u", "i64.store16", work), work),
    ...whileLeft(1, addNumber("i64.load8_u", "i64.store8", work), work),

    ...FOLD,
    ...SWAP,
    ["i32.wrap_i64"],
  ];
}

const LOCALS: readonly Variable[] = [
  ...SUMS.map((sum): Variable => [sum, "v128"]),
  ["chunk", "v128"],
  ["total", "i64"],
  ["number", "i64"],
];

/** `sum(from, bytes)`: see `BulkChecksummer`. */
export const SUM: FunctionText = {
  name: "sum",
  parameters: [["from", "i32"], ["bytes", "i32"]],
  result: "i32",
  locals: LOCALS,
  body: body({ copies: false }),
};

/** `copyAndSum(to, from, bytes)`: see `BulkChecksummer`. */
export const COPY_AND_SUM: FunctionText = {
  name: "copyAndSum",
  parameters: [["to", "i32"], ["from", "i32"], ["bytes", "i32"]],
  result: "i32",
  locals: LOCALS,
  body: body({ copies: true }),
};
