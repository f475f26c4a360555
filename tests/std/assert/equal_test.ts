import { equal } from "@std/assert";

class Point {
  constructor(readonly x: number, readonly y: number) {}
}

const shared = (...values: number[]) => {
  const bytes = new Uint8Array(new SharedArrayBuffer(values.length));
  bytes.set(values);
  return bytes;
};

const cyclic = () => {
  const value: { self?: unknown } = {};
  value.self = value;
  return value;
};

const EQUAL: readonly (readonly [unknown, unknown])[] = [
  [NaN, NaN],
  [0, -0],
  [undefined, undefined],
  [1n, 1n],
  [[1, [2]], [1, [2]]],
  [{ a: 1, b: { c: 2 } }, { b: { c: 2 }, a: 1 }],
  [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  [new Point(1, 2), new Point(1, 2)],
  [new Date(5), new Date(5)],
  [new Date(NaN), new Date(NaN)],
  [/a/g, /a/g],
  [new URL("http://a/b"), new URL("http://a/b")],
  [new Set([1, { a: 1 }]), new Set([{ a: 1 }, 1])],
  [new Map([[{ k: 1 }, [1]]]), new Map([[{ k: 1 }, [1]]])],
  [new Map([["a", 1], ["b", 2]]), new Map([["b", 2], ["a", 1]])],
  [new Uint8Array([1, 2]), new Uint8Array([0, 1, 2]).subarray(1)],
  [new BigInt64Array([1n]), new BigInt64Array([1n])],
  [new Uint8Array([1, 2]), shared(1, 2)],
  [new Uint8Array([1]).buffer, new Uint8Array([1]).buffer],
  [shared(1).buffer, shared(1).buffer],
  [cyclic(), cyclic()],
];

const DIFFERENT: readonly (readonly [unknown, unknown])[] = [
  [1, "1"],
  [1, 1n],
  [null, undefined],
  [null, {}],
  [[1], [1, 2]],
  [[undefined], []],
  [{ a: undefined }, {}],
  [{ a: undefined, b: 1 }, { b: 1, c: undefined }],
  [{ a: 1 }, [1]],
  [new Point(1, 2), { x: 1, y: 2 }],
  [new Point(1, 2), new Point(1, 3)],
  [new Date(5), new Date(6)],
  [/a/g, /a/],
  [new URL("http://a/b"), new URL("http://a/c")],
  [new Set([1]), new Set([2])],
  [new Set([{ a: 1 }]), new Set([{ a: 2 }])],
  [new Map([["a", 1]]), new Map([["a", 2]])],
  [new Map([[{ k: 1 }, 1]]), new Map([[{ k: 2 }, 1]])],
  [new Map([["a", undefined]]), new Map([["b", undefined]])],
  [new Uint8Array([1]), new Uint8Array([2])],
  [new Uint8Array([1]), new Uint8Array([1, 0])],
  [new Uint8Array([1]), new Int8Array([1])],
  [new Uint8Array([1]), [1]],
  [new Uint8Array([1]).buffer, new Uint8Array([2]).buffer],
  [new Error("a"), new Error("b")],
  [new Error("a"), new TypeError("a")],
  [() => {}, () => {}],
  [Symbol("a"), Symbol("a")],
];

Deno.test("equal() sees equal structures, whichever comes first", () => {
  for (const [a, b] of EQUAL) {
    if (!equal(a, b) || !equal(b, a)) throw new Error(Deno.inspect([a, b]));
  }
});

Deno.test("equal() sees different structures, whichever comes first", () => {
  for (const [a, b] of DIFFERENT) {
    if (equal(a, b) || equal(b, a)) throw new Error(Deno.inspect([a, b]));
  }
});

Deno.test("equal() refuses what cannot be read", () => {
  for (const make of [() => new WeakMap(), () => new WeakSet()]) {
    try {
      equal(make(), make());
    } catch (error) {
      if (error instanceof TypeError) continue;
      throw error;
    }
    throw new Error("compared what cannot be read");
  }
});
