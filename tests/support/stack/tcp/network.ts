/**
 * Stacks of TCP that are joined by a network in memory, on a clock that only tests move: for tests
 * of everything under `stack/tcp/`.
 *
 * ```ts
 * const network = new TestNetwork({ delay: 10_000 });
 * const [client, server] = [network.addHost(), network.addHost()];
 * const listener = server.listen(80);
 * const socket = client.connect(server, 80);
 * network.run();
 * const accepted = listener.accept() as TcpSocket;
 * client.write(socket, "hello");
 * network.run();
 * server.read(accepted); // "hello"
 * ```
 *
 * `network.rule` decides what becomes of each segment: it is given a {@linkcode TestFrame} and
 * answers how late that arrives, with {@linkcode LOST} for never. It may change the frame.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { IpAddress, Path } from "../../../../stack/ip/types.ts";
import { takenPackets } from "../../../../stack/memory/mod.ts";
import type { TcpSettings } from "../../../../stack/tcp/settings.ts";
import { PlainChecksummer, pseudoIpv4, pseudoIpv6 } from "../../../../stack/wire/checksum.ts";
import { PacketBytes } from "../../../../stack/wire/packet_bytes.ts";
import * as wire from "../../../../stack/wire/tcp.ts";
import type { TestPartOptions } from "./parts.ts";
import { type TestFrame, TestHost } from "./host.ts";

export { type TestFrame, TestHost } from "./host.ts";

/** A delay: it never arrives. */
export const LOST = Infinity;

const PROTOCOL_TCP = 6;

/** What a network is made of. */
export interface TestNetworkOptions {
  /** Microseconds that segments take, 1000 if nothing is said. */
  readonly delay?: number;
  /** The longest packet of IP; 1500. */
  readonly mtu?: number;
  /** See `Path.offloadBytes`; 0. */
  readonly offloadBytes?: number;
  readonly seed?: number;
  /** Where the clock starts. */
  readonly now?: number;
}

interface Arrival {
  readonly frame: TestFrame;
  readonly at: number;
  readonly order: number;
}

/** A network in memory. */
export class TestNetwork {
  now: number;
  readonly hosts: TestHost[] = [];
  readonly delay: number;
  readonly seed: number;
  /** The path of whoever asks; replaced to change it. */
  path: Path;
  /** How late a segment arrives, {@linkcode LOST} for never. */
  rule: (frame: TestFrame) => number = () => this.delay;
  /** Everything that was sent since it was emptied. */
  readonly sent: TestFrame[] = [];
  #arrivals: Arrival[] = [];
  #count = 0;

  /** Makes a network without hosts. */
  constructor(options: TestNetworkOptions = {}) {
    const { delay = 1000, mtu = 1500, offloadBytes = 0, seed = 1, now = 5_000_000 } = options;
    this.delay = delay;
    this.seed = seed;
    this.now = now;
    this.path = { interface: 1, mtu, offloadBytes, isLocal: false, isValid: true };
  }

  /** Adds a host: the first has 10.0.0.1 and fd00::1. */
  addHost(settings: Partial<TcpSettings> = {}, parts: TestPartOptions = {}): TestHost {
    const host = new TestHost(this, this.hosts.length + 1, settings, parts);
    this.hosts.push(host);
    return host;
  }

  /** Changes the MTU: paths that are known become invalid. */
  setMtu(mtu: number): void {
    const before = this.path;
    this.path = { ...before, mtu };
    Object.assign(before, { isValid: false });
  }

  /** Sends a segment. */
  carry(frame: Omit<TestFrame, "number" | "sentAt">): void {
    const whole: TestFrame = { ...frame, sentAt: this.now, number: this.#count++ };
    this.sent.push(whole);
    const delay = this.rule(whole);
    if (delay === LOST) return;
    this.#insert({ frame: whole, at: this.now + delay, order: whole.number });
  }

  /** Lets a segment arrive once more. */
  carryAgain(frame: TestFrame, delay: number): void {
    this.#insert({ frame, at: this.now + delay, order: frame.number });
  }

  #insert(arrival: Arrival): void {
    const at = this.#arrivals.findIndex((other) => other.at > arrival.at);
    if (at < 0) this.#arrivals.push(arrival);
    else this.#arrivals.splice(at, 0, arrival);
  }

  /** When something happens next; Infinity when nothing will. */
  nextEvent(): number {
    const deadlines = this.hosts.map((host) => host.environment.timers.nextDeadline());
    return Math.min(this.#arrivals[0]?.at ?? Infinity, ...deadlines);
  }

  /**
   * Lets time go by until nothing happens any more, or until a time.
   *
   * @param forTime so many microseconds from now
   */
  run(forTime: number = Infinity): void {
    const until = this.now + forTime;
    for (let next = this.nextEvent(); next <= until; next = this.nextEvent()) {
      if (next === Infinity) break;
      this.now = Math.max(this.now, next);
      this.#step();
    }
    if (until !== Infinity) this.now = until;
    for (const host of this.hosts) host.environment.now = this.now;
  }

  #step(): void {
    for (const host of this.hosts) host.environment.now = this.now;
    while (this.#arrivals.length > 0 && this.#arrivals[0].at <= this.now) {
      const { frame } = this.#arrivals.shift()!;
      this.hosts.find((host) => host.hasAddress(frame.destination))?.deliver(frame);
    }
    for (const host of this.hosts) host.environment.timers.expire(this.now);
  }

  /** Checks that nobody holds a packet any more. */
  assertNoPackets(): void {
    for (const host of this.hosts) assertEquals(takenPackets(host.arena), []);
  }
}

/** Completes the checksum of a segment that a test has made. */
export function sealFrame(
  bytes: Uint8Array<ArrayBuffer>,
  source: IpAddress,
  destination: IpAddress,
): void {
  const packets = new PacketBytes(bytes.buffer);
  const pseudo = typeof source === "number"
    ? pseudoIpv4(source, destination as number, PROTOCOL_TCP, bytes.length)
    : pseudoIpv6(
      source,
      destination as Exclude<IpAddress, number>,
      PROTOCOL_TCP,
      bytes.length,
    );
  wire.seal(new PlainChecksummer(packets), packets, 0, bytes.length, pseudo);
}
