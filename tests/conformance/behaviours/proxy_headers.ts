/**
 * PROXY headers: where a client behind a proxy is.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import { closeQuietly } from "../close_quietly.ts";
import type { Context } from "../context.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import {
  type ConnectOptions,
  type ListenOptions,
  type ProxyTlv,
  ProxyTlvType,
  type TcpEndpoint,
} from "../../../mod.ts";

const behaviour = theme("PROXY headers");

const encoder = new TextEncoder();
const LINE = "PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\n";
const TRUSTING: ListenOptions = { proxyProtocol: "any", trustedProxies: ["127.0.0.0/8"] };
// deno-fmt-ignore
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

async function stranger(
  t: Context,
  { addr }: TcpEndpoint,
  bytes: string | readonly number[] = [],
): Promise<Deno.TcpConn> {
  const peer = await t.strangers.connect(addr.port);
  t.defer(() => closeQuietly(peer));
  await peer.write(typeof bytes === "string" ? encoder.encode(bytes) : new Uint8Array(bytes));
  return peer;
}

async function readEnd(peer: Deno.TcpConn): Promise<void> {
  assertEquals(await peer.read(new Uint8Array(1)).catch(() => null), null);
}

/** A stranger that is reset as soon as it knocks, be it before its connect has even told so. */
async function turnedAway(t: Context, endpoint: TcpEndpoint, bytes: string): Promise<void> {
  try {
    await readEnd(await stranger(t, endpoint, bytes));
  } catch (error) {
    const { ConnectionReset, BrokenPipe } = Deno.errors;
    if (!(error instanceof ConnectionReset || error instanceof BrokenPipe)) throw error;
  }
}

/** Connects through the API and accepts. */
async function proxied(t: Context, listen: ListenOptions, connect: ConnectOptions) {
  const endpoint = await t.listen(listen);
  const accepting = endpoint.accept();
  const client = await t.connect(endpoint.addr, connect);
  const server = await accepting;
  t.defer(() => server.close());
  return { client, server, endpoint };
}

behaviour("a PROXY header gives a stream its client's address, in both versions", async (t) => {
  for (const proxyProtocol of ["v1", "v2"] as const) {
    const { client, server } = await proxied(t, { ...TRUSTING, proxyProtocol }, {
      proxyProtocol,
      proxySource: "192.0.2.7:1234",
      proxyDestination: "198.51.100.1:443",
    });
    assertEquals(server.remoteAddr, { transport: "tcp", hostname: "192.0.2.7", port: 1234 });
    assertEquals(server.remoteName, "192.0.2.7:1234");
    assertEquals(server.localAddr.port, client.remoteAddr.port);
    const { version, command, transport, peer, source, destination, tlvs } = server.proxy!;
    assertEquals([version, command, transport], [Number(proxyProtocol[1]), "proxy", "stream"]);
    assertEquals(String(peer), client.localName);
    assertEquals([String(source), String(destination)], ["192.0.2.7:1234", "198.51.100.1:443"]);
    assertEquals(tlvs, []);
    await client.send(new Uint8Array(3));
    using lease = await server.receive();
    assertEquals(lease?.length, 3);
  }
});

behaviour("a stream without a PROXY header has no proxy", async (t) => {
  const { client, server } = await t.pair();
  assertEquals([client.proxy, server.proxy], [null, null]);
  const other = await proxied(t, TRUSTING, { proxyProtocol: "v2" });
  assertEquals(other.client.proxy, null);
});

behaviour("bytes behind a PROXY header are the stream's first", async (t) => {
  const endpoint = await t.listen(TRUSTING);
  const accepting = endpoint.accept();
  await stranger(t, endpoint, `${LINE}GET /`);
  const stream = await accepting;
  t.defer(() => stream.close());
  const bytes = new Uint8Array(100);
  assertEquals(await stream.read(bytes), 5);
  assertEquals(new TextDecoder().decode(bytes.subarray(0, 5)), "GET /");
});

behaviour("a PROXY header may come byte by byte", async (t) => {
  const endpoint = await t.listen(TRUSTING);
  const block = [192, 0, 2, 7, 127, 0, 0, 1, 4, 210, 1, 187];
  const binary = [...SIGNATURE, 0x21, 0x11, 0, block.length, ...block];
  for (const bytes of [encoder.encode(LINE), new Uint8Array(binary)]) {
    const accepting = endpoint.accept();
    const peer = await stranger(t, endpoint);
    peer.setNoDelay();
    for (const byte of bytes) {
      await peer.write(Uint8Array.of(byte));
      await t.barrier();
    }
    const stream = await accepting;
    t.defer(() => stream.close());
    assertEquals(stream.remoteName, "192.0.2.7:1234");
    await peer.write(Uint8Array.of(7));
    using lease = await stream.receive();
    assertEquals([...lease!.bytes], [7]);
  }
}, { limitMs: 30_000 });

behaviour("TLVs of a PROXY header are there, and its checksum is checked", async (t) => {
  const proxyTlvs: ProxyTlv[] = [
    { type: ProxyTlvType.AUTHORITY, value: encoder.encode("example.com") },
    { type: 0xe0, value: new Uint8Array(5000).fill(7) },
  ];
  const { server } = await proxied(t, TRUSTING, {
    proxyProtocol: "v2",
    proxySource: "[2001:db8::7]:1",
    proxyTlvs,
    proxyChecksum: true,
  });
  assertEquals(server.remoteAddr.hostname, "2001:db8::7");
  assertEquals(server.proxy!.tlvs, proxyTlvs);
  // An IPv4 address beside an IPv6 one is written as the IPv6 address that stands for it.
  assert(server.proxy!.destination!.isIPv4Mapped);
});

behaviour("connections that a proxy makes for itself keep their own address", async (t) => {
  const { client, server } = await proxied(t, TRUSTING, { proxyProtocol: "v2" });
  assertEquals(server.remoteName, client.localName);
  assertEquals([server.proxy!.command, server.proxy!.source], ["local", null]);
  const one = await proxied(t, TRUSTING, { proxyProtocol: "v1" });
  assertEquals(one.server.remoteName, one.client.localName);
  assertEquals(String(one.server.proxy!.source), one.client.localName);
  const accepting = one.endpoint.accept();
  const peer = await stranger(t, one.endpoint, "PROXY UNKNOWN ignored\r\n");
  const unknown = await accepting;
  t.defer(() => unknown.close());
  assertEquals(unknown.remoteAddr.port, peer.localAddr.port);
});

behaviour("a PROXY header of a peer that is not trusted is never believed", async (t) => {
  const endpoint = await t.listen({ ...TRUSTING, trustedProxies: ["192.0.2.0/24", "::/0"] });
  const accepting = endpoint.accept();
  await turnedAway(t, endpoint, LINE);
  await turnedAway(t, endpoint, "GET / HTTP/1.1\r\n");
  assert(await t.isPending(accepting), "an untrusted peer was accepted");
  const { accepted, open, refusedByProxyHeader } = endpoint.stats();
  assertEquals([accepted, open, refusedByProxyHeader], [0, 0, 2]);
  endpoint.close();
  assertNetError(await reasonOf(accepting), { code: "EBADF" });
});

behaviour("without proxyProtocol a PROXY header is bytes like others", async (t) => {
  const endpoint = await t.listen();
  const accepting = endpoint.accept();
  const peer = await stranger(t, endpoint, LINE);
  const stream = await accepting;
  t.defer(() => stream.close());
  assertEquals(stream.remoteAddr.port, peer.localAddr.port);
  using lease = await stream.receive();
  assertEquals(lease?.length, LINE.length);
});

behaviour("what is no PROXY header is refused, and others go on", async (t) => {
  const endpoint = await t.listen(TRUSTING);
  const accepting = endpoint.accept();
  const block = [192, 0, 2, 7, 127, 0, 0, 1, 4, 210, 1, 187];
  const bad: readonly (string | readonly number[])[] = [
    "GET / HTTP/1.1\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 1234\r\n",
    `PROXY UNKNOWN ${"x".repeat(200)}\r\n`,
    [...SIGNATURE, 0x31, 0x11, 0, block.length, ...block],
    [...SIGNATURE, 0x21, 0x11, 0xff, 0xff],
    [...SIGNATURE, 0x21, 0x11, 0, block.length + 7, ...block, 3, 0, 4, 1, 2, 3, 4],
    [...SIGNATURE, 0x21, 0x11, 0, block.length + 2, ...block, 1, 0],
    "\x16\x03\x01\x02\x00\x01\x00",
  ];
  for (const bytes of bad) await readEnd(await stranger(t, endpoint, bytes));
  const ended = await stranger(t, endpoint, LINE.slice(0, 20));
  await ended.closeWrite();
  await readEnd(ended);
  assertEquals(endpoint.stats().refusedByProxyHeader, bad.length + 1);
  await stranger(t, endpoint, LINE);
  const stream = await accepting;
  t.defer(() => stream.close());
  assertEquals(stream.remoteName, "192.0.2.7:1234");
  const { accepted, open } = endpoint.stats();
  assertEquals([accepted, open], [1, 1]);
});

behaviour("a slow PROXY header holds up nobody, and is refused in time", async (t) => {
  const endpoint = await t.listen({ ...TRUSTING, handshakeTimeoutMs: 80 });
  const first = endpoint.accept();
  const slow: Deno.TcpConn[] = [];
  for (let count = 0; count < 5; count++) slow.push(await stranger(t, endpoint, "PROXY "));
  await stranger(t, endpoint, LINE);
  const stream = await first;
  t.defer(() => stream.close());
  assertEquals(stream.remoteName, "192.0.2.7:1234");
  const second = reasonOf(endpoint.accept());
  for (const peer of slow) await readEnd(peer);
  assertEquals(endpoint.stats().refusedByProxyHeader, 5);
  endpoint.close();
  assertNetError(await second, { code: "EBADF" });
});

behaviour("close() and drain() end PROXY headers under way", async (t) => {
  const closed = await t.listen(TRUSTING);
  const accepting = reasonOf(closed.accept());
  const peer = await stranger(t, closed, "PROXY ");
  await t.barrier();
  await closed[Symbol.asyncDispose]();
  assertNetError(await accepting, { code: "EBADF" });
  await readEnd(peer);
  const drained = await t.listen(TRUSTING);
  const waiting = reasonOf(drained.accept());
  const other = await stranger(t, drained, "PROXY ");
  await t.barrier();
  const { open } = drained.stats();
  assertEquals(await drained.drain({ timeoutMs: 5 }), { drained: 0, terminated: open });
  assertNetError(await waiting, { code: "EBADF" });
  await readEnd(other);
});

behaviour("a PROXY header completed while the endpoint drains is served", async (t) => {
  const endpoint = await t.listen(TRUSTING);
  const accepting = endpoint.accept();
  const peer = await stranger(t, endpoint, LINE.slice(0, 10));
  while (endpoint.stats().open === 0) await t.barrier();
  const draining = endpoint.drain({ timeoutMs: 60_000 });
  assert(await t.isPending(draining));
  await peer.write(encoder.encode(LINE.slice(10)));
  const stream = await accepting;
  assertEquals(stream.remoteName, "192.0.2.7:1234");
  await stream.close();
  assertEquals(await draining, { drained: 1, terminated: 0 });
});

behaviour("a rateLimiter is asked for the client behind the proxy", async (t) => {
  const asked: string[] = [];
  const tryConsume = (address: { host: string }) => asked.push(address.host) !== 1;
  const endpoint = await t.listen({ ...TRUSTING, rateLimiter: { tryConsume } } as ListenOptions);
  const accepting = endpoint.accept();
  await readEnd(await stranger(t, endpoint, LINE));
  await stranger(t, endpoint, "PROXY UNKNOWN\r\n");
  const stream = await accepting;
  t.defer(() => stream.close());
  assertEquals(asked, ["192.0.2.7", "127.0.0.1"]);
  assertEquals(endpoint.stats().refusedByRateLimiter, 1);
});

behaviour("connect() sends a PROXY header before anything else", async (t) => {
  const listener = await t.foreignListener();
  const accepting = listener.accept();
  const stream = await t.connect(listener.addr as Deno.NetAddr, {
    proxyProtocol: "v1",
    proxySource: "[::ffff:192.0.2.7]:1234",
    proxyDestination: "198.51.100.1:443",
  });
  const peer = await accepting;
  t.defer(() => closeQuietly(peer));
  await stream.send(encoder.encode("x"));
  await stream.closeWrite();
  assertEquals(await new Response(peer.readable).text(), `${LINE}x`);
});

behaviour("options of a PROXY header are checked before it connects", async (t) => {
  const endpoint = await t.listen();
  const connect = (options: unknown) =>
    t.capability.connect(endpoint.addr, options as ConnectOptions);
  const [v1, v2] = [{ proxyProtocol: "v1" }, { proxyProtocol: "v2" }];
  const proxySource = "192.0.2.7:1";
  const refused: readonly [unknown, typeof TypeError, string][] = [
    [{ proxyProtocol: "any" }, TypeError, 'proxyProtocol must be "v1" or "v2"'],
    [{ proxySource }, TypeError, "proxySource is for a proxyProtocol"],
    [{ proxyTlvs: [] }, TypeError, "proxyTlvs is for a proxyProtocol"],
    [{ ...v1, proxySource, proxyTlvs: [{ type: 1, value: new Uint8Array(1) }] }, TypeError, '"v2"'],
    [{ ...v1, proxySource, proxyChecksum: true }, TypeError, '"v2"'],
    [{ ...v1, proxySource: "unix:/x" }, TypeError, "Unix sockets"],
    [{ ...v2, proxySource: "example.com:1" }, TypeError, 'the name "example.com"'],
    [{ ...v2, proxySource: "192.0.2.7" }, TypeError, "a port is missing"],
    [{ ...v2, proxyDestination: "192.0.2.7:1" }, TypeError, "need a proxySource"],
    [
      { ...v2, proxySource, proxyTlvs: [{ type: 256, value: new Uint8Array() }] },
      RangeError,
      "[0]",
    ],
    [{ ...v2, proxySource, proxyTlvs: [{ type: 1, value: "h2" }] }, TypeError, "[0]"],
    [{ ...v2, proxySource, proxyTlvs: [{ type: 3, value: new Uint8Array(4) }] }, RangeError, "sum"],
    [{ ...v2, proxySource, proxyChecksum: 1 }, TypeError, "proxyChecksum must be a boolean"],
  ];
  for (const [options, Class, message] of refused) {
    await assertRejects(() => connect(options), Class, message);
  }
  assertEquals(endpoint.stats().accepted, 0);
});

behaviour("a PROXY header that cannot be sent leaves no stream", async (t) => {
  const endpoint = await t.listen();
  const value = new Uint8Array(9000);
  const long = { proxySource: "192.0.2.7:1", proxyTlvs: [{ type: 1, value }] };
  const connect = (options: ConnectOptions) =>
    t.capability.connect(endpoint.addr, { proxyProtocol: "v2", ...options });
  await assertRejects(() => connect(long), RangeError, "at most 8192 bytes");
  await assertRejects(() => connect({ proxySource: "unix:/x" }), TypeError, "of one family");
  assertEquals(t.capability.stats().sockets, 1 + endpoint.stats().open);
});
