import { assertEquals } from "@std/assert";
import { fixedOption, intOf, SocketOptions, unknownOption } from "./socket_options.ts";
import * as c from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

function timeval(seconds: number, microseconds: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigInt64(0, BigInt(seconds), true);
  view.setBigInt64(8, BigInt(microseconds), true);
  return new Uint8Array(view.buffer);
}

const ints = (...values: number[]) => new Uint8Array(new Int32Array(values).buffer);
const make = () => new SocketOptions(c.AF_INET, c.SOCK_STREAM, c.IPPROTO_TCP);

function get(options: SocketOptions, name: number, length = 4): [number | undefined, number] {
  const value = new Uint8Array(16);
  const result = options.get(c.SOL_SOCKET, name, value, length);
  return [result, intOf(value)];
}

Deno.test("a socket tells what it was made as", () => {
  const options = make();
  assertEquals(get(options, c.SO_TYPE), [4, c.SOCK_STREAM]);
  assertEquals(get(options, c.SO_DOMAIN), [4, c.AF_INET]);
  assertEquals(get(options, c.SO_PROTOCOL), [4, c.IPPROTO_TCP]);
  assertEquals(get(options, c.SO_TYPE, 1), [1, 1]);
  assertEquals(get(options, c.SO_TYPE, -1), [-Errno.EINVAL, 0]);
  assertEquals(options.set(c.SOL_SOCKET, c.SO_TYPE, ints(1), 4), -Errno.ENOPROTOOPT);
});

Deno.test("timeouts are kept in milliseconds, and none is for ever", () => {
  const options = make();
  assertEquals(options.receiveTimeoutMs, Infinity);
  const set = (value: Uint8Array) => options.set(c.SOL_SOCKET, c.SO_RCVTIMEO, value, value.length);
  assertEquals(set(timeval(2, 500_000)), 0);
  assertEquals(options.receiveTimeoutMs, 2500);
  const value = new Uint8Array(16);
  assertEquals(options.get(c.SOL_SOCKET, c.SO_RCVTIMEO, value, 16), 16);
  assertEquals(value, timeval(2, 500_000));
  assertEquals(set(timeval(0, 0)), 0);
  assertEquals(options.receiveTimeoutMs, Infinity);
  assertEquals(set(timeval(-1, 0)), 0);
  assertEquals(options.receiveTimeoutMs, 0);
  assertEquals(set(timeval(0, 1_000_000)), -Errno.EDOM);
  assertEquals(set(ints(1)), -Errno.EINVAL);
  assertEquals(options.sendTimeoutMs, Infinity);
});

Deno.test("the low-water mark is at least one byte", () => {
  const options = make();
  for (const [set, got] of [[7, 7], [0, 1], [-1, 0x7fffffff]]) {
    assertEquals(options.set(c.SOL_SOCKET, c.SO_RCVLOWAT, ints(set), 4), 0);
    assertEquals(options.receiveLowWater, got);
  }
});

Deno.test("lingering is off, and stays so", () => {
  const options = make();
  assertEquals(options.set(c.SOL_SOCKET, c.SO_LINGER, ints(0, 9), 8), 0);
  assertEquals(options.set(c.SOL_SOCKET, c.SO_LINGER, ints(1, 9), 8), -Errno.ENOPROTOOPT);
  assertEquals(options.set(c.SOL_SOCKET, c.SO_LINGER, ints(0), 4), -Errno.EINVAL);
});

Deno.test("options that change nothing anywhere are kept", () => {
  const datagrams = new SocketOptions(c.AF_INET, c.SOCK_DGRAM, c.IPPROTO_UDP);
  assertEquals(datagrams.set(c.SOL_SOCKET, c.SO_KEEPALIVE, ints(7), 4), 0);
  assertEquals(get(datagrams, c.SO_KEEPALIVE), [4, 1]);
  assertEquals(datagrams.set(c.SOL_SOCKET, c.SO_LINGER, ints(1, 9), 8), 0);
  const value = new Uint8Array(8);
  assertEquals(datagrams.get(c.SOL_SOCKET, c.SO_LINGER, value, 8), 8);
  assertEquals(value, ints(1, 9));
});

Deno.test("what this side does not keep is the other side's", () => {
  assertEquals(get(make(), c.SO_KEEPALIVE)[0], undefined);
  assertEquals(make().set(c.SOL_TCP, c.TCP_NODELAY, ints(1), 4), undefined);
});

Deno.test("an option that nobody changes has its value where Linux has it", () => {
  assertEquals(fixedOption(c.AF_INET, c.SOCK_STREAM, c.SOL_TCP, c.TCP_CORK), 0);
  assertEquals(fixedOption(c.AF_INET, c.SOCK_DGRAM, c.SOL_TCP, c.TCP_CORK), undefined);
  assertEquals(fixedOption(c.AF_INET6, c.SOCK_STREAM, c.SOL_IPV6, c.IPV6_V6ONLY), 0);
  assertEquals(fixedOption(c.AF_INET, c.SOCK_STREAM, c.SOL_IPV6, c.IPV6_V6ONLY), undefined);
});

Deno.test("an option that there is not is told apart from a level that there is not", () => {
  const { AF_INET, AF_UNIX, SOCK_STREAM, SOCK_DGRAM, SOL_TCP, SOL_SOCKET } = c;
  assertEquals(unknownOption(AF_INET, SOCK_STREAM, SOL_TCP, 99, false), -Errno.ENOPROTOOPT);
  assertEquals(unknownOption(AF_INET, SOCK_DGRAM, SOL_TCP, 99, false), -Errno.EOPNOTSUPP);
  assertEquals(unknownOption(AF_INET, SOCK_DGRAM, SOL_TCP, 99, true), -Errno.ENOPROTOOPT);
  assertEquals(unknownOption(c.AF_INET6, SOCK_DGRAM, SOL_TCP, 99, false), -Errno.ENOPROTOOPT);
  assertEquals(unknownOption(AF_UNIX, SOCK_STREAM, SOL_TCP, 99, true), -Errno.EOPNOTSUPP);
  assertEquals(unknownOption(AF_UNIX, SOCK_STREAM, SOL_SOCKET, 99, true), -Errno.ENOPROTOOPT);
  const { SO_PASSCRED } = c;
  assertEquals(
    unknownOption(AF_INET, SOCK_STREAM, SOL_SOCKET, SO_PASSCRED, true),
    -Errno.EOPNOTSUPP,
  );
});

Deno.test("an accepted socket has the timeouts of its listener", () => {
  const listener = make();
  listener.set(c.SOL_SOCKET, c.SO_SNDTIMEO, timeval(1, 0), 16);
  const accepted = make();
  accepted.inherit(listener);
  assertEquals(accepted.sendTimeoutMs, 1000);
});
