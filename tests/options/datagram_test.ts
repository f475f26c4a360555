/**
 * The options of datagram sockets, set and read back on Linux itself.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { NetError, NetworkCapability } from "../../mod.ts";
import type { Network } from "../../native/network.ts";
import {
  DATAGRAM_OPTIONS,
  type DatagramOptionValues,
  getOption,
  type OptionTarget,
  setOption,
} from "../../native/options/options.ts";
import { Sock } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../../ring/abi/sockaddr.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { isRoot, skipUnless } from "../support/skip.ts";

const FAMILIES = { IPv4: AF_INET, IPv6: AF_INET6, unix: AF_UNIX } as const;

type Values = Partial<DatagramOptionValues>;

const COMMON: Values = {
  reuseAddress: true,
  reusePort: true,
  device: "lo",
  zeroCopy: true,
  incomingCpu: 0,
  mtuDiscovery: "probe",
  priority: 6,
  packetInfo: true,
  receiveErrors: true,
  multicastLoop: false,
};
const OF_IPV4: Values = {
  ...COMMON,
  timeToLive: 17,
  typeOfService: 0xb9,
  broadcast: true,
  multicastTimeToLive: 0,
  multicastInterface: "127.0.0.1",
};
const OF_IPV6: Values = {
  ...COMMON,
  ipv6Only: true,
  hopLimit: 18,
  trafficClass: 0x89,
  multicastHops: 255,
  // Beside the device that the socket is bound to, no other interface is taken.
  multicastInterface: 1,
};
/** What is left: buffer sizes read back doubled, and two ask for root. */
const APART = ["receiveBufferBytes", "sendBufferBytes", "mark", "busyPollMicroseconds"];
const PRIVILEGED: Values = { mark: 0xffff_fff7, busyPollMicroseconds: 20 };

const refusal = kernelRefusal();

function testOn(
  family: keyof typeof FAMILIES,
  name: string,
  body: (target: OptionTarget) => Promise<void>,
  condition = true,
  reason = "",
): void {
  const why = condition ? refusal ?? "" : reason;
  Deno.test({
    ...skipUnless(name, condition && refusal === undefined, why),
    fn: () =>
      assertNoLeaks(async () => {
        await using capability = await NetworkCapability.request({ backend: "kernel" });
        const network: Network = capability.network;
        const descriptor = await network.socket(
          FAMILIES[family],
          Sock.DGRAM | Sock.CLOEXEC,
          "bind",
        );
        assert(descriptor >= 0);
        try {
          await body({ network, descriptor, kind: "datagram", family });
        } finally {
          await network.close(descriptor);
        }
      }),
  });
}

async function readBack(target: OptionTarget, values: Values): Promise<void> {
  for (const [name, value] of Object.entries(values)) {
    await setOption(target, name, value, false);
    assertEquals(await getOption(target, name), value, name);
  }
}

testOn("IPv4", "options of IPv4 datagrams read back as they were set", async (target) => {
  await readBack(target, OF_IPV4);
  const tested = [...Object.keys(OF_IPV4), ...Object.keys(OF_IPV6), ...APART];
  assertEquals([...new Set(tested)].sort(), [...DATAGRAM_OPTIONS].sort());
});

testOn("IPv6", "options of IPv6 datagrams read back as they were set", async (target) => {
  await readBack(target, OF_IPV6);
});

testOn(
  "IPv4",
  "options of datagrams that ask for privileges read back, too",
  async (target) => {
    await readBack(target, PRIVILEGED);
  },
  isRoot(),
  "needs root",
);

testOn("IPv4", "every way of MTU discovery reads back", async (target) => {
  for (const way of ["want", "do", "dont", "probe"] as const) {
    await readBack(target, { mtuDiscovery: way });
  }
});

for (const family of ["IPv4", "IPv6", "unix"] as const) {
  testOn(
    family,
    `buffer sizes of ${family} datagrams are at least what was set`,
    async (target) => {
      for (const name of ["receiveBufferBytes", "sendBufferBytes"]) {
        await setOption(target, name, 30_000, true);
        const found = Number(await getOption(target, name));
        assert(found >= 30_000 && found <= 90_000, `${name} is ${found}`);
      }
    },
  );
}

testOn("IPv4", "an interface for multicasts that is not there is named", async (target) => {
  const set = () => setOption(target, "multicastInterface", "192.0.2.77", true);
  const error = await assertRejects(set, NetError, "multicastInterface");
  assertEquals(error.code, "EADDRNOTAVAIL");
});

testOn("unix", "options of TCP/IP are ENOTSUP for Unix datagrams", async (target) => {
  for (const name of DATAGRAM_OPTIONS.filter((name) => !name.endsWith("BufferBytes"))) {
    const error = await assertRejects(() => getOption(target, name), NetError, name);
    assertEquals(error.code, "ENOTSUP", name);
  }
});
