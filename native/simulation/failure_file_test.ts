import { assertEquals } from "@std/assert";
import { writeFailure } from "./failure_file.ts";

Deno.test("the capture of a failed run is written, or it is said why not", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/run.pcapng`;
    assertEquals(writeFailure(path, new Uint8Array(0)), null);
    assertEquals(writeFailure(`${folder}/nowhere/run.pcapng`, new Uint8Array(4)), null);
    assertEquals(writeFailure(path, Uint8Array.of(1, 2, 3)), path);
    assertEquals(await Deno.readFile(path), Uint8Array.of(1, 2, 3));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
