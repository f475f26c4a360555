import { assert, assertEquals } from "@std/assert";
import { hasProgram, skipUnless } from "../../tests/support/skip.ts";
import { CaptureFile } from "./capture_file.ts";

Deno.test("a capture file has all blocks once it is closed, short ones and long ones", async () => {
  const path = await Deno.makeTempFile();
  try {
    const blocks = [10, 70_000, 30_000, 40_000, 5].map((length, nth) =>
      new Uint8Array(length).fill(nth)
    );
    const file = await CaptureFile.open(path);
    for (const block of blocks) file.write(block);
    file[Symbol.dispose]();
    file.write(Uint8Array.of(9));
    file[Symbol.dispose]();
    assertEquals(await Deno.readFile(path), Uint8Array.from(blocks.flatMap((b) => [...b])));
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a capture file tells of what happened when the event loop comes round", async () => {
  const path = await Deno.makeTempFile();
  try {
    using file = await CaptureFile.open(path);
    file.write(Uint8Array.of(1, 2));
    file.write(Uint8Array.of(3));
    await Promise.resolve();
    assertEquals((await Deno.readFile(path)).length, 3);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test({
  ...skipUnless(
    "a capture goes to a named pipe, and ends when its reader does",
    hasProgram("mkfifo") && hasProgram("head"),
    "needs mkfifo and head",
  ),
  async fn() {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/live`;
    try {
      assert((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
      const reader = new Deno.Command("head", { args: ["-c", "5", path], stdout: "piped" }).spawn();
      using file = await CaptureFile.open(path);
      file.write(Uint8Array.of(1, 2, 3, 4, 5));
      file.flush();
      const { stdout } = await reader.output();
      assertEquals([...stdout], [1, 2, 3, 4, 5]);
      for (let block = 0; block < 3; block++) {
        file.write(Uint8Array.of(6));
        file.flush();
      }
      assertEquals(file.isBroken, true);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
