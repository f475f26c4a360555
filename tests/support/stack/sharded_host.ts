/**
 * A host of several shards and a peer of one stack on a wire, in virtual time. The shards are put
 * together by hand: nobody mirrors listeners, and there are no rings.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { StackClock } from "../../../drivers/stack/clock.ts";
import { createShardSteering, openShardFrames } from "../../../drivers/stack/shards/frames.ts";
import type { ShardFrames } from "../../../drivers/stack/shards/types.ts";
import { StackHost } from "../../../drivers/stack/stack_host.ts";
import type { Port } from "../../../drivers/port/port.ts";
import { PipePort } from "../../../drivers/port/pipe.ts";
import { createPipe } from "../../../drivers/port/pipe_handle.ts";
import type { AutoconfigurationOptions } from "../../../stack/iface/autoconfiguration.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import { CheckedPacketArena, sizeClasses } from "../../../stack/memory/mod.ts";
import { takenPackets, verifyArena } from "../../../stack/memory/mod.ts";
import { SeededRandom } from "../../../stack/random.ts";
import { Stack, type StackParts } from "../../../stack/stack.ts";
import type { TcpSocket } from "../../../stack/tcp/socket.ts";
import type { SocketFamily } from "../../../stack/types.ts";
import type { UdpSocket } from "../../../stack/udp/mod.ts";
import { ipv4Of, ipv6Of, type MacAddress } from "../../../stack/wire/mod.ts";
import { FakeUser } from "./fake_user.ts";
import { testService } from "./test_stack.ts";
import { WirePort } from "./wire_port.ts";

/** The addresses of the host and of its peer. */
export const HOST: IpAddress = ipv4Of("10.0.0.1");
/** See {@linkcode HOST}. */
export const PEER: IpAddress = ipv4Of("10.0.0.2");
/** Those of IPv6. */
export const HOST_6: IpAddress = ipv6Of("fd00::1");
/** See {@linkcode HOST_6}. */
export const PEER_6: IpAddress = ipv6Of("fd00::2");
/** Their stations. */
export const HOST_MAC: MacAddress = 0x0200_0000_0001;
/** See {@linkcode HOST_MAC}. */
export const PEER_MAC: MacAddress = 0x0200_0000_0002;

const STEP = 10;
const MOST_TURNS = 100_000;

/** A stack and what runs it. */
export interface RunningStack {
  readonly stack: Stack;
  readonly host: StackHost;
  readonly user: FakeUser;
}

/** A shard. */
export interface RunningShard extends RunningStack {
  readonly frames: ShardFrames;
  /** The index of its interface. */
  readonly link: number;
}

/** What a world is made of. */
export interface ShardedOptions {
  readonly shards: number;
  readonly seed?: number;
  /** Whether the wire is a pipe of shared memory with offloads; frames are not seen then. */
  readonly isPipe?: boolean;
  /** DupAddrDetectTransmits of the shards; 0. */
  readonly detectionTransmits?: number;
  readonly autoconfiguration?: AutoconfigurationOptions;
}

class WorldClock implements StackClock {
  time = 1_000_000;
  now(): number {
    return this.time;
  }
  date(): number {
    return 1_700_000_000_000 + this.time / 1000;
  }
  wakeAt(): void {}
  defer(): void {}
}

/** A host of several shards, its peer, and the wire. */
export class ShardedWorld {
  readonly shards: readonly RunningShard[];
  readonly peer: RunningStack;
  /** Frames that crossed the wire: from the host, and to it. */
  readonly sent: Uint8Array[] = [];
  readonly received: Uint8Array[] = [];
  readonly #clock = new WorldClock();
  readonly #ends: readonly [Port, Port];
  readonly #options: ShardedOptions;
  readonly #portTable: SharedArrayBuffer;

  constructor(options: ShardedOptions) {
    this.#options = options;
    const { shards, seed = 1, isPipe = false } = options;
    this.#ends = isPipe ? pipeEnds() : WirePort.pair(this.sent, this.received);
    const places = createShardSteering(shards, new SeededRandom(seed, 99));
    this.#portTable = places[0].portTable;
    const opened = places.map((steering, index) =>
      this.#openShard(index, openShardFrames({ index, count: shards, steering }))
    );
    const { own, ends } = opened[0].frames.direct(this.#ends[0]);
    this.shards = opened.map((shard, index) => {
      const port = index === 0 ? own : shard.frames.openEnd(ends[index - 1]);
      return { ...shard, link: this.#connect(shard, port, HOST_MAC, [HOST, HOST_6]) };
    });
    this.peer = this.#open(seed, shards, {});
    this.#connect(this.peer, this.#ends[1], PEER_MAC, [PEER, PEER_6]);
    this.run();
    this.forget();
  }

  #openShard(index: number, frames: ShardFrames): RunningStack & { frames: ShardFrames } {
    const running = this.#open(this.#options.seed ?? 1, index, frames.parts);
    frames.attach(running.stack, running.host);
    return { ...running, frames };
  }

  #open(seed: number, stream: number, parts: Partial<StackParts>): RunningStack {
    const isShard = parts.shard !== undefined;
    const stack = new Stack({
      random: new SeededRandom(seed, stream),
      now: this.#clock.now(),
      arena: new CheckedPacketArena({
        classes: sizeClasses({ small: 1024, medium: 1024, large: 32 }),
        slices: 4096,
      }),
      detectionTransmits: isShard ? this.#options.detectionTransmits ?? 0 : 0,
      ...parts,
    });
    stack.links.addLoopback();
    const host = new StackHost({ core: stack, service: testService(), clock: this.#clock });
    return { stack, host, user: new FakeUser(stack.environment) };
  }

  #connect(
    { stack, host }: RunningStack,
    port: Port,
    mac: MacAddress,
    [address, address6]: readonly IpAddress[],
  ): number {
    const { autoconfiguration = { mode: "none" } } = this.#options;
    const isHost = mac === HOST_MAC;
    const link = stack.links.addInterface({
      ...{ name: "eth0", kind: port.kind, mac, mtu: port.mtu, offload: port.offload },
      autoconfiguration: isHost ? autoconfiguration : { mode: "none" },
    });
    assert(typeof link !== "number");
    host.addPort(link.index, port);
    stack.links.setUp(link.index, true);
    assertEquals(stack.links.addAddress(link.index, address, 24), 0);
    assertEquals(stack.links.addAddress(link.index, address6, 64), 0);
    return link.index;
  }

  /** Every stack there is. */
  get all(): readonly RunningStack[] {
    return [...this.shards, this.peer];
  }

  /** The time in microseconds. */
  get now(): number {
    return this.#clock.time;
  }

  /** Forgets the frames that crossed the wire. */
  forget(): void {
    this.sent.length = 0;
    this.received.length = 0;
  }

  /** Lets all go on until nothing is on its way, and then for some time. */
  run(microseconds = 0): void {
    const end = this.#clock.time + microseconds;
    this.#settle();
    for (;;) {
      const next = Math.min(...this.all.map(({ host }) => host.nextDeadline()));
      if (next > end) break;
      this.#clock.time = Math.max(this.#clock.time + STEP, next);
      this.#settle();
    }
    this.#clock.time = Math.max(this.#clock.time, end);
    for (const { stack } of this.all) stack.setTime(this.#clock.time);
  }

  #settle(): void {
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      this.#clock.time += 1;
      for (const { host } of this.all) host.runUntil(() => false, false);
      if (!this.all.some(({ host, stack }) => host.hasWork() || stack.output.size > 0)) return;
    }
    throw new Error("the shards never come to rest");
  }

  /** Puts a frame on the wire, to the host. */
  inject(frame: Uint8Array): void {
    const [end] = this.#ends;
    assert(end instanceof WirePort);
    end.arrive(frame);
    this.run();
  }

  /** Makes a socket of datagrams, bound where a port is given. */
  datagram({ stack }: RunningStack, port = 0, family: SocketFamily = "ipv4"): UdpSocket {
    const socket = stack.udp.socket(family);
    assert(typeof socket !== "number");
    const any = family === "ipv4" ? 0 : ipv6Of("::");
    if (port > 0) assertEquals(socket.bind(any, port, 0), 0);
    return socket;
  }

  /** Makes a stream socket. */
  stream({ stack }: RunningStack, family: SocketFamily = "ipv4"): TcpSocket {
    return stack.tcp.createSocket(family === "ipv6");
  }

  /** Listens on one stack. */
  listen(running: RunningStack, port: number, family: SocketFamily = "ipv4"): TcpSocket {
    const listener = this.stream(running, family);
    assertEquals(listener.bind(family === "ipv4" ? 0 : ipv6Of("::"), port, 0), 0);
    assertEquals(listener.listen(128), 0);
    return listener;
  }

  /** Listens on every shard, on behalf of one of them. */
  listenEverywhere(owner: number, port: number, family: SocketFamily = "ipv4"): TcpSocket[] {
    const own = this.stream(this.shards[owner], family);
    assertEquals(own.bind(family === "ipv4" ? 0 : ipv6Of("::"), port, 0), 0);
    const listeners = this.shards.map((shard, index) =>
      index === owner
        ? own
        : shard.frames.ports.withoutClaims(() => this.listen(shard, port, family))
    );
    assertEquals(own.listen(128), 0);
    return listeners;
  }

  /** Closes everything. @throws {Error} when a packet is still held, or a port */
  async end(): Promise<void> {
    this.run(200_000_000);
    const held = new Int32Array(this.#portTable).findIndex((word) => word !== 0);
    if (held >= 0) throw new Error(`port ${(held >> 2) % 65536} is still held`);
    for (const { host } of this.all) await host.close();
    for (const { stack: { environment: { arena } } } of this.all) {
      verifyArena(arena);
      const taken = takenPackets(arena);
      if (taken.length > 0) throw new Error(`${taken.length} packets are still taken: ${taken}`);
    }
  }
}

function pipeEnds(): readonly [Port, Port] {
  const [near, far] = createPipe({ offload: true });
  return [new PipePort(near), new PipePort(far)];
}

/** Registers a test with a world that is closed at its end. */
export function testShards(
  name: string,
  options: ShardedOptions,
  body: (world: ShardedWorld) => void,
): void {
  Deno.test(name, async () => {
    const world = new ShardedWorld(options);
    body(world);
    await world.end();
  });
}
