import { assertEquals } from "@std/assert";
import { FileTable } from "./file_table.ts";

Deno.test("descriptors are the lowest free numbers from 3", () => {
  const files = new FileTable<string>();
  for (let fd = 3; fd < 200; fd++) {
    assertEquals(files.lowest(), fd);
    files.set(fd, `file ${fd}`);
  }
  for (const fd of [150, 31, 64, 32]) files.delete(fd);
  for (const fd of [31, 32, 64, 150, 200]) {
    assertEquals(files.lowest(), fd);
    files.set(fd, "again");
  }
  assertEquals(files.get(64), "again");
  assertEquals(files.get(2), undefined);
  assertEquals(files.size, 198);
});

Deno.test("a full table has no descriptor, until one is freed", () => {
  const files = new FileTable<number>(4);
  for (let count = 0; count < 4; count++) files.set(files.lowest(), count);
  assertEquals(files.lowest(), -1);
  files.delete(4);
  assertEquals(files.lowest(), 4);
  const seen: number[] = [];
  files.forEach((file) => seen.push(file));
  assertEquals(seen, [0, 2, 3]);
});
