/**
 * Golden packets: what the running kernel once sent, with the fields that tshark found in it. See
 * `tests/stack/capture_golden.ts`.
 *
 * @module
 */

import { PacketBytes } from "../../../../stack/wire/packet_bytes.ts";

const FOLDER = new URL("../../../stack/golden/", import.meta.url);

interface Field {
  readonly value: string;
  /** Where it lies, -1 for a field that has no line of bytes to itself. */
  readonly at: number;
  readonly bytes: number;
}

/** A golden packet. */
export class Golden {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #fields = new Map<string, Field[]>();

  /** Reads a golden packet. @param name the name of its file */
  constructor(name: string) {
    this.name = name;
    const bytes: number[] = [];
    for (const line of Deno.readTextFileSync(new URL(`${name}.hex`, FOLDER)).split("\n")) {
      const match = /^((?:[0-9a-f]{2} ?)*) *(?:([\w.]+) = (.*))?$/.exec(line);
      if (match === null || line.startsWith("#")) continue;
      const [, hex, field, value] = match;
      const here = hex.trim() === "" ? [] : hex.trim().split(" ").map((byte) => parseInt(byte, 16));
      if (field !== undefined) {
        const at = here.length === 0 ? -1 : bytes.length;
        this.#fields.set(field, [
          ...this.#fields.get(field) ?? [],
          { value, at, bytes: here.length },
        ]);
      }
      bytes.push(...here);
    }
    this.bytes = new Uint8Array(bytes);
  }

  /** Memory of its own with the packet at offset 0. */
  get packets(): PacketBytes {
    return PacketBytes.copyOf(this.bytes);
  }

  #field(name: string, index: number): Field {
    const field = this.#fields.get(name)?.at(index);
    if (field === undefined) throw new Error(`${this.name} has no field ${name}[${index}]`);
    return field;
  }

  /** Whether tshark found a field. */
  has(name: string): boolean {
    return this.#fields.has(name);
  }

  /** What tshark says the value is. @param index which one of several, from the end if negative */
  value(name: string, index = 0): string {
    return this.#field(name, index).value;
  }

  /** The same as a number; 0x is understood. */
  number(name: string, index = 0): number {
    const number = Number(this.value(name, index));
    if (Number.isNaN(number)) throw new Error(`${this.name}: ${name} is no number`);
    return number;
  }

  /** The offset of a field that has bytes to itself. */
  at(name: string, index = 0): number {
    const { at } = this.#field(name, index);
    if (at < 0) throw new Error(`${this.name}: ${name} has no bytes to itself`);
    return at;
  }
}

/** Where the IP header lies behind that of a frame. */
export const IP_AT = 14;

const cache = new Map<string, Golden>();

/** Reads a golden packet. @param name the name of its file in `tests/stack/golden/` */
export function golden(name: string): Golden {
  const known = cache.get(name) ?? new Golden(name);
  cache.set(name, known);
  return known;
}

/** Every golden packet whose name begins so. */
export function goldens(prefix = ""): Golden[] {
  return [...Deno.readDirSync(FOLDER)].map((entry) => entry.name.replace(/\.hex$/, ""))
    .filter((name) => name.startsWith(prefix)).sort().map(golden);
}
