import { assertEquals } from "@std/assert";
import { openLibcNames } from "../tests/support/libc_names.ts";
import { Errno } from "../ring/abi/errno.ts";
import { strerror } from "./strerror.ts";

const libc = openLibcNames();

Deno.test("every number has glibc's text", () => {
  for (let errno = 0; errno < 300; errno++) assertEquals(strerror(errno), libc.strerror(errno));
  for (let code = -300; code < 0; code++) assertEquals(strerror(code), libc.gai_strerror(code));
});

Deno.test("every error number that has a name has a text", () => {
  for (const [name, errno] of Object.entries(Errno)) {
    assertEquals(strerror(errno).startsWith("Unknown"), false, name);
  }
});

Deno.test("a number that nobody uses is told with its number", () => {
  assertEquals(strerror(4095), "Unknown error 4095");
  assertEquals(strerror(-4095), "Unknown error");
});
