/**
 * Two stacks on one wire with honest programs on them, and an attacker that injects frames.
 *
 * @module
 */

import { FrameQueue } from "../../../stack/frame_queue.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import { chainLength, CheckedPacketArena, sizeClasses } from "../../../stack/memory/mod.ts";
import type { PacketCounts, SizeChoices, StackProfile } from "../../../stack/profiles.ts";
import { SeededRandom } from "../../../stack/random.ts";
import { Stack } from "../../../stack/stack.ts";
import { ipv4Of, type Ipv6Address, ipv6Of } from "../../../stack/wire/addresses.ts";
import { INFINITE_LIFETIME } from "../../../stack/wire/ndp_options.ts";
import { Random } from "../../support/seed.ts";
import { Attacker, type Stance } from "./attacker.ts";
import { Bystanders } from "./bystanders.ts";
import { DatagramTraffic } from "./datagrams.ts";
import { PatternMemory } from "./pattern.ts";
import { FrameRecorder } from "./recorder.ts";
import { type KnownFlow, other, type Scene, type Side } from "./scene.ts";
import { TransferTraffic } from "./transfer_traffic.ts";

/** What a world is made of. */
export interface FuzzOptions {
  readonly seed: number;
  readonly stance: Stance;
  readonly profile: StackProfile;
  readonly sizes?: SizeChoices;
  /** How many packets each stack has; enough for what all connections may buffer. */
  readonly packets?: PacketCounts;
}

const SECOND = 1_000_000;
const INPUT_FRAMES = 4096;
const MACS = [0x0200_0000_0001, 0x0200_0000_0002] as const;
const ADDRESSES = [ipv4Of("10.0.0.1"), ipv4Of("10.0.0.2")] as const;
const ADDRESSES_6 = [ipv6Of("fd00::1"), ipv6Of("fd00::2")] as const;
const PREFIX = ipv6Of("2001:db8:1::");
const ROUTER = ipv6Of("2001:db8:1::1");
/** How long stacks take at most to find addresses for themselves. */
const START_TIME = 20 * SECOND;
const PACKETS: PacketCounts = { small: 2048, medium: 4096, large: 32, slices: 8192 };

/** A stack, what runs on it, and what it had before it had an interface. */
export interface Host {
  readonly stack: Stack;
  readonly link: number;
  readonly memory: PatternMemory;
  readonly timersAtFirst: number;
}

/** Two stacks, a wire, and who is on it. */
export class FuzzWorld implements Scene {
  readonly random: Random;
  readonly macs = MACS;
  readonly ipv4 = ADDRESSES;
  readonly hosts: readonly [Host, Host];
  readonly recorder: FrameRecorder = new FrameRecorder();
  readonly attacker: Attacker;
  readonly transfers: TransferTraffic;
  readonly datagrams: readonly [DatagramTraffic, DatagramTraffic];
  readonly bystanders: readonly [Bystanders, Bystanders];
  now = SECOND;
  /** Honest frames that were on the wire. */
  carried = 0;
  /** Frames that a stack had no packet for. */
  refused = 0;
  readonly #inputs = [new FrameQueue(INPUT_FRAMES), new FrameQueue(INPUT_FRAMES)] as const;
  readonly #arriving: readonly [Uint8Array[], Uint8Array[]] = [[], []];

  constructor(readonly options: FuzzOptions) {
    this.random = new Random(options.seed);
    this.hosts = [this.#makeHost(0), this.#makeHost(1)];
    this.attacker = new Attacker(options.stance, this, (target, bytes, kind) => {
      this.recorder.add(this.now, target, bytes, kind);
      this.#arriving[target].push(bytes);
    });
    // Addresses are found, and routers, before anybody is attacked.
    for (const end = this.now + START_TIME; this.now < end;) this.skip(end);
    this.datagrams = [this.#makeDatagrams(0), this.#makeDatagrams(1)];
    this.bystanders = [new Bystanders(this.hosts[0].stack), new Bystanders(this.hosts[1].stack)];
    this.transfers = new TransferTraffic(this.hosts, this.random, (from) => this.#somebody(from));
  }

  #makeHost(side: Side): Host {
    const { profile, sizes, seed, packets = PACKETS } = this.options;
    const stack = new Stack({
      ...{ random: new SeededRandom(seed, 1 + side), now: this.now, profile, sizes },
      arena: new CheckedPacketArena({ classes: sizeClasses(packets), slices: packets.slices }),
    });
    const { links } = stack;
    const lo = links.addLoopback();
    const timersAtFirst = stack.environment.timers.statistics().used;
    const isForwarding = side === 1;
    const link = links.addInterface({
      ...{ name: "eth0", kind: "ethernet", mac: MACS[side], isForwarding },
    });
    if (typeof lo === "number" || typeof link === "number") throw new Error("no interface");
    const { index } = link;
    links.setUp(index, true);
    links.addAddress(index, ADDRESSES[side], 24, { conflicts: "hold" });
    links.addAddress(index, ADDRESSES_6[side], 64, { detects: false });
    if (isForwarding) this.#makeRouter(stack, index);
    else {links.routes.add({
        destination: 0,
        prefixLength: 0,
        gateway: ADDRESSES[1],
        interface: index,
      });}
    const memory = new PatternMemory(stack.environment.arena);
    return { stack, link: index, memory, timersAtFirst };
  }

  #makeRouter({ links }: Stack, index: number): void {
    links.addAddress(index, ROUTER, 64, { detects: false });
    links.advertise(index, {
      options: [
        {
          ...{ option: "prefix-information", prefix: PREFIX, prefixLength: 64 },
          ...{ isOnLink: true, isAutonomous: true },
          ...{ validLifetime: INFINITE_LIFETIME, preferredLifetime: INFINITE_LIFETIME },
        },
        { option: "dns-servers", servers: [ROUTER], lifetime: 1800 },
      ],
    });
  }

  #makeDatagrams(side: Side): DatagramTraffic {
    const { stack, memory, link } = this.hosts[side];
    return new DatagramTraffic(stack, memory, link, this.random);
  }

  /** See {@linkcode Scene.ipv6}. */
  get ipv6(): readonly [readonly Ipv6Address[], readonly Ipv6Address[]] {
    return [this.#ipv6Of(0), this.#ipv6Of(1)];
  }

  #ipv6Of(side: Side): readonly Ipv6Address[] {
    const { stack, link } = this.hosts[side];
    const addresses = stack.links.addresses.list(link).map(({ address }) => address);
    const found = addresses.filter((address) => typeof address !== "number");
    return found.length > 0 ? found : [ADDRESSES_6[side]];
  }

  /** See {@linkcode Scene.flows}. */
  get flows(): readonly KnownFlow[] {
    // Whoever guesses the ports of a client that has only just sent its SYN can send one, too: both
    // have opened then (RFC 9293 section 3.5), and no honest answer fits any more.
    return this.transfers.flows(this.options.stance === "blind");
  }

  /** An address of the other stack, of any family. */
  #somebody(from: Side): IpAddress {
    const { random } = this;
    const to = other(from);
    if (random.chance(0.5)) return ADDRESSES[to];
    const global = this.#ipv6Of(to).filter(([first]) => first !== (0xfe800000 | 0));
    return global.length > 0 ? random.pick(global) : ADDRESSES_6[to];
  }

  /** Everybody does something, and an attacker injects frames; some time passes. */
  turn(strikes: number): void {
    const { random } = this;
    this.#setTime(this.now + this.#pause());
    this.transfers.pump(this.now);
    if (random.chance(0.1)) {
      const side = random.integer(0, 1) as Side;
      this.datagrams[side].send(this.#somebody(side));
    }
    if (random.chance(0.02)) this.bystanders[0].ping(1);
    for (const traffic of [...this.datagrams, ...this.bystanders]) traffic.receive();
    this.#carry();
    for (let count = strikes; count > 0; count--) this.attacker.strike();
    this.#step();
  }

  /** Nobody does anything but what connections do by themselves, until a time at most. */
  skip(end: number): void {
    const deadlines = this.hosts.map(({ stack }) => stack.nextDeadline());
    const isBusy = this.hosts.some(({ stack }) => stack.output.size > 0 || stack.wantsStep);
    const next = isBusy ? 0 : Math.min(...deadlines);
    this.#setTime(Math.min(end, Math.max(this.now + 100, next)));
    this.#carry();
    this.#step();
  }

  #pause(): number {
    const { random } = this;
    const kind = random.integer(0, 999);
    if (kind === 0) return random.integer(0, 3 * SECOND);
    return random.integer(10, kind < 20 ? 300_000 : 1000);
  }

  #setTime(now: number): void {
    this.now = now;
    for (const { stack } of this.hosts) stack.setTime(now);
  }

  /** Takes what both have sent, for the other one to get. */
  #carry(): void {
    for (const side of [0, 1] as const) {
      const { output, environment: { arena } } = this.hosts[side].stack;
      const target = other(side);
      while (output.size > 0) {
        const packet = output.shift();
        const bytes = new Uint8Array(chainLength(arena, packet));
        let at = 0;
        for (let part = packet; part >= 0; part = arena.next(part)) {
          const start = arena.start(part);
          bytes.set(arena.memory.bytes.subarray(start, start + arena.length(part)), at);
          at += arena.length(part);
        }
        arena.release(packet);
        this.carried++;
        this.recorder.add(this.now, target, bytes, "honest");
        this.attacker.see(target, bytes);
        this.#arriving[target].push(bytes);
      }
    }
  }

  #step(): void {
    for (const side of [0, 1] as const) {
      const { stack, link } = this.hosts[side];
      const arriving = this.#arriving[side];
      // Now and then the attacker is faster than whom it has seen.
      if (this.random.chance(0.3)) arriving.reverse();
      for (const bytes of arriving) this.#give(side, link, bytes);
      arriving.length = 0;
      stack.step(this.now, this.#inputs[side]);
    }
  }

  #give(side: Side, link: number, bytes: Uint8Array): void {
    const { arena, packets } = this.hosts[side].stack.environment;
    const packet = arena.take(bytes.length);
    if (packet < 0) {
      this.refused++;
      return;
    }
    arena.memory.bytes.set(bytes, arena.start(packet));
    packets.clear(packet);
    if (this.#inputs[side].push(link, packet)) return;
    arena.release(packet);
    this.refused++;
  }
}
