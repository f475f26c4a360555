/**
 * Errors and addresses.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import { assertNetError, freePort, reasonOf } from "../expect.ts";
import { NetError, PartialSendError } from "../../../mod.ts";

const behaviour = theme("errors and addresses");

behaviour("an error has its class, its fields and a sentence", async (t) => {
  const remote = `127.0.0.1:${freePort()}`;
  const error = await reasonOf(t.capability.connect(remote));
  assertInstanceOf(error, Deno.errors.ConnectionRefused);
  assertInstanceOf(error, NetError);
  assert(!((error as unknown) instanceof PartialSendError));
  assert(!((error as unknown) instanceof Deno.errors.TimedOut));
  assertNetError(error, { code: "ECONNREFUSED", errno: 111, operation: "connect", remote });
  assert(error.message.startsWith(`connect to ${remote}: ECONNREFUSED`), error.message);
  assertEquals(error.name, "ConnectionRefused");
});

/** Bad addresses, what they are, and where: each is refused before anything is opened. */
const BAD: readonly (readonly [unknown, typeof TypeError | typeof RangeError, string])[] = [
  ["", TypeError, "address"],
  ["127.0.0.1", TypeError, "port"],
  ["127.0.0.1:", TypeError, "position"],
  ["127.0.0.1:port", TypeError, "position"],
  ["127.0.0.1:80x", TypeError, "position"],
  ["127.0.0.1:65536", RangeError, "65536"],
  ["127.0.0.1:-1", TypeError, "position"],
  ["1.2.3.4.5:80", TypeError, "position"],
  ["256.1.1.1:80", TypeError, "position"],
  ["::1:80", TypeError, "position"],
  ["[::1:80", TypeError, "position"],
  ["[::1]80", TypeError, "position"],
  ["[::g]:80", TypeError, "position"],
  ["[1::2::3]:80", TypeError, "position"],
  ["[::ffff:1.2.3.456]:80", TypeError, "position"],
  ["exa mple.com:80", TypeError, "position"],
  ["unix:", TypeError, "unix"],
  [`unix:/${"x".repeat(200)}`, RangeError, "unix"],
  [8080, TypeError, "address"],
  [null, TypeError, "address"],
  [{ hostname: "127.0.0.1" }, TypeError, "port"],
  [{ hostname: "127.0.0.1", port: "80" }, TypeError, "port"],
  [{ hostname: "127.0.0.1", port: 65536 }, RangeError, "port"],
  [{ hostname: "127.0.0.1", port: -1 }, RangeError, "port"],
  [{ hostname: "127.0.0.1", port: 80.5 }, RangeError, "port"],
  [{ hostname: 5, port: 80 }, TypeError, "hostname"],
  [{ hostname: "127.0.0.1", port: 80, transport: "carrier" }, TypeError, "transport"],
  [{ hostname: "127.0.0.1", port: 80, prot: 1 }, TypeError, "prot"],
];

behaviour(
  "a bad address is a TypeError or a RangeError that names value and position",
  async (t) => {
    for (const [address, Class, part] of BAD) {
      for (const use of ["listen", "connect"] as const) {
        const attempt = use === "listen"
          ? t.capability.listen(address as string)
          : t.capability.connect(address as string);
        const error = await reasonOf(attempt);
        const what = `${use} ${JSON.stringify(address)}: ${error}`;
        assert(error instanceof Class, what);
        assert(error.message.includes(part), what);
      }
    }
    assertEquals(t.capability.stats().sockets, 0);
  },
);

behaviour("every spelling of loopback is the same address", async (t) => {
  const endpoint = await t.listen();
  const { port } = endpoint.addr;
  const spellings = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::ffff:7f00:1]"];
  for (const spelling of spellings) {
    const accepting = endpoint.accept();
    const stream = await t.capability.connect(`${spelling}:${port}`);
    assertEquals(stream.remoteAddr.hostname, "127.0.0.1", spelling);
    await stream.close();
    await (await accepting).close();
  }
});

behaviour("listening on a wildcard gives each connection the address it was made to", async (t) => {
  const endpoint = await t.capability.listen("0.0.0.0:0");
  t.defer(() => endpoint.close());
  const { port } = endpoint.addr;
  const accepting = endpoint.accept();
  const stream = await t.capability.connect(`127.0.0.2:${port}`);
  t.defer(() => stream.close());
  const server = await accepting;
  t.defer(() => server.close());
  assertEquals(server.localAddr, { transport: "tcp", hostname: "127.0.0.2", port });
  assertEquals(server.remoteAddr, stream.localAddr);
});

behaviour("listen() takes a name of the hosts file", async (t) => {
  const endpoint = await t.capability.listen("localhost:0");
  t.defer(() => endpoint.close());
  const accepting = endpoint.accept();
  const stream = await t.connect(endpoint.addr);
  assertEquals(stream.remoteAddr, endpoint.addr);
  await (await accepting).close();
});

behaviour("resolve() answers addresses as they are and names from the hosts file", async (t) => {
  const texts = async (name: string) => (await t.capability.resolve(name)).map(({ host }) => host);
  assertEquals(await texts("192.0.2.7"), ["192.0.2.7"]);
  assertEquals(await texts("2001:db8::1"), ["2001:db8::1"]);
  const found = await texts("localhost");
  assert(found.length > 0);
  for (const host of found) assert(host === "127.0.0.1" || host === "::1", host);
  for (const address of await t.capability.resolve("localhost")) assertEquals(address.port, 0);
});

behaviour("resolve() of a name that does not exist rejects", async (t) => {
  const error = await assertRejects(() => t.capability.resolve("does-not-exist.invalid"));
  const { code } = error as unknown as { code: string };
  // ENOENT where a server answered, EAGAIN where none could be asked.
  assert(code === "ENOENT" || code === "EAGAIN", `${error}`);
  assertNetError(error, { code, operation: "resolve", remote: "does-not-exist.invalid" });
});

behaviour("resolve() can be aborted and has deadlines", async (t) => {
  const signal = AbortSignal.abort("never mind");
  assertEquals(await reasonOf(t.capability.resolve("localhost", { signal })), "never mind");
  const controller = new AbortController();
  const resolving = reasonOf(
    t.capability.resolve("does-not-exist.invalid", { signal: controller.signal }),
  );
  controller.abort("changed my mind");
  const reason = await resolving;
  assert(reason === "changed my mind" || reason instanceof NetError, `${reason}`);
});

behaviour("bad input never stops an endpoint", async (t) => {
  const { client, server, endpoint } = await t.pair();
  const bad: (() => Promise<unknown>)[] = [
    () => client.send(5 as unknown as Uint8Array),
    () => client.receive({ timeoutMs: -5 }),
    () => client.read(new Uint8Array(1), { timeoutMs: NaN }),
    () => client.shutdown("up" as "both"),
    () => endpoint.accept({ timeoutMs: -1 }),
    () => endpoint.setOption("backlog" as "noDelay", true),
  ];
  for (const call of bad) assertInstanceOf(await reasonOf(call()), Error);
  await client.send(new Uint8Array(3));
  (await server.receive())!.release();
  const accepting = endpoint.accept();
  await t.connect(endpoint.addr);
  await (await accepting).close();
});
