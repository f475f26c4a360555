import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { NetError } from "../errors.ts";
import type { Network } from "../network.ts";
import { ROWS, TWINS, When } from "./option_rows.ts";
import {
  type AnyOptionValues,
  checkOptionValues,
  DATAGRAM_OPTIONS,
  getOption,
  LISTEN_OPTIONS,
  OPTION_NAMES,
  type OptionTarget,
  packetFamily,
  setOption,
  setOptions,
  type SocketKind,
  STREAM_OPTIONS,
} from "./options.ts";
import type { SocketAddress } from "../../ring/abi/address.ts";
import { parseAddress } from "../../ring/abi/address_input.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";

/** One value of each option that its sockets take, and a socket that has it. */
const VALUES: { readonly [Name in keyof AnyOptionValues]: AnyOptionValues[Name] } = {
  noDelay: true,
  keepAlive: { idleSeconds: 10, intervalSeconds: 5, count: 3 },
  reuseAddress: true,
  reusePort: true,
  cork: true,
  quickAck: true,
  ipv6Only: true,
  packetInfo: true,
  zeroCopy: true,
  lingerSeconds: 7,
  receiveBufferBytes: 65536,
  sendBufferBytes: 65537,
  userTimeoutMs: 1234,
  timeToLive: 17,
  hopLimit: 18,
  typeOfService: 0xb8,
  trafficClass: 0x88,
  fastOpen: 1,
  deferAcceptSeconds: 4,
  maxSegmentBytes: 1200,
  notSentLowWaterBytes: 0xffff_fff0,
  mark: 0x8000_0001,
  priority: 5,
  incomingCpu: 1,
  busyPollMicroseconds: 50,
  mtuDiscovery: "probe",
  congestionControl: "reno",
  device: "eth0",
  broadcast: true,
  multicastLoop: false,
  multicastTimeToLive: 0,
  multicastHops: 255,
  multicastInterface: "192.0.2.1",
  receiveErrors: true,
};

/** A network with memory: options by descriptor, level and name. */
class FakeNetwork {
  readonly kind = "fake";
  readonly values = new Map<string, Int32Array>();
  readonly calls: string[] = [];
  /** Calls that fail, by what is called, and with what. */
  readonly failures = new Map<string, number>();
  #next = 100;

  setOption(fd: number, level: number, name: number, value: Int32Array): Promise<number> {
    const call = `set ${level} ${name} ${value.join()}`;
    this.calls.push(call);
    const failure = this.failures.get(`set ${level} ${name}`);
    if (failure !== undefined) return Promise.resolve(failure);
    this.values.set(`${fd} ${level} ${name}`, value.slice());
    return Promise.resolve(0);
  }

  getOption(fd: number, level: number, name: number, value: Int32Array): Promise<number> {
    const failure = this.failures.get(`get ${level} ${name}`);
    if (failure !== undefined) return Promise.resolve(failure);
    const kept = this.values.get(`${fd} ${level} ${name}`);
    if (kept !== undefined) value.set(kept);
    return Promise.resolve(value.byteLength);
  }

  socket(): Promise<number> {
    return Promise.resolve(this.#next++);
  }

  close(): Promise<void> {
    this.calls.push("close");
    return Promise.resolve();
  }
}

function targetOf(
  network: FakeNetwork,
  kind: SocketKind = "stream",
  family: OptionTarget["family"] = "IPv4",
): OptionTarget {
  return { network: network as unknown as Network, descriptor: 3, kind, family };
}

Deno.test("every option has a row, and the lists of names have no others", () => {
  assertEquals([...OPTION_NAMES].sort(), Object.keys(VALUES).sort());
  assert(!(STREAM_OPTIONS as readonly string[]).includes("packetInfo"));
  assert(!(STREAM_OPTIONS as readonly string[]).includes("deferAcceptSeconds"));
  assert(!(LISTEN_OPTIONS as readonly string[]).includes("quickAck"));
  assert(!(DATAGRAM_OPTIONS as readonly string[]).includes("noDelay"));
  const listed = new Set<string>([...STREAM_OPTIONS, ...LISTEN_OPTIONS, ...DATAGRAM_OPTIONS]);
  assertEquals([...listed].sort(), Object.keys(VALUES).sort());
});

Deno.test("no option has two rows for one socket", () => {
  const seen = new Set<string>();
  for (const { option, kinds, families } of ROWS) {
    for (const kind of kinds) {
      for (const family of families) {
        const place = `${option} ${kind} ${family}`;
        assert(!seen.has(place), place);
        seen.add(place);
      }
    }
  }
});

Deno.test("every option reads back as it was set, on every socket that has it", async () => {
  for (const { option, kinds, families, when } of ROWS) {
    if (when === When.NEVER) continue;
    for (const kind of kinds) {
      for (const family of families) {
        const isIndex = option === "multicastInterface" && family === "IPv6";
        const value = isIndex ? 2 : VALUES[option];
        const target = targetOf(new FakeNetwork(), kind, family);
        await setOption(target, option, value, false);
        assertEquals(await getOption(target, option), value, `${option} ${kind} ${family}`);
      }
    }
  }
});

Deno.test("an option that does not exist is a TypeError that lists those of the socket", async () => {
  const target = targetOf(new FakeNetwork());
  for (const name of ["warpSpeed", "toString", "__proto__", ""]) {
    await assertRejects(() => setOption(target, name, true, true), TypeError, "noDelay");
    await assertRejects(() => getOption(target, name), TypeError, JSON.stringify(name));
  }
});

Deno.test("an option that a socket of this kind has not is ENOTSUP, and nothing is set", async () => {
  const network = new FakeNetwork();
  const wrong: [SocketKind, string, unknown][] = [
    ["datagram", "noDelay", true],
    ["datagram", "keepAlive", true],
    ["stream", "packetInfo", true],
    ["stream", "deferAcceptSeconds", 1],
    ["stream", "broadcast", true],
    ["listener", "quickAck", true],
  ];
  for (const [kind, name, value] of wrong) {
    const calls = [
      () => setOption(targetOf(network, kind), name, value, true),
      () => getOption(targetOf(network, kind), name),
    ];
    for (const call of calls) {
      const error = await assertRejects(call, NetError, name);
      assertEquals([error.code, error.message.includes(kind)], ["ENOTSUP", true]);
    }
  }
  assertEquals(network.calls, []);
});

Deno.test("an option of the other family is EINVAL and names its counterpart", async () => {
  for (const [name, twin] of Object.entries(TWINS)) {
    const kind = name.startsWith("multicast") ? "datagram" : "stream";
    const own = ROWS.find(({ option }) => option === name)!.families[0];
    const other = own === "IPv4" ? "IPv6" : "IPv4";
    const target = targetOf(new FakeNetwork(), kind, other);
    const value = VALUES[name as "timeToLive"];
    const error = await assertRejects(() => setOption(target, name, value, true), NetError, twin);
    assertEquals(error.code, "EINVAL");
    await assertRejects(() => getOption(target, name), NetError, name);
  }
});

Deno.test("an option of TCP/IP on a Unix socket is ENOTSUP; buffer sizes are not", async () => {
  const target = targetOf(new FakeNetwork(), "stream", "unix");
  for (const name of STREAM_OPTIONS) {
    if (name === "receiveBufferBytes" || name === "sendBufferBytes") {
      await setOption(target, name, 4096, true);
      assertEquals(await getOption(target, name), 4096);
      continue;
    }
    const error = await assertRejects(() => getOption(target, name), NetError, name);
    assertEquals(error.code, "ENOTSUP", name);
    assertInstanceOf(error, Deno.errors.NotSupported);
  }
});

Deno.test("what counts when a socket is made is EINVAL later", async () => {
  const late: [SocketKind, OptionTarget["family"], string, unknown][] = [
    ["stream", "IPv4", "reuseAddress", true],
    ["listener", "IPv4", "reusePort", true],
    ["listener", "IPv6", "ipv6Only", true],
    ["stream", "IPv4", "fastOpen", 1],
    ["stream", "IPv4", "maxSegmentBytes", 1000],
    ["stream", "IPv4", "incomingCpu", 0],
  ];
  for (const [kind, family, name, value] of late) {
    const target = targetOf(new FakeNetwork(), kind, family);
    const error = await assertRejects(() => setOption(target, name, value, true), NetError, name);
    assertEquals(error.code, "EINVAL");
  }
  const listener = targetOf(new FakeNetwork(), "listener");
  await setOption(listener, "fastOpen", 16, true);
  await setOption(listener, "maxSegmentBytes", 1000, true);
});

Deno.test("values are checked by name, type and range before anything is set", async () => {
  const network = new FakeNetwork();
  const wrong: [string, unknown, ErrorConstructor][] = [
    ["noDelay", 1, TypeError],
    ["noDelay", undefined, TypeError],
    ["lingerSeconds", -1, RangeError],
    ["lingerSeconds", "5", TypeError],
    ["timeToLive", 0, RangeError],
    ["timeToLive", 256, RangeError],
    ["typeOfService", 0xb9, RangeError],
    ["fastOpen", 2, RangeError],
    ["maxSegmentBytes", 87, RangeError],
    ["mark", 2 ** 32, RangeError],
    ["mark", 1.5, RangeError],
    ["mtuDiscovery", "perhaps", TypeError],
    ["mtuDiscovery", 1, TypeError],
    ["congestionControl", "", TypeError],
    ["congestionControl", "a".repeat(16), TypeError],
    ["device", "eth 0", TypeError],
    ["device", "eth\0", TypeError],
    ["keepAlive", null, TypeError],
    ["keepAlive", {}, TypeError],
    ["keepAlive", { idleSeconds: 1, intervalSeconds: 1, count: 128 }, RangeError],
    ["keepAlive", { idleSeconds: 0, intervalSeconds: 1, count: 1 }, RangeError],
    ["keepAlive", { idleSeconds: 1, intervalSeconds: 1, count: 1, tries: 1 }, TypeError],
  ];
  for (const [name, value, Class] of wrong) {
    const call = () => setOption(targetOf(network), name, value, false);
    await assertRejects(call, Class, name, `${name} ${String(value)}`);
    if (value !== undefined) {
      assertThrows(() => checkOptionValues("stream", { [name]: value }), Class, name);
    }
  }
  assertEquals(network.calls, []);
});

Deno.test("a datagram socket may set the ECN bits, and its interface fits its family", async () => {
  const ipv4 = targetOf(new FakeNetwork(), "datagram");
  const ipv6 = targetOf(new FakeNetwork(), "datagram", "IPv6");
  await setOption(ipv4, "typeOfService", 0xb9, true);
  assertEquals(await getOption(ipv4, "typeOfService"), 0xb9);
  await assertRejects(() => setOption(ipv4, "multicastInterface", 2, true), TypeError, "IPv4");
  for (const address of ["192.0.2", "192.0.2.256", "::1", "1.2.3.04"]) {
    await assertRejects(() => setOption(ipv4, "multicastInterface", address, true), TypeError);
  }
  await assertRejects(() => setOption(ipv6, "multicastInterface", "::1", true), TypeError);
  checkOptionValues("datagram", { multicastInterface: 2 });
  checkOptionValues("datagram", { multicastInterface: "192.0.2.1" });
});

Deno.test("keepAlive with numbers is four options below, and all or none of its numbers", async () => {
  const { IPPROTO_TCP, SOL_SOCKET, SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT } =
    SockOpt;
  const network = new FakeNetwork();
  const target = targetOf(network);
  await setOption(target, "keepAlive", { idleSeconds: 9, intervalSeconds: 8, count: 7 }, true);
  assertEquals(network.calls, [
    `set ${IPPROTO_TCP} ${TCP_KEEPIDLE} 9`,
    `set ${IPPROTO_TCP} ${TCP_KEEPINTVL} 8`,
    `set ${IPPROTO_TCP} ${TCP_KEEPCNT} 7`,
    `set ${SOL_SOCKET} ${SO_KEEPALIVE} 1`,
  ]);
  network.calls.length = 0;
  network.failures.set(`set ${IPPROTO_TCP} ${TCP_KEEPCNT}`, -Errno.EINVAL);
  const other = { idleSeconds: 1, intervalSeconds: 2, count: 3 };
  const error = await assertRejects(
    () => setOption(target, "keepAlive", other, true),
    NetError,
    "keepAlive",
  );
  assertEquals(error.code, "EINVAL");
  assertEquals(await getOption(target, "keepAlive"), {
    idleSeconds: 9,
    intervalSeconds: 8,
    count: 7,
  });
});

Deno.test("keepAlive reads as true while its numbers are the system's, or where none are told", async () => {
  const network = new FakeNetwork();
  const target = targetOf(network);
  assertEquals(await getOption(target, "keepAlive"), false);
  await setOption(target, "keepAlive", true, true);
  assertEquals(await getOption(target, "keepAlive"), true);
  assertEquals(network.calls.at(-1), "close", "the socket that tells the system's numbers");
  network.failures.set(`get ${SockOpt.IPPROTO_TCP} ${SockOpt.TCP_KEEPIDLE}`, -Errno.ENOTSUP);
  assertEquals(await getOption(target, "keepAlive"), true);
  const numbers = { idleSeconds: 9, intervalSeconds: 8, count: 7 };
  const error = await assertRejects(
    () => setOption(target, "keepAlive", numbers, true),
    NetError,
    "keepAlive with numbers",
  );
  assertEquals(error.code, "ENOTSUP");
});

Deno.test("errors name the option, and what Linux wants for it", async () => {
  const network = new FakeNetwork();
  const target = targetOf(network);
  const { SOL_SOCKET, IPPROTO_TCP, SO_MARK, SO_BINDTODEVICE, TCP_CONGESTION, TCP_CORK } = SockOpt;
  network.failures.set(`set ${SOL_SOCKET} ${SO_MARK}`, -Errno.EPERM);
  network.failures.set(`set ${SOL_SOCKET} ${SO_BINDTODEVICE}`, -Errno.ENODEV);
  network.failures.set(`set ${IPPROTO_TCP} ${TCP_CONGESTION}`, -Errno.ENOENT);
  network.failures.set(`set ${IPPROTO_TCP} ${TCP_CORK}`, -Errno.ENOPROTOOPT);
  const mark = await assertRejects(() => setOption(target, "mark", 1, true), NetError, "mark");
  assertInstanceOf(mark, Deno.errors.PermissionDenied);
  assert(mark.message.includes("CAP_NET_ADMIN"), mark.message);
  const device = () => setOption(target, "device", "eth9", true);
  assertEquals((await assertRejects(device, NetError, '"eth9"')).code, "ENODEV");
  const algorithm = () => setOption(target, "congestionControl", "warp", true);
  assertEquals((await assertRejects(algorithm, NetError, '"warp"')).code, "ENOENT");
  const cork = await assertRejects(() => setOption(target, "cork", true, true), NetError, "cork");
  assertEquals([cork.code, cork.operation], ["ENOTSUP", "setOption"]);
  assert(cork.message.includes("fake"), cork.message);
});

Deno.test("an options object may have an option and its counterpart: the family decides", async () => {
  for (const [family, name] of [["IPv4", "timeToLive"], ["IPv6", "hopLimit"]] as const) {
    const target = targetOf(new FakeNetwork(), "stream", family);
    await setOptions(target, { timeToLive: 7, hopLimit: 7, priority: 3 }, "connect");
    assertEquals(await getOption(target, name), 7);
    assertEquals(await getOption(target, "priority"), 3);
  }
  const target = targetOf(new FakeNetwork(), "stream", "IPv6");
  const error = await assertRejects(
    () => setOptions(target, { timeToLive: 7 }, "connect"),
    NetError,
    "hopLimit",
  );
  assertEquals([error.code, error.operation], ["EINVAL", "connect"]);
});

Deno.test("the priority is set after the type of service, which changes it", async () => {
  const network = new FakeNetwork();
  await setOptions(targetOf(network), { priority: 3, typeOfService: 0xb8 }, "connect");
  assertEquals(network.calls, [
    `set ${SockOpt.SOL_IP} ${SockOpt.IP_TOS} ${0xb8}`,
    `set ${SockOpt.SOL_SOCKET} ${SockOpt.SO_PRIORITY} 3`,
  ]);
});

Deno.test("a stream from an IPv4-mapped address sends IPv4 packets", () => {
  const family = (text: string) => packetFamily(parseAddress(text) as SocketAddress);
  assertEquals(family("[::ffff:127.0.0.1]:1"), "IPv4");
  assertEquals(family("[::1]:1"), "IPv6");
  assertEquals(family("127.0.0.1:1"), "IPv4");
  assertEquals(family("unix:/run/x"), "unix");
});
