import {
  assert,
  assertEquals,
  assertFalse,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { SocketAddress } from "../ring/abi/address.ts";
import { Errno, ERRNO_MAX, errnoName } from "../ring/abi/errno.ts";
import { Authority, AuthorityDenied } from "../ring/authority/mod.ts";
import {
  badResource,
  busy,
  completionError,
  limitExceeded,
  NetError,
  netError,
  notCapable,
  PartialSendError,
  rejectCompletion,
  timedOut,
  unsupported,
} from "./errors.ts";

/** The numbers that Deno has a class for. */
const MATCHING: [keyof typeof Errno, keyof typeof Deno.errors][] = [
  ["EPERM", "PermissionDenied"],
  ["EACCES", "PermissionDenied"],
  ["ENOENT", "NotFound"],
  ["EINTR", "Interrupted"],
  ["EBADF", "BadResource"],
  ["EAGAIN", "WouldBlock"],
  ["EBUSY", "Busy"],
  ["EEXIST", "AlreadyExists"],
  ["ENOTDIR", "NotADirectory"],
  ["EISDIR", "IsADirectory"],
  ["ELOOP", "FilesystemLoop"],
  ["EPIPE", "BrokenPipe"],
  ["ENOSYS", "NotSupported"],
  ["ENOTSUP", "NotSupported"],
  ["EOPNOTSUPP", "NotSupported"],
  ["ETIME", "TimedOut"],
  ["ETIMEDOUT", "TimedOut"],
  ["EADDRINUSE", "AddrInUse"],
  ["EADDRNOTAVAIL", "AddrNotAvailable"],
  ["ENETUNREACH", "NetworkUnreachable"],
  ["EHOSTUNREACH", "NetworkUnreachable"],
  ["ECONNABORTED", "ConnectionAborted"],
  ["ECONNRESET", "ConnectionReset"],
  ["ECONNREFUSED", "ConnectionRefused"],
  ["ENOTCONN", "NotConnected"],
];

Deno.test("netError() extends the class of Deno that matches the number", () => {
  for (const [code, name] of MATCHING) {
    const error = netError(Errno[code], { operation: "connect" });
    assert(error instanceof Deno.errors[name], code);
    assert(error instanceof NetError && error instanceof Error, code);
    assertEquals(error.name, name, code);
    assertEquals(error.constructor.name, name, code);
  }
});

Deno.test("netError() names the class of a number that Deno has none for after the number", () => {
  for (const code of ["EINVAL", "EMSGSIZE", "ENOBUFS", "EMFILE", "ECANCELED", "EISCONN"] as const) {
    const error = netError(Errno[code], { operation: "send" });
    assertStrictEquals(Object.getPrototypeOf(error.constructor), Error, code);
    assertEquals([error.name, error.constructor.name, error.code], [code, code, code]);
    assert(error instanceof NetError, code);
  }
});

Deno.test("netError() has an error for every number, one class each, made once", () => {
  const seen = new Map<unknown, number>();
  for (let errno = 1; errno <= ERRNO_MAX; errno++) {
    const error = netError(errno, { operation: "accept" });
    assertEquals([error.errno, error.code], [errno, errnoName(errno)]);
    assertStrictEquals(netError(-errno, { operation: "x" }).constructor, error.constructor);
    assertFalse(seen.has(error.constructor), `${errno} and ${seen.get(error.constructor)}`);
    seen.set(error.constructor, errno);
  }
  assertEquals(netError(4095, { operation: "x" }).code, "E4095");
});

Deno.test("netError() speaks in sentences that tell where it happened", () => {
  const table: [number, Parameters<typeof netError>[1], string][] = [
    [
      111,
      { operation: "connect", remote: "127.0.0.1:1" },
      "connect to 127.0.0.1:1: ECONNREFUSED: nobody is listening at that address",
    ],
    [
      -98,
      { operation: "listen", local: "0.0.0.0:80" },
      "listen on 0.0.0.0:80: EADDRINUSE: another socket already has that address",
    ],
    [
      104,
      { operation: "receive", remote: "10.0.0.1:5", local: "10.0.0.2:80" },
      "receive from 10.0.0.1:5: ECONNRESET: the other side reset the connection",
    ],
    [
      32,
      { operation: "sendZeroCopy", remote: "10.0.0.1:5" },
      "sendZeroCopy to 10.0.0.1:5: EPIPE: the other side no longer reads, or this side has ended " +
      "writing",
    ],
    [
      22,
      { operation: "setOption", remote: "10.0.0.1:5", detail: "noDelay is for TCP" },
      "setOption with 10.0.0.1:5: EINVAL: noDelay is for TCP",
    ],
    [24, { operation: "accept" }, "accept: EMFILE: this process has run out of descriptors"],
  ];
  for (const [errno, context, message] of table) {
    assertEquals(netError(errno, context).message, message);
  }
});

Deno.test("netError() has every field, with empty text for an unknown address", () => {
  const cause = new Error("why");
  const error = netError(111, { operation: "connect", remote: "[::1]:1", cause });
  assertEquals({ ...error }, {
    ...{ code: "ECONNREFUSED", errno: 111, operation: "connect", local: "", remote: "[::1]:1" },
    name: "ConnectionRefused",
    // deno-lint-ignore no-explicit-any
  } as any);
  assertStrictEquals(error.cause, cause);
  assertFalse("bytesTransferred" in error);
  assertFalse("cause" in netError(111, { operation: "connect" }));
  assertEquals(netError(32, { operation: "send", bytesTransferred: 0 }).bytesTransferred, 0);
  assertStringIncludes(error.stack ?? "", "errors_test.ts");
});

Deno.test("netError() refuses what is no error number", () => {
  for (const errno of [0, -0, 0.5, NaN, Infinity, 4096, -4096]) {
    assertThrows(() => netError(errno, { operation: "x" }), RangeError, "no error number");
  }
});

Deno.test("instanceof NetError recognises errors of another copy, no others", async () => {
  const copy: typeof import("./errors.ts") = await import("./errors.ts#copy");
  assert(copy.netError !== netError, "the import gave the same module");
  assert(copy.netError(111, { operation: "x" }) instanceof NetError);
  assert(netError(111, { operation: "x" }) instanceof copy.NetError);
  const partial = new copy.PartialSendError({ errno: 125, bytesTransferred: 1 });
  assert(partial instanceof PartialSendError && partial instanceof NetError);
  const others: unknown[] = [null, undefined, 1, "x", {}, new Error("x"), () => {}, NetError];
  for (const other of [...others, new Deno.errors.ConnectionRefused("x"), Object.create(null)]) {
    assertFalse(other instanceof NetError);
    assertFalse(other instanceof PartialSendError);
  }
});

Deno.test("a class that extends NetError recognises only its own errors", () => {
  class Mine extends NetError {}
  assertFalse(netError(111, { operation: "x" }) instanceof Mine);
  assert(new (Mine as unknown as new () => unknown)() instanceof Mine);
  assertFalse(netError(111, { operation: "x" }) instanceof PartialSendError);
});

Deno.test("PartialSendError tells how much was sent and why it ended", () => {
  const reason = new DOMException("enough", "AbortError");
  const error = new PartialSendError({
    errno: -Errno.ECANCELED,
    bytesTransferred: 1234,
    remote: "10.0.0.1:5",
    cause: reason,
  });
  assertEquals([error.code, error.errno, error.operation], ["ECANCELED", 125, "send"]);
  assertEquals([error.bytesTransferred, error.name], [1234, "PartialSendError"]);
  assertStrictEquals(error.cause, reason);
  assertEquals(
    error.message,
    "send to 10.0.0.1:5: ECANCELED: the operation was cancelled before it finished; " +
      "1234 bytes had been sent and the write side is ended",
  );
  const late = new PartialSendError({
    errno: Errno.ETIMEDOUT,
    bytesTransferred: 1,
    operation: "sendFile",
  });
  assertEquals([late.code, late.operation], ["ETIMEDOUT", "sendFile"]);
  for (const bytesTransferred of [-1, 0.5, NaN]) {
    assertThrows(() => new PartialSendError({ errno: 125, bytesTransferred }), RangeError);
  }
  assertThrows(() => new PartialSendError({ errno: 0, bytesTransferred: 1 }), RangeError);
});

Deno.test("notCapable() is both NotCapable and a NetError, with right and address", () => {
  const target = SocketAddress.parse("10.0.0.1:80");
  const denial = Authority.root({ tcp: true }).check("tcp", "connect", target);
  assert(denial !== null);
  const reason = new Error("revoked");
  const error = notCapable(denial, "connect", reason);
  assert(error instanceof Deno.errors.NotCapable && error instanceof NetError);
  assertEquals([error.name, error.right, error.address], ["NotCapable", "connect", "10.0.0.1:80"]);
  assertEquals([error.code, error.errno, error.operation], ["EACCES", 13, "connect"]);
  assertStrictEquals(error.cause, reason);
  assertEquals(
    error.message,
    'connect: the capability does not grant "connect" for 10.0.0.1:80',
  );
  const plain = notCapable({ right: "raw", address: "" }, "ping");
  assertEquals(plain.message, 'ping: the capability does not grant "raw"');
  assertFalse("cause" in plain);
});

Deno.test("notCapable() takes the AuthorityDenied of derive()", () => {
  const parent = Authority.root({ tcp: true });
  const denied = assertThrows(() => parent.derive({ udp: true }), AuthorityDenied);
  const error = notCapable(denied, "derive", denied);
  assertEquals([error.right, error.address], ["udp", ""]);
  assertStrictEquals(error.cause, denied);
});

Deno.test("the helpers make errors of the right class that name what is in the way", () => {
  const option = unsupported("host", "fastOpen", "setOption");
  assert(option instanceof Deno.errors.NotSupported && option instanceof NetError);
  assertEquals([option.code, option.backend, option.option], ["ENOTSUP", "host", "fastOpen"]);
  assertEquals(option.message, "setOption: ENOTSUP: the host backend does not support fastOpen");

  const closed = badResource("receive", "the stream is closed", { remote: "10.0.0.1:5" });
  assert(closed instanceof Deno.errors.BadResource && closed instanceof NetError);
  assertEquals(closed.message, "receive from 10.0.0.1:5: EBADF: the stream is closed");

  const late = timedOut("connect", { timeoutMs: 500, remote: "10.0.0.1:5" });
  assert(late instanceof Deno.errors.TimedOut && late instanceof NetError);
  assertEquals(
    late.message,
    "connect to 10.0.0.1:5: ETIMEDOUT: it did not finish within 500 ms",
  );
  assertFalse("timeoutMs" in late);
  assertStringIncludes(timedOut("connect").message, "the deadline passed");

  const second = busy("receive", "another receive is waiting");
  assert(second instanceof Deno.errors.Busy && second instanceof NetError);
  assertEquals(second.message, "receive: EBUSY: another receive is waiting");

  const full = limitExceeded("sockets", 10, Errno.EMFILE, "connect", { remote: "10.0.0.1:5" });
  assert(full instanceof NetError);
  assertEquals([full.code, full.limit, full.maximum], ["EMFILE", "sockets", 10]);
  assertEquals(
    full.message,
    'connect to 10.0.0.1:5: EMFILE: the limit "sockets" of the capability, 10, is reached',
  );
});

Deno.test("an operation's error on the ring is its errno's, shows no event loop, and leaves others' stacks alone", async () => {
  const context = { operation: "receive", remote: "10.0.0.1:5", bytesTransferred: 3, cause: "x" };
  const rejected = await new Promise<NetError & Error>((resolve) =>
    rejectCompletion(resolve, -Errno.ECONNRESET, context)
  );
  const thrown = netError(Errno.ECONNRESET, context);
  for (const error of [rejected, completionError(-Errno.ECONNRESET, context)]) {
    assert(error instanceof Deno.errors.ConnectionReset && error instanceof NetError);
    assertEquals({ ...error }, { ...thrown });
    assertEquals([error.message, error.cause], [thrown.message, "x"]);
    assertEquals(error.stack, `${error.name}: ${error.message}`);
  }
  assertStringIncludes(thrown.stack!, "errors_test.ts");
  assertStringIncludes(new Error("later").stack!, "errors_test.ts");
});

Deno.test("an error of the ring is made in a microtask of its own, and an unknown number at once", async () => {
  const told: string[] = [];
  rejectCompletion(({ code }) => void told.push(code), Errno.EPIPE, { operation: "send" });
  assertEquals(told, []);
  await Promise.resolve();
  assertEquals(told, ["EPIPE"]);
  for (const wrong of [0, 4096, 1.5]) {
    assertThrows(
      () => rejectCompletion(() => told.push("told"), wrong, { operation: "send" }),
      RangeError,
    );
  }
  await Promise.resolve();
  assertEquals(told, ["EPIPE"]);
});

Deno.test("instanceof narrows the type of an error", () => {
  const error: unknown = netError(111, { operation: "connect" });
  if (error instanceof NetError) {
    const code: string = error.code;
    assertEquals(code, "ECONNREFUSED");
  } else throw new Error("not recognised");
  const partial: unknown = new PartialSendError({ errno: 125, bytesTransferred: 7 });
  if (partial instanceof PartialSendError) {
    const bytes: number = partial.bytesTransferred;
    assertEquals(bytes, 7);
  } else throw new Error("not recognised");
});
