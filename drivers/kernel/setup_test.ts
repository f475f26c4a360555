import { assertEquals, assertStringIncludes } from "@std/assert";
import { explainSetup, isRecentEnough } from "./setup.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { FeatureFlag, Op } from "../../ring/abi/opcodes.ts";

Deno.test("every way io_uring_setup fails has a sentence that says what to do about it", () => {
  const sentences: readonly [number, string, string][] = [
    [Errno.EPERM, "EPERM", "seccomp or kernel.io_uring_disabled"],
    [Errno.ENOSYS, "ENOSYS", "has no io_uring"],
    [Errno.ENOMEM, "ENOMEM", "locked memory"],
    [Errno.EMFILE, "EMFILE", "no file descriptor is left"],
    [Errno.ENFILE, "ENFILE", "no file descriptor is left"],
    [Errno.EINVAL, "EINVAL", "setup flags"],
  ];
  for (const [errno, name, part] of sentences) {
    const sentence = explainSetup(errno);
    assertStringIncludes(sentence, `io_uring_setup: ${name}: `);
    assertStringIncludes(sentence, part);
  }
});

Deno.test("a kernel is recent enough by what it has, not by its number", () => {
  const supported = new Uint8Array(256);
  assertEquals(isRecentEnough(FeatureFlag.NODROP, supported), false);
  supported[Op.SENDMSG_ZC] = 1;
  assertEquals(isRecentEnough(FeatureFlag.NODROP, supported), true);
  assertEquals(isRecentEnough(0, supported), false);
});
