import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { Errno, ERRNO_MAX, errnoName, errnoSentence } from "./errno.ts";

/** The two numbers that Linux leaves free: EWOULDBLOCK and EDEADLOCK of other systems. */
const UNUSED = [41, 58];

Deno.test("Errno covers every number of Linux from 1 to 133 but the two unused ones", () => {
  const numbers = new Set<number>(Object.values(Errno));
  for (let errno = 1; errno <= ERRNO_MAX; errno++) {
    assertEquals(numbers.has(errno), !UNUSED.includes(errno), `errno ${errno}`);
  }
  assertEquals(Math.max(...numbers), ERRNO_MAX);
  assertEquals(Object.keys(Errno).length, 131 + 3);
});

Deno.test("Errno has the numbers of asm-generic/errno.h", () => {
  const golden: [keyof typeof Errno, number][] = [
    ["EPERM", 1],
    ["ENOENT", 2],
    ["EINTR", 4],
    ["EBADF", 9],
    ["EAGAIN", 11],
    ["EWOULDBLOCK", 11],
    ["ENOMEM", 12],
    ["EACCES", 13],
    ["EFAULT", 14],
    ["EBUSY", 16],
    ["EINVAL", 22],
    ["EMFILE", 24],
    ["EPIPE", 32],
    ["EDEADLK", 35],
    ["EDEADLOCK", 35],
    ["ENOSYS", 38],
    ["ETIME", 62],
    ["ENOTSOCK", 88],
    ["EMSGSIZE", 90],
    ["EOPNOTSUPP", 95],
    ["ENOTSUP", 95],
    ["EADDRINUSE", 98],
    ["ECONNRESET", 104],
    ["ENOBUFS", 105],
    ["ETIMEDOUT", 110],
    ["ECONNREFUSED", 111],
    ["EHOSTUNREACH", 113],
    ["EINPROGRESS", 115],
    ["ECANCELED", 125],
    ["EHWPOISON", 133],
  ];
  for (const [name, errno] of golden) assertEquals(Errno[name], errno, name);
});

Deno.test("errnoName() names every number once and prefers ENOTSUP, EAGAIN and EDEADLK", () => {
  assertEquals(errnoName(Errno.EOPNOTSUPP), "ENOTSUP");
  assertEquals(errnoName(Errno.EWOULDBLOCK), "EAGAIN");
  assertEquals(errnoName(Errno.EDEADLOCK), "EDEADLK");
  const aliases = ["EOPNOTSUPP", "EWOULDBLOCK", "EDEADLOCK"];
  for (const [name, errno] of Object.entries(Errno)) {
    if (!aliases.includes(name)) assertEquals(errnoName(errno), name);
    assertEquals(errnoName(-errno), errnoName(errno));
  }
});

Deno.test("errnoName() spells a number without a name as E<number>", () => {
  for (const errno of [0, 41, 58, 134, 512, 4095]) assertEquals(errnoName(errno), `E${errno}`);
  assertEquals(errnoName(-4095), "E4095");
});

Deno.test("errnoSentence() has its own words for every number", () => {
  const seen = new Set<string>();
  const unknown = errnoSentence(4095);
  for (const [name, errno] of Object.entries(Errno)) {
    const sentence = errnoSentence(errno);
    assertNotEquals(sentence, unknown, name);
    assertMatch(sentence, /^[a-z][^\n]*[^.\s]$/, name);
    assertEquals(errnoSentence(-errno), sentence);
    seen.add(sentence);
  }
  assertEquals(errnoSentence(111), "nobody is listening at that address");
  // Level 2 and level 3 "has halted" differ; nothing else may be said twice by accident.
  assertEquals(seen.size, 131);
});
