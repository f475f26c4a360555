import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { baseName, IncomingFile } from "./incoming_file.ts";
import { BLOCK_BYTES, bytesOfBlock, TransferError, WINDOW_BLOCKS } from "./protocol.ts";
import { withSeed } from "../../tests/support/seed.ts";

const KEY = new Uint8Array(8);

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function create(folder: string, size: number, name = "file"): Promise<IncomingFile> {
  return IncomingFile.create(folder, { key: KEY, size, name });
}

Deno.test("only the last part of a name counts, and odd ones are refused", () => {
  for (const path of ["a.txt", "/etc/a.txt", "../../a.txt", "C:\\temp\\a.txt", "x/../a.txt"]) {
    assertEquals(baseName(path), "a.txt");
  }
  for (
    const path of ["", "/", "..", "a/..", ".", ".bashrc", "a/.ssh", "a\0b", "a\nb", "a:b", " a"]
  ) {
    const error = assertThrows(() => baseName(path), TransferError);
    assertEquals(error.code, "file", JSON.stringify(path));
  }
});

Deno.test(
  "blocks in any order, some twice, become the file",
  withSeed((random) =>
    withFolder(async (folder) => {
      const bytes = random.bytes(2 * WINDOW_BLOCKS * BLOCK_BYTES + 77);
      const file = await create(folder, bytes.length);
      const left = Array.from({ length: 2 * WINDOW_BLOCKS + 1 }, (_, block) => block);
      let twice = 0;
      let transmission = 0;
      while (!file.isComplete) {
        const open = left.filter((block) => block < file.edge).slice(0, 3000);
        for (const block of random.shuffle(open).slice(0, 2000)) {
          const from = block * BLOCK_BYTES;
          const data = bytes.subarray(from, from + bytesOfBlock(block, bytes.length));
          file.take(block, transmission++, data);
          if (random.chance(0.1)) {
            file.take(block, transmission++, data);
            twice++;
          }
          left.splice(left.indexOf(block), 1);
        }
        await file.flush();
      }
      assertEquals(file.duplicates, twice);
      assertEquals(namesIn(folder).length, 1);
      const hash = await hashOf(bytes);
      assertEquals(await file.finish(hash), hash);
      assertEquals(namesIn(folder), ["file"]);
      assertEquals(await hashOf(await Deno.readFile(`${folder}/file`)), hash);
    })
  ),
);

Deno.test("what is told says which blocks are missing", () =>
  withFolder(async (folder) => {
    const file = await create(folder, 20 * BLOCK_BYTES);
    for (const block of [0, 1, 3, 12]) file.take(block, 5 + block, new Uint8Array(BLOCK_BYTES));
    const { next, edge, reached, bitmap } = file.acknowledgement();
    assertEquals([next, edge, reached, ...bitmap], [2, 20, 18, 2, 4]);
    await file.discard();
  }));

Deno.test("blocks of a wrong length, or beyond the file, are ignored", () =>
  withFolder(async (folder) => {
    const file = await create(folder, BLOCK_BYTES + 10);
    file.take(0, 0, new Uint8Array(BLOCK_BYTES - 1));
    file.take(1, 1, new Uint8Array(BLOCK_BYTES));
    file.take(2, 2, new Uint8Array(10));
    file.take(2 ** 32 - 1, 3, new Uint8Array(10));
    assertEquals([file.next, file.acknowledgement().reached], [0, 0]);
    await file.discard();
    assertEquals(namesIn(folder), []);
  }));

Deno.test("a file with another hash leaves nothing behind", () =>
  withFolder(async (folder) => {
    const file = await create(folder, 3);
    file.take(0, 0, Uint8Array.of(1, 2, 3));
    const wrong = await hashOf(Uint8Array.of(1, 2, 4));
    const error = await assertRejects(() => file.finish(wrong), TransferError);
    assertEquals(error.code, "damaged");
    assertEquals(namesIn(folder), []);
  }));

Deno.test("an empty file is a file", () =>
  withFolder(async (folder) => {
    const file = await create(folder, 0);
    assertEquals(file.isComplete, true);
    await file.finish(await hashOf(new Uint8Array()));
    assertEquals((await Deno.stat(`${folder}/file`)).size, 0);
  }));

Deno.test("what has the name already stays as it is, links too, whenever it came", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/taken`, "mine");
    await Deno.mkdir(`${folder}/elsewhere`);
    await Deno.symlink(`${folder}/elsewhere/target`, `${folder}/link`);
    for (const name of ["taken", "link", "elsewhere"]) {
      const error = await assertRejects(() => create(folder, 1, name), TransferError);
      assertEquals(error.message, "there is a file of that name");
    }
    const file = await create(folder, 0, "late");
    await Deno.writeTextFile(`${folder}/late`, "mine, too");
    const hash = await hashOf(new Uint8Array());
    await assertRejects(() => file.finish(hash), TransferError, "of that name");
    assertEquals(await Deno.readTextFile(`${folder}/late`), "mine, too");
    assertEquals(await Deno.readTextFile(`${folder}/taken`), "mine");
    assertEquals(namesIn(`${folder}/elsewhere`), []);
    assertEquals(namesIn(folder), ["elsewhere", "late", "link", "taken"]);
  }));

Deno.test("a folder that is not there is told", async () => {
  const error = await assertRejects(() => create("/nowhere/at/all", 1), TransferError);
  assertEquals(error.code, "file");
});
