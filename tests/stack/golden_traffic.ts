/**
 * The traffic that golden packets are taken from.
 *
 * @module
 */

import type { Namespace } from "../support/namespaces.ts";

/** `client` - `router` - `server`. */
export interface Network {
  readonly client: Namespace;
  readonly router: Namespace;
  readonly server: Namespace;
}

/** A step: what it does, and how. */
type Step = readonly [what: string, run: (network: Tools) => Promise<void>];

/** The network and what every step needs. */
interface Tools extends Network {
  /** Runs `capture_traffic.py`. */
  python(namespace: Namespace, ...args: string[]): Promise<void>;
  /** Runs ping, which may get no answer. */
  ping(...args: string[]): Promise<void>;
  /** Sets kernel parameters. */
  set(namespace: Namespace, ...settings: string[]): Promise<void>;
  /** Starts a program that lives until the end, and waits for some text of it. */
  start(namespace: Namespace, until: string, ...command: string[]): Promise<void>;
}

const SCRIPT = new URL("./capture_traffic.py", import.meta.url).pathname;

const RADVD = `interface br0 {
  AdvSendAdvert on;
  MinRtrAdvInterval 3;
  MaxRtrAdvInterval 4;
  AdvManagedFlag off;
  AdvOtherConfigFlag on;
  AdvLinkMTU 1492;
  AdvCurHopLimit 61;
  AdvReachableTime 30000;
  AdvRetransTimer 1000;
  AdvDefaultPreference high;
  AdvDefaultLifetime 1800;
  prefix fd00:a::/64 { AdvValidLifetime 7200; AdvPreferredLifetime 3600; };
  route fd00:b::/96 { AdvRoutePreference low; AdvRouteLifetime 900; };
  RDNSS fd00:1::53 fd00:1::54 { AdvRDNSSLifetime 600; };
  DNSSL example.org { AdvDNSSLLifetime 600; };
};
`;

/** Makes all of it. @param stack ends what is started for it */
export async function runTraffic(network: Network, stack: AsyncDisposableStack): Promise<void> {
  const tools: Tools = {
    ...network,
    python: async (namespace, ...args) => {
      await namespace.run("python3", SCRIPT, ...args);
    },
    ping: async (...args) => {
      await network.client.run("ping", "-n", "-c", "1", "-W", "1", ...args).catch(() => {});
    },
    set: async (namespace, ...settings) => {
      await namespace.run("sysctl", "-qw", ...settings);
    },
    start: async (namespace, until, ...command) => {
      const [program, ...args] = [...namespace.under, ...command];
      const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped" }).spawn();
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      stack.defer(async () => {
        child.kill("SIGTERM");
        while (!(await reader.read()).done);
        await child.status;
      });
      for (let said = ""; !said.includes(until);) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`${command.join(" ")} ended`);
        said += value;
      }
    },
  };
  for (const [what, run] of STEPS) {
    console.log(what);
    await run(tools);
  }
}

/** Waits until something is so, within ten seconds. */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not within ten seconds: ${what}`);
}

async function hasAddresses(namespace: Namespace, device: string): Promise<boolean> {
  const text = await namespace.run("ip", "-6", "addr", "show", "dev", device, "scope", "link");
  return text.includes("fe80") && !text.includes("tentative");
}

const START: Step = [
  "interfaces get addresses",
  async ({ client, router, server, python, set }) => {
    const devices: [Namespace, string][] = [[client, "c0"], [router, "r0"], [router, "r1"]];
    for (const [namespace, device] of [...devices, [server, "s0"]] as [Namespace, string][]) {
      await python(namespace, "offload_off", device);
    }
    await set(client, "net.ipv4.conf.c0.arp_notify=1", "net.ipv6.conf.c0.ndisc_notify=1");
    await set(client, "net.ipv6.conf.c0.accept_dad=1", "net.ipv6.conf.c0.accept_redirects=0");
    const ends: [Namespace, string, string, string][] = [
      [router, "br0", "10.1.0.1/24", "fd00:1::1/64"],
      [router, "r1", "10.2.0.1/24", "fd00:2::1/64"],
      [server, "s0", "10.2.0.2/24", "fd00:2::2/64"],
      [client, "c0", "10.1.0.2/24", "fd00:1::2/64"],
    ];
    for (const [namespace, device, ipv4, ipv6] of ends) {
      await namespace.ip("addr", "add", ipv4, "dev", device);
      await namespace.ip("addr", "add", ipv6, "dev", device);
    }
    for (const [namespace, , ,] of ends.slice(2)) {
      const first = namespace === client ? 1 : 2;
      await namespace.ip("route", "add", "default", "via", `10.${first}.0.1`);
      await namespace.ip("-6", "route", "add", "default", "via", `fd00:${first}::1`);
    }
    for (const [namespace, device] of ends) {
      await until(`${device} has its addresses`, () => hasAddresses(namespace, device));
    }
    await until("the server answers", async () => {
      const both = ["10.2.0.2", "fd00:2::2"].map((address) =>
        client.run("ping", "-n", "-c", "1", "-W", "1", address).then(() => true, () => false)
      );
      return (await Promise.all(both)).every((answered) => answered);
    });
    // The kernel tells its neighbours of a new MAC address, even if it is the old one.
    await client.ip("link", "set", "c0", "address", "02:00:00:00:00:0c");
    await client.ip("neigh", "flush", "dev", "c0");
  },
];

const ECHOES: Step = ["echoes and fragments", async ({ client, ping }) => {
  await ping("-e", "4097", "10.2.0.2");
  await ping("-e", "4098", "-R", "10.1.0.1");
  await ping("-e", "4099", "-T", "tsandaddr", "10.1.0.1");
  await ping("-e", "4100", "fd00:2::2");
  await client.ip("neigh", "flush", "dev", "c0");
  await ping("-e", "4101", "fd00:1::1");
  await client.ip("link", "set", "c0", "mtu", "1280");
  await ping("-e", "4102", "-s", "2600", "-M", "dont", "10.2.0.2");
  await ping("-e", "4103", "-s", "1300", "fd00:2::2");
  await client.ip("link", "set", "c0", "mtu", "1500");
}];

const ERRORS: Step = ["errors", async ({ client, router, python, ping, set }) => {
  await ping("-t", "1", "10.2.0.2");
  await ping("-t", "1", "fd00:2::2");
  await router.ip("link", "set", "r1", "mtu", "1400");
  await ping("-M", "do", "-s", "1420", "10.2.0.2");
  await ping("-M", "do", "-s", "1420", "fd00:2::2");
  await router.ip("link", "set", "r1", "mtu", "1500");
  for (const network of ["10.77.0.0/16", "fd00:77::/32"]) {
    await router.ip("route", "add", "unreachable", network);
  }
  await ping("10.99.0.1");
  await ping("fd00:99::1");
  await ping("-W", "5", "10.2.0.99");
  await ping("-W", "5", "fd00:2::99");
  await router.filter(
    "add table inet golden",
    "add chain inet golden forward { type filter hook forward priority 0; }",
    "add rule inet golden forward ip daddr 10.2.0.66 reject with icmp type admin-prohibited",
    "add rule inet golden forward ip6 daddr fd00:2::66 reject with icmpv6 type admin-prohibited",
  );
  await ping("10.2.0.66");
  await ping("fd00:2::66");
  await python(client, "next_header", "10.2.0.2", "200");
  await python(client, "next_header", "fd00:2::2", "200");
  await python(client, "icmp_timestamp", "10.2.0.2");
  await python(client, "bad_option", "10.1.0.2", "10.1.0.1");
  // A next hop on the link that the packet came from; nobody has to be there.
  const nextHop = ["lladdr", "02:00:00:00:00:99", "dev", "br0"];
  await router.ip("neigh", "add", "10.1.0.99", ...nextHop);
  await router.ip("neigh", "add", "fe80::99", ...nextHop);
  await set(router, "net.ipv4.conf.br0.send_redirects=1");
  await router.ip("route", "add", "10.9.0.0/16", "via", "10.1.0.99");
  await router.ip("-6", "route", "add", "fd00:9::/32", "via", "fe80::99", "dev", "br0");
  await ping("10.9.0.1");
  // A redirect is sent once a second has passed since the last error.
  await ping("-c", "3", "fd00:9::1");
  await client.ip("route", "flush", "cache");
  await client.ip("-6", "route", "flush", "cache");
}];

const DATAGRAMS: Step = ["datagrams", async ({ client, python }) => {
  await python(client, "udp", "10.2.0.2", "7001", "6001", "28");
  await python(client, "udp", "fd00:2::2", "7001", "6001", "28");
  await python(client, "udp", "10.2.0.2", "7002", "6002", "28", "no-checksum");
  await python(client, "udp", "fd00:2::2", "7003", "6003", "28", "destination-options");
  await python(client, "udp", "fd00:2::2", "7004", "6004", "28", "hop-by-hop");
  await python(client, "udp", "fd00:2::2", "7005", "6005", "28", "routing", "fd00:1::1");
}];

const CONNECTIONS: Step = ["connections", async (tools) => {
  const { client, router, server, python, set, start } = tools;
  const serve = (address: string, port: string, ...flags: string[]) =>
    start(server, "listening", "python3", SCRIPT, "tcp_serve", address, port, ...flags);
  await serve("10.2.0.2", "7");
  await serve("fd00:2::2", "7");
  await serve("10.2.0.2", "8", "mptcp");
  await python(client, "tcp", "10.2.0.2", "7", "5001", "urgent");
  await python(client, "tcp", "10.2.0.2", "9", "5002");
  await set(client, "net.ipv4.tcp_timestamps=0");
  await python(client, "tcp", "10.2.0.2", "7", "5003");
  await set(client, "net.ipv4.tcp_timestamps=1", "net.ipv4.tcp_ecn=1");
  await python(client, "tcp", "10.2.0.2", "7", "5004");
  await set(client, "net.ipv4.tcp_ecn=2");
  await router.filter(
    "add table inet loss",
    "add chain inet loss forward { type filter hook forward priority 0; }",
    "add rule inet loss forward tcp sport 5005 meta length > 900 numgen inc mod 100000 1 drop",
  );
  await python(client, "tcp", "10.2.0.2", "7", "5005", "bulk");
  await python(client, "tcp", "10.2.0.2", "7", "5006", "fast-open");
  await python(client, "tcp", "10.2.0.2", "7", "5007", "fast-open");
  await python(client, "tcp", "10.2.0.2", "8", "5008", "mptcp");
  await python(client, "tcp", "fd00:2::2", "7", "5009");
}];

const GROUPS: Step = ["groups", async ({ client, router, python, set }) => {
  const bridge = (...options: string[]) =>
    router.ip("link", "set", "br0", "type", "bridge", ...options);
  const version = (igmp: number, mld: number) =>
    set(
      client,
      `net.ipv4.conf.c0.force_igmp_version=${igmp}`,
      `net.ipv6.conf.c0.force_mld_version=${mld}`,
    );
  const query = async (igmp: number, mld: number) => {
    await bridge("mcast_igmp_version", `${igmp}`, "mcast_mld_version", `${mld}`);
    await bridge("mcast_querier", "0");
    await bridge("mcast_querier", "1", "mcast_query_use_ifaddr", "1");
  };
  await python(client, "join", "239.1.2.3", "c0", "2", "10.2.0.2", "10.2.0.3");
  await python(client, "join", "ff05::1:3", "c0", "2", "fd00:2::2", "fd00:2::3");
  await version(2, 1);
  await python(client, "join", "239.1.2.4", "c0", "2");
  await python(client, "join", "ff05::1:4", "c0", "2");
  await version(1, 0);
  await python(client, "join", "239.1.2.5", "c0", "2");
  await version(0, 0);
  // What a bridge asks first is sent once its startup delay is over.
  await bridge("mcast_startup_query_interval", "100", "mcast_startup_query_count", "3");
  await query(3, 2);
  await python(client, "join", "239.1.2.6", "c0", "3");
  await query(2, 1);
  await python(client, "join", "239.1.2.6", "c0", "3");
}];

const ROUTER: Step = ["router discovery", async ({ client, router, set, start }) => {
  const config = await Deno.makeTempFile();
  await Deno.writeTextFile(config, RADVD);
  await set(client, "net.ipv6.conf.c0.disable_ipv6=1");
  await set(client, "net.ipv6.conf.c0.accept_ra=1", "net.ipv6.conf.c0.router_solicitations=2");
  const command = ["radvd", "-n", "-C", config, "-m", "stderr_clean", "-p", `${config}.pid`];
  const [program, ...args] = ["sh", "-c", `echo started; exec ${command.join(" ")} 2>/dev/null`];
  await start(router, "started", program, ...args);
  await set(client, "net.ipv6.conf.c0.disable_ipv6=0");
  await until("the client has an address of the prefix", async () => {
    const text = await client.run("ip", "-6", "addr", "show", "dev", "c0");
    return text.includes("fd00:a:");
  });
  await Deno.remove(config);
}];

const STEPS: readonly Step[] = [START, ECHOES, ERRORS, DATAGRAMS, CONNECTIONS, GROUPS, ROUTER];
