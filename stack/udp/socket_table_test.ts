import { assert, assertEquals } from "@std/assert";
import { ETH, LO, OTHER, OTHER_6, OWN, OWN_6 } from "../../tests/support/stack/fake_ip.ts";
import { FakeIp, int } from "../../tests/support/stack/fake_ip.ts";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { Slot } from "../datagram/option_rows.ts";
import { isAny, isSame } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";
import { SeededRandom } from "../random.ts";
import { Statistics } from "../statistics.ts";
import { TransportPorts } from "../transport_ports.ts";
import { ipv4Of, ipv6Of } from "../wire/mod.ts";
import { UdpCounter } from "./counters.ts";
import { UdpSocketTable } from "./socket_table.ts";
import { UdpSocket } from "./udp_socket.ts";

const SECOND = ipv4Of("127.0.0.1");
const SECOND_6 = ipv6Of("::1");
const ANY_6 = ipv6Of("::");
const CAPACITY = 40;

/** A table and the sockets in it, which are known in the order in which they came. */
class Model {
  readonly table: UdpSocketTable;
  readonly sockets: UdpSocket[] = [];
  readonly #ip = new FakeIp();
  readonly #shared: ConstructorParameters<typeof UdpSocket>[0];

  constructor() {
    this.table = new UdpSocketTable(CAPACITY, { low: 1, high: 2 });
    const kind = "datagram";
    this.#shared = {
      context: this.#ip.context,
      table: this.table,
      ports: new TransportPorts({ kind, capacity: CAPACITY, random: new SeededRandom(1) }),
      counters: new Statistics({ udp: UdpCounter }).groups.udp,
      onClose: () => {},
    };
  }

  /** Opens a socket; all of them reuse addresses. */
  open(random: Random): void {
    const family = random.chance(0.5) ? "ipv4" : "ipv6";
    const socket = new UdpSocket(this.#shared, family);
    socket.setOption(SockOpt.SOL_SOCKET, SockOpt.SO_REUSEADDR, int(1));
    if (family === "ipv6" && random.chance(0.3)) {
      socket.setOption(SockOpt.IPPROTO_IPV6, SockOpt.IPV6_V6ONLY, int(1));
    }
    if (random.chance(0.3)) {
      const name = new TextEncoder().encode(random.chance(0.5) ? "lo\0" : "eth0\0");
      socket.setOption(SockOpt.SOL_SOCKET, SockOpt.SO_BINDTODEVICE, name);
    }
    const locals: readonly IpAddress[] = family === "ipv4"
      ? [0, 0, OWN, SECOND]
      : [ANY_6, ANY_6, OWN_6, SECOND_6];
    assertEquals(socket.bind(random.pick(locals), random.integer(50, 52), 0), 0);
    if (random.chance(0.4)) {
      const remote = family === "ipv4" || random.chance(0.2) ? OTHER : OTHER_6;
      const isOpen = isAny(socket.flow.local) || typeof socket.flow.local === typeof remote;
      const isFit = isOpen && !(typeof remote === "number" && socket.isIpv6Only);
      if (isFit) assertEquals(socket.connect(remote, random.integer(1, 2), 0), 0);
    }
    this.sockets.push(socket);
  }

  close(at: number): void {
    this.sockets.splice(at, 1)[0].close();
  }

  /** The best socket by looking at each of them. */
  best(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    link: number,
  ): UdpSocket | undefined {
    let best: UdpSocket | undefined;
    let bestScore = -1;
    for (const socket of this.sockets) {
      const score = scoreOf(socket, local, localPort, remote, remotePort, link);
      // Of equals the last one that came gets it; one of IPv4 comes before one that takes both.
      if (score >= 0 && score >= bestScore) {
        best = socket;
        bestScore = score;
      }
    }
    return best;
  }
}

function scoreOf(
  socket: UdpSocket,
  local: IpAddress,
  localPort: number,
  remote: IpAddress,
  remotePort: number,
  link: number,
): number {
  const { flow } = socket;
  const isIpv4 = typeof local === "number";
  if (flow.localPort !== localPort || flow.scope !== 0 && flow.scope !== link) return -1;
  const isWild = isAny(flow.local) && !socket.isConnected;
  if (isIpv4) {
    const isDual = socket.family === "ipv6" && isWild && !socket.isIpv6Only;
    if (!isDual && typeof flow.local !== "number") return -1;
  } else if (socket.family === "ipv4" || typeof flow.local === "number") return -1;
  if (!isWild && !isSame(flow.local, local)) return -1;
  if (socket.isConnected && !socket.isConnectedTo(remote, remotePort)) return -1;
  const level = socket.isConnected ? 3 : isWild ? 1 : 2;
  return 100 * level + (flow.scope !== 0 ? 10 : 0) + (isIpv4 && socket.family === "ipv4" ? 1 : 0);
}

Deno.test(
  "the table finds the socket that a search through all of them finds",
  withSeed((random) => {
    const model = new Model();
    let found = 0;
    for (let turn = 0; turn < scale(3000, 100_000); turn++) {
      const isFull = model.sockets.length === CAPACITY;
      if (!isFull && random.chance(0.5)) model.open(random);
      else if (model.sockets.length > 0) model.close(random.integer(0, model.sockets.length - 1));
      assertEquals(model.table.size, model.sockets.length);
      for (let query = 0; query < 5; query++) {
        const isIpv4 = random.chance(0.5);
        const local = isIpv4 ? random.pick([OWN, SECOND]) : random.pick([OWN_6, SECOND_6]);
        const remote = isIpv4 ? OTHER : OTHER_6;
        const [port, remotePort] = [random.integer(50, 52), random.integer(1, 3)];
        const link = random.pick([LO, ETH]);
        const expected = model.best(local, port, remote, remotePort, link);
        const actual = model.table.find(local, port, remote, remotePort, link);
        assert(actual === expected);
        if (actual !== undefined) found++;
        const at = model.sockets.filter((socket) => socket.flow.localPort === port);
        const listed = model.table.at(port);
        assert(listed.length === at.length && at.every((socket) => listed.includes(socket)));
      }
    }
    assert(found > 100);
  }),
);

Deno.test("sockets share a port only while they say so", () => {
  const ip = new FakeIp();
  const table = new UdpSocketTable(4, { low: 1, high: 2 });
  const ports = new TransportPorts({
    kind: "datagram",
    capacity: 4,
    random: ip.environment.random,
  });
  const counters = new Statistics({ udp: UdpCounter }).groups.udp;
  const shared = { context: ip.context, table, ports, counters, onClose: () => {} };
  const sockets = [0, 1].map(() => {
    const socket = new UdpSocket(shared, "ipv4");
    socket.setOption(SockOpt.SOL_SOCKET, SockOpt.SO_REUSEPORT, int(1));
    assertEquals(socket.bind(0, 53, 0), 0);
    return socket;
  });
  const found = () => {
    const seen = new Set<UdpSocket | undefined>();
    for (let port = 1; port < 50; port++) seen.add(table.find(OWN, 53, OTHER, port, ETH));
    return seen.size;
  };
  assertEquals(found(), 2);
  sockets[0].setOption(SockOpt.SOL_SOCKET, SockOpt.SO_REUSEPORT, int(0));
  assertEquals(sockets[0].options.has(Slot.REUSE_PORT), false);
  assertEquals(found(), 1);
  for (const socket of sockets) socket.close();
  assertEquals([table.size, ports.size], [0, 0]);
});
