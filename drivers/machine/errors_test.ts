import { assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { errnoOf } from "./errors.ts";

Deno.test("the name of the number wins over the class", () => {
  const error = Object.assign(new Deno.errors.NotFound("gone"), { code: "EHOSTUNREACH" });
  assertEquals(errnoOf(error), Errno.EHOSTUNREACH);
});

Deno.test("the number in the text wins over the class, on Linux", () => {
  const error = new Error("Too many open files (os error 24)");
  assertEquals(errnoOf(error), Deno.build.os === "linux" ? Errno.EMFILE : Errno.EIO);
});

Deno.test("the class is what is left", () => {
  const { errors } = Deno;
  const expected: [Error, number][] = [
    [new errors.ConnectionRefused(), Errno.ECONNREFUSED],
    [new errors.ConnectionReset(), Errno.ECONNRESET],
    [new errors.BrokenPipe(), Errno.EPIPE],
    [new errors.AddrInUse(), Errno.EADDRINUSE],
    [new errors.TimedOut(), Errno.ETIMEDOUT],
    [new errors.NotCapable(), Errno.EACCES],
    [new errors.BadResource(), Errno.ECANCELED],
    [new Error("?"), Errno.EIO],
  ];
  for (const [error, errno] of expected) assertEquals(errnoOf(error), errno, error.name);
});

Deno.test("a closed resource is a cancellation, although it says EINTR", () => {
  const error = Object.assign(new Deno.errors.Interrupted("operation canceled"), { code: "EINTR" });
  assertEquals(errnoOf(error), Errno.ECANCELED);
});

Deno.test("what is no error is EIO", () => {
  assertEquals(errnoOf("thrown text"), Errno.EIO);
});
