/**
 * Two stacks of TCP over a network that loses, delays, reorders, repeats and marks segments, and
 * programs that open, write, read, shut and close at random, on a virtual clock.
 *
 * After each run: what was read is what was written, as far as nobody aborted; nobody is connected
 * any more; no packet, port, timer or slot is held.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { makeCongestionControl } from "../../stack/tcp/congestion/mod.ts";
import { pattern } from "../support/stack/tcp/script.ts";
import type { TcpSocket } from "../../stack/tcp/socket.ts";
import { State } from "../../stack/tcp/states.ts";
import { LOST, type TestFrame, type TestHost, TestNetwork } from "../support/stack/tcp/network.ts";
import { randomBelow, randomChance, SeededRandom } from "../../stack/random.ts";
import { scale, SEED, withSeed } from "../support/seed.ts";

const EAGAIN = -11;
const PORT = 80;

/** One end of a connection, and what its program did. */
interface End {
  readonly host: TestHost;
  readonly socket: TcpSocket;
  /** Tells both ends of a connection from those of others: the client's port. */
  readonly port: number;
  readonly isClient: boolean;
  written: number;
  read: number;
  isShut: boolean;
  isClosed: boolean;
  isAborted: boolean;
  isEnded: boolean;
}

/** What goes wrong on the way. */
interface Weather {
  readonly loss: number;
  readonly reordering: number;
  readonly repetition: number;
  readonly jitter: number;
  readonly marks: number;
}

class Run {
  readonly network: TestNetwork;
  readonly hosts: readonly [TestHost, TestHost];
  readonly random: SeededRandom;
  readonly ends: End[] = [];
  readonly listener: TcpSocket;
  readonly isIpv6: boolean;
  readonly #weather: Weather;
  /** Once all is closed nothing is lost any more. */
  #isCalm = false;

  constructor(seed: number) {
    const random = new SeededRandom(seed, 99);
    this.random = random;
    const chance = (probability: number) => randomChance(random, probability);
    this.#weather = {
      loss: chance(0.3) ? 0 : randomBelow(random, 100) / 1000,
      reordering: chance(0.5) ? 0 : randomBelow(random, 200) / 1000,
      repetition: chance(0.5) ? 0 : randomBelow(random, 100) / 1000,
      jitter: randomBelow(random, 20_000),
      marks: chance(0.5) ? 0 : 0.02,
    };
    this.isIpv6 = chance(0.3);
    const offloadBytes = chance(0.3) ? 16_000 : 0;
    const mtu = chance(0.3) ? 576 + randomBelow(random, 900) : 1500;
    const delay = 100 + randomBelow(random, 30_000);
    this.network = new TestNetwork({ seed, delay, mtu: this.isIpv6 ? 1500 : mtu, offloadBytes });
    const ecn = (["off", "passive", "classic", "accurate"] as const)[randomBelow(random, 4)];
    const settings = {
      timestamps: chance(0.7),
      selectiveAcknowledgment: chance(0.7),
      windowScaling: chance(0.7),
      ecn,
      synCookies: chance(0.2) ? "always" as const : "when-full" as const,
    };
    const receiver = chance(0.3) ? { bufferBytes: 4096, maximumBufferBytes: 8192 } : {};
    const parts = { congestionControl: makeCongestionControl, receiver };
    this.hosts = [this.network.addHost(settings, parts), this.network.addHost({}, parts)];
    this.network.rule = (frame) => this.#rule(frame);
    this.listener = this.hosts[1].listen(PORT, 8, this.isIpv6);
  }

  #rule(frame: TestFrame): number {
    const { random } = this;
    const { delay } = this.network;
    if (this.#isCalm) return delay;
    const { loss, reordering, repetition, jitter, marks } = this.#weather;
    if (randomChance(random, loss)) return LOST;
    if ((frame.typeOfService & 3) !== 0 && randomChance(random, marks)) frame.typeOfService |= 3;
    if (randomChance(random, repetition)) this.network.carryAgain(frame, delay + jitter);
    return randomChance(random, reordering) ? delay + randomBelow(random, jitter + 1) : delay;
  }

  step(): void {
    const { random, ends } = this;
    if (ends.length < 12 && randomChance(random, 0.05)) this.#connect();
    this.#accept();
    for (const end of ends) {
      if (!end.isClosed) this.#use(end);
    }
    this.network.run(randomBelow(random, 20_000));
  }

  #connect(): void {
    const [client, server] = this.hosts;
    const socket = client.connect(server, PORT, this.isIpv6);
    this.#add(client, socket, socket.flow.localPort, true);
  }

  #accept(): void {
    const socket = this.listener.accept();
    if (typeof socket === "number") return;
    this.#add(this.hosts[1], socket, socket.flow.remotePort, false);
  }

  #add(host: TestHost, socket: TcpSocket, port: number, isClient: boolean): void {
    this.ends.push({
      host,
      socket,
      port,
      isClient,
      written: 0,
      read: 0,
      isShut: false,
      isClosed: false,
      isAborted: false,
      isEnded: false,
    });
  }

  #use(end: End): void {
    const { random } = this;
    const { host, socket } = end;
    const what = randomBelow(random, 100);
    if (what < 40) this.#read(end);
    else if (what < 80 && !end.isShut) {
      const data = pattern(end.written, 1 + randomBelow(random, 20_000));
      const taken = host.write(socket, data);
      if (taken > 0) end.written += taken;
    } else if (what < 82) {
      if (socket.shutdown(1) === 0) end.isShut = true;
    } else if (what === 82) {
      socket.close();
      end.isClosed = true;
      // Whoever closes without reading to the end resets the other one.
      end.isAborted = !end.isEnded;
    } else if (what === 83 && randomChance(random, 0.3)) {
      socket.abort();
      end.isClosed = end.isAborted = true;
    }
  }

  #read(end: End): void {
    const bytes = end.host.readBytes(end.socket, 1 + randomBelow(this.random, 30_000));
    if (typeof bytes === "number") {
      if (bytes === 0) end.isEnded = true;
      return;
    }
    assertEquals(bytes, pattern(end.read, bytes.length), "what was read is not what was written");
    end.read += bytes.length;
  }

  /** Everybody sends no more, reads to the end, and closes. */
  finish(): void {
    this.#isCalm = true;
    for (let turn = 0; turn < 3000; turn++) {
      this.#accept();
      let isBusy = false;
      for (const end of this.ends) {
        if (end.isClosed) continue;
        if (!end.isShut && end.socket.shutdown(1) === 0) end.isShut = true;
        this.#read(end);
        const isOpening = end.socket.state === State.SYN_SENT;
        if (!end.isEnded && end.socket.state !== State.CLOSED || isOpening) isBusy = true;
      }
      if (!isBusy && turn > 5) break;
      this.network.run(100_000);
    }
    for (const end of this.ends) this.#check(end);
    for (const end of this.ends) end.socket.close();
    this.listener.close();
    this.network.run();
  }

  #check(end: End): void {
    const other = this.ends.find((candidate) =>
      candidate.port === end.port && candidate.isClient !== end.isClient
    );
    if (end.isClosed || end.isAborted || other === undefined || other.isAborted) return;
    const bytes = end.host.readBytes(end.socket);
    assert(bytes !== EAGAIN, `an end hangs in state ${end.socket.state}`);
    if (end.isEnded) assertEquals(end.read, other.written, "bytes are missing");
  }

  verify(): void {
    for (const { tcp, environment } of this.hosts) {
      assertEquals([tcp.connections, tcp.orphans, tcp.halfOpen], [0, 0, 0]);
      assertEquals([tcp.table.size, tcp.timeWaits.size, tcp.ports.size], [0, 0, 0]);
      assertEquals(environment.timers.statistics().used, 0);
    }
    this.network.assertNoPackets();
  }
}

Deno.test(
  "random programs over a bad network lose no byte, and leave nothing behind",
  withSeed(() => {
    for (let round = 0; round < scale(12, 3000); round++) {
      const run = new Run(SEED + round | 0);
      try {
        for (let step = 0; step < 300; step++) run.step();
        run.finish();
        run.verify();
      } catch (error) {
        console.log(`round ${round}`);
        throw error;
      }
    }
  }),
);
