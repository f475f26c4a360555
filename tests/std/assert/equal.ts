const TypedArray = Object.getPrototypeOf(Uint8Array) as new () => ArrayLike<unknown>;

/** Their text says everything about them. */
const COMPARED_AS_TEXT: readonly (new (...args: never[]) => object)[] = [
  RegExp,
  URL,
  URLSearchParams,
  Intl.Locale,
];

/**
 * Compares two values by structure: the same prototype and the same content all the way down.
 *
 * @param a One value.
 * @param b The other value.
 * @returns Whether they are equal. `NaN` equals `NaN`, and `0` equals `-0`.
 * @throws {TypeError} For a WeakMap or a WeakSet, whose content cannot be read.
 */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

/** `seen` holds the pairs under comparison further up, so that cycles end. */
function compare(a: unknown, b: unknown, seen: Map<unknown, unknown>): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (!samePrototype(a, b)) return false;
  if (a instanceof TypedArray) return sameItems(a, b as ArrayLike<unknown>);
  if (a instanceof ArrayBuffer || a instanceof SharedArrayBuffer) {
    return sameItems(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
  }
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`Cannot compare ${a.constructor.name} instances`);
  }
  if (a instanceof WeakRef) return compare(a.deref(), (b as WeakRef<object>).deref(), seen);
  if (seen.get(a) === b) return true;
  if (Object.keys(a).length !== Object.keys(b).length) return false;
  seen.set(a, b);
  if (a instanceof Set && b instanceof Set) return sameEntries(a.entries(), b, seen);
  if (a instanceof Map && b instanceof Map) return sameEntries(a.entries(), b, seen);
  if (COMPARED_AS_TEXT.some((type) => a instanceof type)) return String(a) === String(b);
  return sameProperties(a, b, seen);
}

function samePrototype(a: object, b: object): boolean {
  const prototypeOf = (value: object) => Object.getPrototypeOf(value) ?? Object.prototype;
  return prototypeOf(a) === prototypeOf(b);
}

function sameItems(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !Object.is(a[i], b[i])) return false;
  }
  return true;
}

/** Every entry of one collection has a partner of its own in the other; keys compare deeply. */
function sameEntries(
  entries: Iterable<[unknown, unknown]>,
  b: Map<unknown, unknown> | Set<unknown>,
  seen: Map<unknown, unknown>,
): boolean {
  const unmatched = [...b.entries()];
  for (const [key, value] of entries) {
    const at = unmatched.findIndex(([otherKey, otherValue]) =>
      compare(key, otherKey, seen) && compare(value, otherValue, seen)
    );
    if (at < 0) return false;
    unmatched.splice(at, 1);
  }
  return unmatched.length === 0;
}

function sameProperties(a: object, b: object, seen: Map<unknown, unknown>): boolean {
  for (const key of new Set([...keysOf(a), ...keysOf(b)])) {
    if (!(key in a) || !(key in b)) return false;
    if (!compare(Reflect.get(a, key), Reflect.get(b, key), seen)) return false;
  }
  return true;
}

/** Own enumerable keys of plain objects and arrays; of instances all, with the inherited ones. */
function keysOf(value: object): Set<string | symbol> {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype || prototype === Array.prototype) {
    return new Set(Reflect.ownKeys({ ...value }));
  }
  const keys = new Set<string | symbol>();
  for (
    let level = value;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level)
  ) {
    for (const key of Reflect.ownKeys(level)) keys.add(key);
  }
  return keys;
}
