import { assertEquals } from "@std/assert";
import { writeTimespec } from "./timespec.ts";

Deno.test("a time is whole seconds, and nanoseconds that are rounded up and fewer than a second", () => {
  const words = new Int32Array(6);
  for (
    const [milliseconds, seconds, nanoseconds] of [
      [0, 0, 0],
      [1, 0, 1_000_000],
      [1500.25, 1, 500_250_000],
      [0.000_000_1, 0, 1],
      [999.999_999_999, 0, 999_999_999],
      [2 ** 42, 4_398_046_511, 104_000_000],
    ]
  ) {
    words.fill(-1);
    writeTimespec(words, 4, milliseconds);
    const high = Math.floor(seconds / 2 ** 32);
    assertEquals([...words], [-1, seconds | 0, high, nanoseconds, 0, -1]);
  }
});
