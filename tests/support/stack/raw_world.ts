/**
 * Two stacks on a wire, with raw sockets, for their tests.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FakeUser } from "./fake_ip.ts";
import { type PairOptions, StackPair } from "./pair.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import type { PingSocket, RawCounter, RawSocket } from "../../../stack/raw/mod.ts";
import type { StackSocket } from "../../../stack/socket.ts";
import type { SocketFamily } from "../../../stack/types.ts";
import type { UdpSocket } from "../../../stack/udp/mod.ts";

/** A protocol for experiments: RFC 3692. */
export const PROTOCOL = 253;

/** Two stacks, and who uses them. */
export class RawWorld extends StackPair {
  readonly users: readonly [FakeUser, FakeUser];
  readonly #open: StackSocket[] = [];

  constructor(options: PairOptions) {
    super(options);
    const [one, other] = this.stacks;
    this.users = [new FakeUser(one.environment), new FakeUser(other.environment)];
  }

  /** Opens a raw socket. */
  raw(which: 0 | 1, protocol: number, family: SocketFamily = "ipv4"): RawSocket {
    const made = this.stacks[which].raw.socket(family, protocol);
    assert(typeof made !== "number");
    this.#open.push(made);
    return made;
  }

  /** Opens a socket of ICMP echo. */
  ping(which: 0 | 1, family: SocketFamily = "ipv4"): PingSocket {
    const made = this.stacks[which].ping.socket(family);
    assert(typeof made !== "number");
    this.#open.push(made);
    return made;
  }

  /** Opens a socket of UDP. */
  udp(which: 0 | 1): UdpSocket {
    const made = this.stacks[which].udp.socket("ipv4");
    assert(typeof made !== "number");
    this.#open.push(made);
    return made;
  }

  /** What one of the stacks counted. */
  counts(which: 0 | 1): Record<keyof typeof RawCounter, number> {
    return this.stacks[which].counters.snapshot().raw;
  }

  /** Closes everything, and checks that nothing is left. */
  end(): void {
    for (const one of this.#open) one.close();
    this.run(20_000_000);
    this.verify();
    for (const { raw, ping } of this.stacks) {
      assertEquals([raw.openSockets, ping.openSockets], [0, 0]);
    }
  }
}

/** Runs a test on two stacks. */
export function withPair(body: (world: RawWorld) => void, options: PairOptions = {}): () => void {
  return () => {
    const world = new RawWorld(options);
    body(world);
    world.end();
  };
}

/** Where a packet goes. */
export function at(address: IpAddress): { readonly address: IpAddress; readonly port: number } {
  return { address, port: 0 };
}

/** The message of an echo. */
export function echo(sequence = 5, type = 8): Uint8Array {
  return Uint8Array.of(type, 0, 7, 7, 0xab, 0xcd, 0, sequence, 1, 2, 3);
}
