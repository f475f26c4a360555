import { assertEquals } from "@std/assert";
import { FileTable, HANDLES_MAX } from "./file_table.ts";
import type { OpenFile } from "./open_file.ts";
import { Errno } from "../../ring/abi/errno.ts";

const file = (name: string) => ({ name }) as unknown as OpenFile;

Deno.test("a handle names a file until it is removed", () => {
  const table = new FileTable();
  const one = file("one");
  const handle = table.add(one);
  assertEquals(table.get(handle), one);
  assertEquals(table.remove(handle), one);
  assertEquals(table.get(handle), undefined);
  assertEquals(table.remove(handle), undefined);
});

Deno.test("several handles may name one file", () => {
  const table = new FileTable();
  const one = file("one");
  const handles = [table.add(one), table.add(one)];
  table.remove(handles[0]);
  assertEquals(table.get(handles[1]), one);
});

Deno.test("a full table is EMFILE, until a handle is free", () => {
  const table = new FileTable();
  const one = file("one");
  for (let count = 0; count < HANDLES_MAX; count++) table.add(one);
  assertEquals(table.isFull, true);
  assertEquals(table.add(one), -Errno.EMFILE);
  table.remove(17);
  assertEquals(table.add(one), 17);
});
