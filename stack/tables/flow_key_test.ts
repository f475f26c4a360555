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

/** Two ports, the local one in the upper half. */
function ports(local: number, remote: number): number {
  return local << 16 | remote;
}

Deno.test("no two IPv4 flows have one key", () => {
  const [near, far] = [0x0a000001, 0x0a000002];
  const flow: Ipv4 = [near, far, ports(80, 65535), 6, 1];
  const others: Ipv4[] = [
    [far, near, ports(80, 65535), 6, 1],
    [near, far, ports(65535, 80), 6, 1],
    [near, far, ports(81, 65535), 6, 1],
    [near, far, ports(80, 0), 6, 1],
    [near, far, ports(80, 65535), 17, 1],
    [near, far, ports(80, 65535), 6, 2],
    [near, far, ports(65535, 65535), 6, 1],
  ];
  assertEquals(new Set([flow, ...others].map((each) => ipv4(...each))).size, others.length + 1);
  assertEquals(ipv4(-1, -1, ports(65535, 65535), 255, 2 ** 24 - 1), "-1,-1,-1,-1");
});

Deno.test("no two IPv6 flows have one key", () => {
  const local = [0x20010db8, 0, 0, 1];
  const remote = [0x20010db8, 0, 0, 2];
  const flow: Ipv6 = [local, remote, ports(80, 65535), 6, 1];
  const others: Ipv6[] = [
    [remote, local, ports(80, 65535), 6, 1],
    [local, remote, ports(65535, 80), 6, 1],
    [local, remote, ports(80, 65535), 17, 1],
    [local, remote, ports(80, 65535), 6, 2],
  ];
  for (let word = 0; word < 4; word++) {
    const change = (address: number[]) => address.map((each, at) => at === word ? ~each : each);
    others.push([change(local), remote, ports(80, 65535), 6, 1]);
    others.push([local, change(remote), ports(80, 65535), 6, 1]);
  }
  assertEquals(new Set([flow, ...others].map((each) => ipv6(...each))).size, others.length + 1);
});
