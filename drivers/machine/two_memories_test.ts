import { assertEquals } from "@std/assert";
import { withSeed } from "../../tests/support/seed.ts";
import { type Copier, createCopier, PlainCopier } from "./two_memories.ts";

const BYTES = 65536;

function memoryOf(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
}

const KINDS: Readonly<
  Record<string, (near: WebAssembly.Memory, far: WebAssembly.Memory) => Copier>
> = {
  "by WebAssembly": createCopier,
  "plainly": (near, far) => new PlainCopier(near.buffer, far.buffer),
};

for (const [kind, make] of Object.entries(KINDS)) {
  Deno.test(
    `bytes are copied ${kind} both ways, at any alignment, and nothing else is touched`,
    withSeed((random) => {
      const [near, far] = [memoryOf(), memoryOf()];
      const copier = make(near, far);
      const [one, other] = [new Uint8Array(near.buffer), new Uint8Array(far.buffer)];
      for (let round = 0; round < 300; round++) {
        for (let index = 0; index < 512; index++) {
          one[index] = random.integer(0, 255);
          other[index] = random.integer(0, 255);
        }
        const [from, to] = [random.integer(0, 200), random.integer(0, 200)];
        const length = random.integer(0, 300);
        const expected = Uint8Array.from(one);
        expected.set(other.slice(from, from + length), to);
        copier.copyIn(to, from, length);
        assertEquals(one.slice(0, 512), expected.slice(0, 512));
        const back = Uint8Array.from(other);
        back.set(one.slice(from, from + length), to);
        copier.copyOut(to, from, length);
        assertEquals(other.slice(0, 512), back.slice(0, 512));
      }
      assertEquals(one.length, BYTES);
    }),
  );
}
