/**
 * Honest connections between two stacks, some at any time, over both families and both ways.
 *
 * @module
 */

import type { IpAddress } from "../../../stack/ip/types.ts";
import type { Random } from "../../support/seed.ts";
import { CHUNK } from "./pattern.ts";
import type { KnownFlow, Side } from "./scene.ts";
import { ClientEnd, Server, type Transfer } from "./transfers.ts";
import type { Host } from "./world.ts";

/** How many there are at any time. */
const CONNECTIONS = 6;
const LENGTHS = [0, 1, 1000, 30_000, 100_000, 300_000];
const BUDGETS = [0, 0, 1, 500, 1500, 6000, CHUNK];

/** How often a client goes away before its time. */
const ABANDONED = 0.003;

interface Running {
  readonly side: Side;
  readonly end: ClientEnd;
  readonly transfer: Transfer;
}

/** How many ends of transfers came out in which way, the client's and the server's. */
export type Outcomes = Map<string, number>;

/** Connections come and go. */
export class TransferTraffic {
  readonly outcomes: Outcomes = new Map();
  /** Whether new ones begin when old ones have ended. */
  isOpen = true;
  readonly servers: readonly [Server, Server];
  readonly #book = new Map<number, Transfer>();
  readonly #hosts: readonly [Host, Host];
  readonly #random: Random;
  readonly #whom: (from: Side) => IpAddress;
  readonly #running: Running[] = [];
  #number = 0;

  /** @param whom draws an address of the other stack */
  constructor(hosts: readonly [Host, Host], random: Random, whom: (from: Side) => IpAddress) {
    this.#hosts = hosts;
    this.#random = random;
    this.#whom = whom;
    this.servers = [
      new Server(hosts[0].stack, hosts[0].memory, this.#book),
      new Server(hosts[1].stack, hosts[1].memory, this.#book),
    ];
  }

  /** How many are under way. */
  get pending(): number {
    return this.#running.length;
  }

  /** Begins one. */
  begin(side: Side, to: IpAddress, bytes: number): Transfer {
    const { stack, memory } = this.#hosts[side];
    const number = ++this.#number;
    const end = new ClientEnd(stack, memory, to, { number, bytes });
    const transfer: Transfer = {
      ...{ number, bytes, client: "pending", server: "pending", isServed: false },
    };
    this.#book.set(number, transfer);
    this.#running.push({ side, end, transfer });
    return transfer;
  }

  /** Lets all ends send and receive something, and new connections begin. */
  pump(now: number, budget: number = -1): void {
    const random = this.#random;
    const draw = () => budget < 0 ? random.pick(BUDGETS) : budget;
    for (const server of this.servers) server.pump(now, draw());
    for (const { end, transfer } of this.#running) {
      if (transfer.client === "pending") end.pump(draw());
      transfer.client = end.outcome;
    }
    if (this.isOpen && random.chance(ABANDONED) && this.#running.length > 0) {
      const { end, transfer } = random.pick(this.#running);
      if (transfer.client === "pending") transfer.client = end.abandon(random.chance(0.5));
    }
    for (let at = this.#running.length - 1; at >= 0; at--) this.#settle(at);
    while (this.isOpen && this.#running.length < CONNECTIONS) {
      const side = random.integer(0, 1) as Side;
      this.begin(side, this.#whom(side), random.pick(LENGTHS));
    }
  }

  /** Forgets a transfer whose ends are both done. */
  #settle(at: number): void {
    const { transfer } = this.#running[at];
    const { client, server, number } = transfer;
    // A client that failed may never have reached the server.
    const isServed = this.servers.some(({ ends }) => ends.some((end) => end.transfer === transfer));
    if (client === "pending" || (server === "pending" && (client === "right" || isServed))) return;
    this.#running.splice(at, 1);
    this.#book.delete(number);
    this.#count(`client ${client}, server ${server}`);
  }

  #count(what: string): void {
    this.outcomes.set(what, (this.outcomes.get(what) ?? 0) + 1);
  }

  /**
   * The connections that there are.
   *
   * @param isEstablished whether only those count that have come about
   */
  flows(isEstablished: boolean): readonly KnownFlow[] {
    const known = this.#running.filter(({ end }) => !isEstablished || end.isEstablished);
    return known.map(({ side, end: { socket: { flow } } }) => {
      const { local, remote, localPort, remotePort } = flow;
      return {
        addresses: side === 0 ? [local, remote] : [remote, local],
        ports: side === 0 ? [localPort, remotePort] : [remotePort, localPort],
      };
    });
  }

  /** Ends everything at once. */
  close(): void {
    for (const server of this.servers) server.close();
    for (const { end, transfer } of this.#running.splice(0)) {
      if (end.outcome === "pending") end.end("error");
      this.#count(`client given up, server ${transfer.server}`);
    }
    this.#book.clear();
  }
}
