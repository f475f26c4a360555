import { assertEquals } from "@std/assert";
import { Script } from "../../tests/support/stack/tcp/script.ts";
import type { TcpSocket } from "./socket.ts";

const SOCKET = 1;
const IP = 0;
const TCP = 6;
const IPV6 = 41;
const EINVAL = -22;
const ENOPROTOOPT = -92;
const EOPNOTSUPP = -95;

function int(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
}

function read(socket: TcpSocket, level: number, name: number): number {
  const value = socket.getOption(level, name);
  if (typeof value === "number") return value;
  return new DataView(value.buffer, value.byteOffset).getInt32(0, true);
}

function fresh(isIpv6 = false): { script: Script; socket: TcpSocket } {
  const script = new Script();
  return { script, socket: script.host.tcp.createSocket(isIpv6) };
}

/** Sets values, and compares what is read back or the error. */
function check(level: number, name: number, pairs: readonly (readonly [number, number])[]): void {
  const { socket } = fresh(level === IPV6);
  for (const [value, expected] of pairs) {
    const result = socket.setOption(level, name, int(value));
    const shown = result < 0 ? result : read(socket, level, name);
    assertEquals(shown, expected, `option ${name} of level ${level} set to ${value}`);
  }
}

Deno.test("options take the values that Linux takes, and show them as Linux does", () => {
  for (const name of [2, 15, 9, 10, 1, 5, 6]) {
    check(SOCKET, name, [[1, 1], [0, 0], [7, 1], [-1, 1]]);
  }
  check(SOCKET, 60, [[1, 1], [2, EINVAL]]);
  check(SOCKET, 7, [[10_000, 20_000], [1, 4608], [1 << 30, 425_984]]);
  check(SOCKET, 8, [[10_000, 20_000], [1, 2304], [-1, 425_984]]);
  check(SOCKET, 18, [[100, 100], [0, 1], [-1, 0x7fffffff]]);
  check(SOCKET, 47, [[1_000_000, 1_000_000], [-1, -1]]);
  check(TCP, 1, [[1, 1], [0, 0], [7, 1]]);
  check(TCP, 2, [[500, 500], [87, EINVAL], [40_000, EINVAL], [0, 536]]);
  check(TCP, 4, [[60, 60], [0, EINVAL], [32_768, EINVAL]]);
  check(TCP, 5, [[10, 10], [0, EINVAL]]);
  check(TCP, 6, [[3, 3], [128, EINVAL]]);
  check(TCP, 7, [[2, 2], [0, EINVAL]]);
  check(TCP, 8, [[5, 5], [0, 60], [-1, -1], [1000, 120]]);
  check(TCP, 9, [[5, 7], [1, 1], [0, 0], [-1, 0]]);
  check(TCP, 10, [[4096, 4096], [10, 1152], [0, 0]]);
  check(TCP, 18, [[5000, 5000], [-1, EINVAL]]);
  check(TCP, 23, [[5, 5], [-1, EINVAL]]);
  check(TCP, 25, [[16_384, 16_384], [-1, -1]]);
  check(TCP, 30, [[1, 1], [2, EINVAL]]);
  check(IP, 1, [[0x10, 0x10], [0xb8, 0xb8], [255, 252], [256, 0]]);
  check(IP, 2, [[1, 1], [255, 255], [256, EINVAL], [0, EINVAL], [-1, 64]]);
  check(IP, 10, [[0, 0], [3, 3], [6, EINVAL], [-1, EINVAL]]);
  check(IPV6, 16, [[1, 1], [-1, 64], [-2, EINVAL]]);
  check(IPV6, 67, [[0x10, 0x10], [-1, 0], [256, EINVAL]]);
  check(IPV6, 26, [[1, 1], [0, 0]]);
});

Deno.test("what is about datagrams is judged, and changes neither listeners nor connections", () => {
  const { socket: connected } = Script.established({ isIpv6: true });
  const script = new Script({ isIpv6: true });
  const listener = script.listen();
  for (const socket of [connected, listener]) {
    const mtus = [0, 1280, 1279].map((mtu) => socket.setOption(IPV6, 24, int(mtu)));
    assertEquals(mtus, [0, 0, EINVAL]);
    const sizes = [20, 19].map((bytes) => socket.setOption(IPV6, 50, new Uint8Array(bytes)));
    assertEquals(sizes, [0, EINVAL]);
    assertEquals(socket.setOption(IP, 4, int(0)), 0);
  }
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0 ack 1");
});

Deno.test("what nobody knows, is too short or cannot be set is refused as on Linux", () => {
  const { socket } = fresh();
  for (const level of [SOCKET, IP, TCP]) {
    assertEquals(socket.getOption(level, 9999), ENOPROTOOPT);
    assertEquals(socket.setOption(level, 9999, int(1)), ENOPROTOOPT);
  }
  assertEquals([socket.getOption(IPV6, 26), socket.setOption(IPV6, 26, int(1))], [
    EOPNOTSUPP,
    ENOPROTOOPT,
  ]);
  for (const name of [3, 4, 30, 38, 39]) {
    assertEquals(socket.setOption(SOCKET, name, int(1)), ENOPROTOOPT);
  }
  assertEquals(socket.setOption(TCP, 11, int(1)), ENOPROTOOPT);
  assertEquals(socket.setOption(TCP, 24, int(1)), -1);
  assertEquals(socket.setOption(TCP, 1, Uint8Array.of(1)), EINVAL);
  assertEquals(socket.setOption(IP, 2, Uint8Array.of(9)), 0);
  assertEquals(read(socket, IP, 2), 9);
  assertEquals([1, 38, 39, 30].map((name) => read(socket, SOCKET, name)).slice(1), [6, 2, 0]);
});

Deno.test("SO_LINGER, SO_BINDTODEVICE, TCP_CONGESTION and SO_COOKIE are more than integers", () => {
  const { socket } = fresh();
  const linger = Uint8Array.of(1, 0, 0, 0, 30, 0, 0, 0);
  assertEquals(socket.getOption(SOCKET, 13), new Uint8Array(8));
  assertEquals(socket.setOption(SOCKET, 13, linger), 0);
  assertEquals(socket.getOption(SOCKET, 13), linger);
  assertEquals(socket.setOption(SOCKET, 13, int(1)), EINVAL);
  const text = (name: string) => new TextEncoder().encode(name);
  assertEquals(socket.setOption(SOCKET, 25, text("test0\0")), 0);
  assertEquals(socket.getOption(SOCKET, 25), text("test0\0"));
  assertEquals(socket.setOption(SOCKET, 25, text("nobody")), -19);
  assertEquals(socket.setOption(SOCKET, 25, text("")), 0);
  assertEquals(socket.getOption(SOCKET, 25), new Uint8Array(0));
  assertEquals(socket.setOption(TCP, 13, text("fixed")), 0);
  assertEquals(socket.setOption(TCP, 13, text("nosuch")), -2);
  assertEquals((socket.getOption(TCP, 13) as Uint8Array).subarray(0, 6), text("fixed\0"));
  const cookie = socket.getOption(SOCKET, 57) as Uint8Array;
  assertEquals([cookie.length, socket.getOption(SOCKET, 57)], [8, cookie]);
});

Deno.test("options of a socket are not another's, but those of a listener its connections'", () => {
  const script = new Script();
  const listener = script.listen();
  listener.setOption(TCP, 1, int(1));
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0");
  script.inject(". seq 1 ack 1 win 1000");
  const socket = listener.accept() as TcpSocket;
  assertEquals(read(socket, TCP, 1), 1);
  listener.setOption(TCP, 1, int(0));
  assertEquals([read(socket, TCP, 1), read(listener, TCP, 1)], [1, 0]);
  socket.setOption(TCP, 3, int(1));
  assertEquals([read(listener, TCP, 3), read(script.host.tcp.createSocket(false), TCP, 3)], [0, 0]);
});

// covers RFC 9293 3.9.2 MUST-48, MUST-49
Deno.test("the type of service and the hops of segments are those of the options", () => {
  const { script, socket } = Script.established();
  const { parameters } = script.host.tcp.writer;
  socket.setOption(IP, 1, int(0x28));
  socket.setOption(IP, 2, int(7));
  socket.setOption(IP, 10, int(0));
  script.host.write(socket, "x");
  assertEquals([parameters.typeOfService, parameters.timeToLive], [0x28, 7]);
  assertEquals(parameters.fragmentation, "allowed");
});

Deno.test("TCP_CORK holds back, and TCP_NODELAY does not wait", () => {
  const { script, socket } = Script.established();
  socket.setOption(TCP, 3, int(1));
  script.host.write(socket, "held ");
  script.host.write(socket, "back");
  script.expectNothing();
  socket.setOption(TCP, 3, int(0));
  script.expect("P. seq 1 len 9");
  script.host.write(socket, "waits");
  socket.setOption(TCP, 1, int(1));
  script.skip();
  script.host.write(socket, "goes");
  script.expect("P. len 4");
});

Deno.test("SO_REUSEADDR and SO_REUSEPORT count from when they are set", () => {
  const { script, socket } = fresh();
  assertEquals(socket.bind(0, 80, 0), 0);
  const other = script.host.tcp.createSocket(false);
  other.setOption(SOCKET, 2, int(1));
  assertEquals(other.bind(0, 80, 0), -98);
  socket.setOption(SOCKET, 2, int(1));
  assertEquals(other.bind(0, 80, 0), 0);
  assertEquals(socket.listen(5), 0);
  assertEquals(other.listen(5), -98);
});
