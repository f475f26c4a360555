/**
 * A relay of datagrams that loses, doubles, reorders and damages some of them, on the way there and
 * on the way back.
 *
 * @module
 */

import type { DatagramToSend, NetworkCapability, UdpEndpoint } from "../../mod.ts";
import type { Random } from "../support/seed.ts";

/** How likely each fault is for a datagram. */
export interface Faults {
  readonly loss?: number;
  readonly duplication?: number;
  readonly reordering?: number;
  readonly damage?: number;
}

/** Datagrams that may overtake one that is held back. */
const OVERTAKEN_BY_MOST = 40;

interface Held {
  readonly data: Uint8Array;
  /** Datagrams that are still to overtake it. */
  left: number;
}

/** Stands between one client and a server. */
export class FaultyRelay implements AsyncDisposable {
  /** Where the client sends to. */
  readonly address: Deno.NetAddr;
  /** Datagrams that came from the client. */
  forwarded = 0;
  /** Told of each of them. */
  onForward: (count: number) => void = () => {};
  /** Told of what the client sent, as it is passed on. */
  onPass: (data: Uint8Array) => void = () => {};
  /** Loses everything from now on. */
  isCut = false;
  readonly #front: UdpEndpoint;
  readonly #back: UdpEndpoint;
  readonly #faults: Faults;
  readonly #random: Random;
  readonly #loops: Promise<void>[];
  #client: Deno.NetAddr | null = null;

  private constructor(front: UdpEndpoint, back: UdpEndpoint, faults: Faults, random: Random) {
    this.#front = front;
    this.#back = back;
    this.#faults = faults;
    this.#random = random;
    this.address = front.addr;
    this.#loops = [this.#there(), this.#andBack()];
  }

  /** Starts one in front of a server. */
  static async start(
    capability: NetworkCapability,
    server: Deno.NetAddr,
    faults: Faults,
    random: Random,
  ): Promise<FaultyRelay> {
    const front = await capability.bind("127.0.0.1:0") as UdpEndpoint;
    const back = await capability.bind("127.0.0.1:0") as UdpEndpoint;
    await back.connect(server);
    return new FaultyRelay(front, back, faults, random);
  }

  /** Closes both sockets. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#front.close(), this.#back.close()]);
    await Promise.all(this.#loops);
  }

  async #there(): Promise<void> {
    const held: Held[] = [];
    for await (const batch of this.#front.receiveMany()) {
      this.#client = batch[0].remoteAddr;
      this.forwarded += batch.length;
      this.onForward(this.forwarded);
      const passed = this.#pass(batch.map((datagram) => datagram.copy()), held);
      passed.forEach(this.onPass);
      await this.#send(this.#back, passed.map((data) => ({ data })));
    }
  }

  async #andBack(): Promise<void> {
    const held: Held[] = [];
    const batches = this.#back.receiveMany();
    while (true) {
      // A server that is gone is the client's business.
      const { done, value } = await batches.next().catch(() => ({ done: false, value: [] }));
      if (done === true) return;
      const to = this.#client!;
      const copies = value.map((datagram: { copy(): Uint8Array }) => datagram.copy());
      await this.#send(this.#front, this.#pass(copies, held).map((data) => ({ data, to })));
    }
  }

  #pass(datagrams: readonly Uint8Array[], held: Held[]): Uint8Array[] {
    if (this.isCut) return [];
    const { loss = 0, duplication = 0, reordering = 0, damage = 0 } = this.#faults;
    const random = this.#random;
    const passed: Uint8Array[] = [];
    for (const data of datagrams) {
      if (random.chance(loss)) continue;
      if (random.chance(damage)) {
        data[random.integer(0, data.length - 1)] ^= 1 << random.integer(0, 7);
      }
      if (random.chance(reordering)) {
        held.push({ data, left: random.integer(1, OVERTAKEN_BY_MOST) });
      } else passed.push(data);
      if (random.chance(duplication)) passed.push(data);
      for (const each of held) each.left--;
      for (let at = held.findIndex(({ left }) => left < 0); at >= 0;) {
        passed.push(...held.splice(at, 1).map(({ data }) => data));
        at = held.findIndex(({ left }) => left < 0);
      }
    }
    return passed;
  }

  async #send(endpoint: UdpEndpoint, batch: readonly DatagramToSend[]): Promise<void> {
    if (batch.length > 0) await endpoint.sendBatch(batch).catch(() => {});
  }
}
