import { assertEquals } from "@std/assert";
import { Descriptors } from "./descriptors.ts";
import { InstantRing } from "./instant_ring.ts";
import { type Libc, openLibc } from "./libc.ts";
import { KernelCalls } from "./system_calls.ts";
import { kernelRefusal } from "../../tests/support/kernel.ts";
import { assertNoLeaks } from "../../tests/support/leaks.ts";
import { skipUnless } from "../../tests/support/skip.ts";
import { Errno } from "../../ring/abi/errno.ts";

const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const LOOPBACK = new Uint8Array(new ArrayBuffer(16));
LOOPBACK.set([AF_INET, 0, 0, 0, 127, 0, 0, 1]);

const refusal = kernelRefusal();

function kernelTest(name: string, body: (calls: KernelCalls, libc: Libc) => void): void {
  const options = skipUnless(name, refusal === undefined, refusal ?? "");
  Deno.test(options, () =>
    assertNoLeaks(() => {
      const calls = new KernelCalls(new Descriptors(openLibc(), null));
      body(calls, openLibc());
      calls.end();
      return Promise.resolve();
    }));
}

/** A listener that blocks, and its address. */
function listen(calls: KernelCalls): { listener: number; name: Uint8Array<ArrayBuffer> } {
  const listener = calls.socket(AF_INET, SOCK_STREAM, 0);
  assertEquals(calls.bind(listener, LOOPBACK, 16), 0);
  assertEquals(calls.listen(listener, 8), 0);
  const name = new Uint8Array(new ArrayBuffer(16));
  assertEquals(calls.getsockname(listener, name, 16), 0);
  return { listener, name };
}

kernelTest("accept4() on a descriptor that blocks does not wait", (calls) => {
  const { listener } = listen(calls);
  assertEquals(calls.accept4(listener, null, 0, 0), -Errno.EAGAIN);
  assertEquals(calls.accept4(listener, null, 0, 0), -Errno.EAGAIN);
  calls.close(listener);
});

kernelTest("accept4() tells the peer's name, as much of it as there is room for", (calls) => {
  const { listener, name } = listen(calls);
  for (const room of [16, 4]) {
    const client = calls.socket(AF_INET, SOCK_STREAM, 0);
    assertEquals(calls.connectNow(client, name, 16), 0);
    const peer = new Uint8Array(16);
    const accepted = calls.accept4(listener, peer, room, 0);
    assertEquals(accepted >= 0, true);
    assertEquals(calls.words.length, 16, "the true length");
    const local = new Uint8Array(16);
    calls.getsockname(client, local, 16);
    assertEquals(peer.subarray(0, room), local.subarray(0, room));
    assertEquals(peer.subarray(room), new Uint8Array(16 - room));
    calls.close(accepted);
    calls.close(client);
  }
  calls.close(listener);
});

kernelTest("accept4() fails as the system call does", (calls) => {
  const socket = calls.socket(AF_INET, SOCK_STREAM, 0);
  const datagrams = calls.socket(AF_INET, SOCK_DGRAM, 0);
  assertEquals(calls.accept4(-1, null, 0, 0), -Errno.EBADF);
  assertEquals(calls.accept4(socket, null, 0, 0), -Errno.EINVAL);
  assertEquals(calls.accept4(datagrams, null, 0, 0), -Errno.EOPNOTSUPP);
  const pair = new Int32Array(new ArrayBuffer(8));
  calls.pipe2(new Uint8Array(pair.buffer), 0);
  assertEquals(calls.accept4(pair[0], null, 0, 0), -Errno.ENOTSOCK);
  for (const fd of [socket, datagrams, ...pair]) calls.close(fd);
});

kernelTest("connect() on a descriptor that blocks begins, and goes on by itself", (calls) => {
  const { listener, name } = listen(calls);
  const client = calls.socket(AF_INET, SOCK_STREAM, 0);
  const begun = calls.connect(client, name, 16);
  assertEquals(begun === 0 || begun === -Errno.EINPROGRESS, true);
  assertEquals([0, -Errno.EISCONN].includes(calls.connectNow(client, name, 16)), true);
  for (const fd of [client, listener]) calls.close(fd);
});

kernelTest("connect() to nobody is refused", (calls) => {
  const { listener, name } = listen(calls);
  calls.close(listener);
  const client = calls.socket(AF_INET, SOCK_STREAM, 0);
  const begun = calls.connect(client, name, 16);
  const result = begun === -Errno.EINPROGRESS ? calls.connectNow(client, name, 16) : begun;
  assertEquals(result, -Errno.ECONNREFUSED);
  calls.close(client);
});

kernelTest("connect() to a Unix socket whose queue is full does not wait", (calls) => {
  const name = new Uint8Array(new ArrayBuffer(16));
  name.set([AF_UNIX, 0, 0, ...new TextEncoder().encode("millrace-full")]);
  const listener = calls.socket(AF_UNIX, SOCK_STREAM, 0);
  assertEquals(calls.bind(listener, name, 16), 0);
  assertEquals(calls.listen(listener, 0), 0);
  const clients = [0, 1].map(() => calls.socket(AF_UNIX, SOCK_STREAM, 0));
  assertEquals(calls.connect(clients[0], name, 16), 0);
  const full = calls.connect(clients[1], name, 16);
  assertEquals(full, -Errno.EAGAIN);
  const accepted = calls.accept4(listener, null, 0, 0);
  assertEquals(calls.connect(clients[1], name, 16), 0);
  for (const fd of [listener, accepted, ...clients]) calls.close(fd);
});

kernelTest("without IORING_ACCEPT_DONTWAIT an accept is begun and cancelled", (_, libc) => {
  const calls = new KernelCalls(new Descriptors(libc, null));
  const ring = new InstantRing(new Descriptors(libc, null), { hasDontWait: false });
  const { listener, name } = listen(calls);
  assertEquals(ring.accept(listener, null, 0, 0), -Errno.EAGAIN);
  const client = calls.socket(AF_INET, SOCK_STREAM, 0);
  calls.connectNow(client, name, 16);
  const accepted = ring.accept(listener, null, 0, 0);
  assertEquals(accepted >= 0, true);
  for (const fd of [accepted, client, listener]) calls.close(fd);
  ring.close();
});
