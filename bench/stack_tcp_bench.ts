/**
 * What connections of TCP cost, both ends in one thread: opened and closed, a message there and
 * back, bulk with one acknowledgment for each segment or for all that arrive together. Without IP
 * where nothing else is said.
 *
 * @module
 */

import { printMachine } from "./support.ts";
import type { Environment } from "../stack/environment.ts";
import type { Flow, IpOutput } from "../stack/ip/types.ts";
import { PacketArena, sizeClasses } from "../stack/memory/mod.ts";
import { PacketTable } from "../stack/packet_table.ts";
import { SeededRandom } from "../stack/random.ts";
import type { UserMemory } from "../stack/socket.ts";
import { StackTimers } from "../stack/stack_timers.ts";
import { Counters } from "../stack/statistics.ts";
import { TcpCounter } from "../stack/tcp/counters.ts";
import { TCP_SERVER } from "../stack/tcp/settings.ts";
import type { TcpSocket } from "../stack/tcp/socket.ts";
import { Tcp } from "../stack/tcp/tcp.ts";
import { makeCongestionControl } from "../stack/tcp/congestion/mod.ts";
import { createTestParts } from "../tests/support/stack/tcp/parts.ts";
import { addressOf, socketOf, Wire } from "./stack_wire.ts";

printMachine();

const CHURN = 1024;
/** So many connections are open at once. */
const CHURN_BATCH = 256;
/** Addresses of each stack. */
const HOSTS = 16;
const MESSAGES = 1000;
const MESSAGE_BYTES = 64;
const BULK_BYTES = 16 << 20;
const BULK_CHUNK = 65536;
/** An MSS of Ethernet without the timestamps. */
const SEGMENT_BYTES = 1448;
const PORTS = 4;
const IP_HEADER = 20;
const SECOND = 1_000_000;
const NO_DELAY = [6, 1, Uint8Array.of(1, 0, 0, 0)] as const;
const ADDRESSES = [0x0a000001, 0x0a000002] as const;

/** Two stacks of TCP; what one sends is handed to the other as it is. */
class Bed {
  readonly environment: { -readonly [Name in keyof Environment]: Environment[Name] };
  readonly hosts: readonly [Tcp, Tcp];
  readonly listeners: readonly TcpSocket[];
  /** Whether each segment is dealt with as if it were the only one of its step. */
  settlesEach = false;
  /** Segments that arrived. */
  segments = 0;
  readonly #packets: number[] = [];
  readonly #targets: (0 | 1)[] = [];

  constructor(connections: number) {
    const arena = new PacketArena({
      classes: sizeClasses({ small: 4096, medium: 1024, large: 4 }),
      slices: 8192,
    });
    const capacity = 2 * (2 * connections + 40_000);
    this.environment = {
      arena,
      packets: new PacketTable(arena.capacity),
      timers: new StackTimers({ capacity, resolution: 1000, now: 0 }),
      random: new SeededRandom(1),
      now: SECOND,
    };
    this.hosts = [this.#host(0, connections), this.#host(1, connections)];
    this.listeners = Array.from({ length: PORTS }, (_, at) => {
      const listener = this.hosts[1].createSocket(false);
      listener.bind(0, 80 + at, 0);
      listener.listen(4096);
      return listener;
    });
  }

  #host(at: 0 | 1, connections: number): Tcp {
    const { environment } = this;
    const path = { interface: 1, mtu: 1500, offloadBytes: 0, isLocal: false, isValid: true };
    const output: IpOutput = {
      route(flow: Flow): number {
        if (flow.local === 0) flow.local = ADDRESSES[at];
        flow.path = path;
        return 0;
      },
      send: (_flow, packet) => {
        this.#packets.push(packet);
        this.#targets.push(at === 0 ? 1 : 0);
        return 0;
      },
    };
    const count = Object.keys(TcpCounter).length;
    return new Tcp({
      environment,
      output,
      counters: new Counters(TcpCounter, new Float64Array(count)),
      settings: { ...TCP_SERVER, connections, halfOpen: 4096, timeWaits: 20_000, timeWait: SECOND },
      feedback: { confirm() {}, reportProbe() {}, probeBytes: () => 0 },
      interfaces: {
        size: 0,
        get: () => undefined,
        named: () => undefined,
        list: () => [],
        loopback: undefined,
      },
      addresses: {
        isLocal: () => true,
        stateOf: () => 2,
        interfaceOf: () => 1,
        isBroadcast: () => false,
        selectSource: () => ADDRESSES[at],
        isOnLink: () => true,
      },
      halves: createTestParts(environment, { congestionControl: makeCongestionControl }),
    });
  }

  /** Delivers until nobody sends any more. */
  pump(): void {
    const { arena, packets } = this.environment;
    let end = this.#packets.length;
    for (let next = 0; next < end; next++) {
      const packet = this.#packets[next];
      const to = this.#targets[next];
      const at = arena.prepend(packet, IP_HEADER);
      arena.memory.view.setUint16(at, 0x4500);
      packets.network[packet] = at;
      packets.transport[packet] = at + IP_HEADER;
      packets.interface[packet] = 1;
      this.hosts[to].receive(packet, ADDRESSES[1 - to], ADDRESSES[to]);
      if (next + 1 < end && !this.settlesEach) continue;
      this.hosts[0].settle();
      this.hosts[1].settle();
      end = this.#packets.length;
    }
    this.segments += end;
    this.#packets.length = this.#targets.length = 0;
  }

  /** Lets time go by. */
  pass(microseconds: number): void {
    this.environment.now += microseconds;
    this.environment.timers.expire(this.environment.now);
    this.pump();
  }

  /** Connects, and accepts. */
  open(port: number): readonly [TcpSocket, TcpSocket] {
    const socket = this.hosts[0].createSocket(false);
    const result = socket.connect(ADDRESSES[1], 80 + port, 0);
    this.pump();
    const accepted = this.listeners[port].accept();
    if (typeof accepted === "number") throw new Error(`connect: ${result}, accept: ${accepted}`);
    return [socket, accepted];
  }
}

const nowhere: UserMemory = { copyIn() {}, copyOut() {} };
const bed = new Bed(4096);
const [client, server] = bed.open(0);
client.setOption(...NO_DELAY);
server.setOption(...NO_DELAY);

Deno.bench(`open and close ${CHURN} connections, both ends`, () => {
  for (let count = 0; count < CHURN; count++) {
    const [socket, accepted] = bed.open(0);
    socket.close();
    bed.pump();
    accepted.close();
    bed.pump();
    bed.pass(100);
  }
});

/** Two whole stacks, each with several addresses; TIME-WAIT is over soon. */
const wire = new Wire(
  {
    tcp: { connections: 4096, halfOpen: 4096, timeWaits: 65536, timeWait: SECOND },
    timers: 131072,
  },
  HOSTS,
);
const listener = socketOf(wire.stacks[1]);
listener.bind(0, 80, 0);
listener.listen(CHURN);

/** Opens connections between all addresses, a batch at once, and closes both ends. */
function churn(): void {
  const opened = [];
  for (let nth = 0; nth < CHURN_BATCH; nth++) {
    const socket = socketOf(wire.stacks[0]);
    socket.bind(addressOf(0, nth % HOSTS), 0, 0);
    const result = socket.connect(addressOf(1, Math.floor(nth / HOSTS) % HOSTS), 80, 0);
    if (result !== -115) throw new Error(`connect: ${result}`);
    opened.push(socket);
  }
  wire.run();
  for (const socket of opened) socket.close();
  wire.run();
  let count = 0;
  for (;;) {
    const accepted = listener.accept();
    if (typeof accepted === "number") break;
    accepted.close();
    count++;
  }
  wire.run();
  if (count !== CHURN_BATCH) throw new Error(`${count} of ${CHURN_BATCH} were accepted`);
}

// Addresses are resolved first.
for (let nth = 0; nth < HOSTS; nth++) {
  for (const which of [0, 1] as const) {
    const socket = socketOf(wire.stacks[which]);
    socket.bind(addressOf(which, nth), 0, 0);
    socket.connect(addressOf(which === 0 ? 1 : 0, nth), 81, 0);
    wire.pass(SECOND);
    socket.close();
  }
}

Deno.bench(`open and close ${CHURN} connections, ${HOSTS} addresses, two whole stacks`, () => {
  for (let count = 0; count < CHURN; count += CHURN_BATCH) churn();
});

Deno.bench(`${MESSAGES} messages of ${MESSAGE_BYTES} bytes there and back, both ends`, () => {
  for (let count = 0; count < MESSAGES; count++) {
    client.send(nowhere, 0, MESSAGE_BYTES, 0);
    bed.pump();
    server.receive(nowhere, 0, MESSAGE_BYTES, 0);
    server.send(nowhere, 0, MESSAGE_BYTES, 0);
    bed.pump();
    client.receive(nowhere, 0, MESSAGE_BYTES, 0);
    bed.pass(20);
  }
});

/** Sends data one way. @returns segments that arrived, those with data, and those without any */
function sendBulk(): number {
  let left = BULK_BYTES;
  let unread = 0;
  const before = bed.segments;
  while (left > 0 || unread > 0) {
    const taken = client.send(nowhere, 0, Math.min(left, BULK_CHUNK), 0);
    if (taken > 0) [left, unread] = [left - taken, unread + taken];
    bed.pump();
    for (;;) {
      const got = server.receive(nowhere, 0, BULK_CHUNK, 0);
      if (got <= 0) break;
      unread -= got;
    }
    bed.pump();
    bed.pass(20);
  }
  return bed.segments - before;
}

for (const settlesEach of [true, false]) {
  const how = settlesEach ? "one segment a step" : "all that wait in one step";
  Deno.bench(`${BULK_BYTES >> 20} MB one way, ${how}`, () => {
    bed.settlesEach = settlesEach;
    sendBulk();
    bed.settlesEach = false;
  });
}

/** Says how many segments come with data for each that comes without. */
function measureAcknowledgments(): void {
  for (const settlesEach of [true, false]) {
    bed.settlesEach = settlesEach;
    const start = performance.now();
    const segments = sendBulk();
    const microseconds = 1000 * (performance.now() - start);
    const full = Math.ceil(BULK_BYTES / SEGMENT_BYTES);
    const perAcknowledgment = full / (segments - full);
    console.log(
      `${settlesEach ? "each segment settled" : "aggregated"}: ${perAcknowledgment.toFixed(1)} ` +
        `segments of data for each acknowledgment, ${(microseconds / full).toFixed(2)} us each`,
    );
  }
  bed.settlesEach = false;
}

measureAcknowledgments();
