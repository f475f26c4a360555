import { assertEquals } from "@std/assert";
import { IPV4_FLOW_WORDS, IPV6_FLOW_WORDS, setIpv4Flow, setIpv6Flow } from "./flow_key.ts";

type Ipv4 = Parameters<typeof setIpv4Flow> extends [Int32Array, ...infer Rest] ? Rest : never;
type Ipv6 = Parameters<typeof setIpv6Flow> extends [Int32Array, ...infer Rest] ? Rest : never;

function ipv4(...flow: Ipv4): string {
  const key = new Int32Array(IPV4_FLOW_WORDS);
  setIpv4Flow(key, ...flow);
  return key.join();
}

function ipv6(...flow: Ipv6): string {
  const key = new Int32Array(IPV6_FLOW_WORDS);
  setIpv6Flow(key, ...flow);
  return key.join();
}

Deno.test("no two IPv4 flows have one key", () => {
  const flow: Ipv4 = [0x0a000001, 80, 0x0a000002, 65535, 6, 1];
  const others: Ipv4[] = [
    [0x0a000002, 80, 0x0a000001, 65535, 6, 1],
    [0x0a000001, 65535, 0x0a000002, 80, 6, 1],
    [0x0a000001, 81, 0x0a000002, 65535, 6, 1],
    [0x0a000001, 80, 0x0a000002, 0, 6, 1],
    [0x0a000001, 80, 0x0a000002, 65535, 17, 1],
    [0x0a000001, 80, 0x0a000002, 65535, 6, 2],
    [0x0a000001, 65535, 0x0a000002, 65535, 6, 1],
  ];
  assertEquals(new Set([flow, ...others].map((each) => ipv4(...each))).size, others.length + 1);
  assertEquals(ipv4(-1, 65535, -1, 65535, 255, 2 ** 24 - 1), "-1,-1,-1,-1");
});

Deno.test("no two IPv6 flows have one key", () => {
  const local = Int32Array.of(0x20010db8, 0, 0, 1);
  const remote = Int32Array.of(0x20010db8, 0, 0, 2);
  const flow: Ipv6 = [local, 80, remote, 65535, 6, 1];
  const others: Ipv6[] = [
    [remote, 80, local, 65535, 6, 1],
    [local, 65535, remote, 80, 6, 1],
    [local, 80, remote, 65535, 17, 1],
    [local, 80, remote, 65535, 6, 2],
  ];
  for (let word = 0; word < 4; word++) {
    const change = (address: Int32Array) => address.map((each, at) => at === word ? ~each : each);
    others.push([change(local), 80, remote, 65535, 6, 1], [local, 80, change(remote), 65535, 6, 1]);
  }
  assertEquals(new Set([flow, ...others].map((each) => ipv6(...each))).size, others.length + 1);
});
