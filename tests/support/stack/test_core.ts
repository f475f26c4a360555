/**
 * A stack for tests that has no network: its sockets reach each other, and nobody else. What is
 * sent arrives with the next step, as from a real one.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import type { Environment } from "../../../stack/environment.ts";
import { FrameQueue } from "../../../stack/frame_queue.ts";
import { PacketArena, sizeClasses } from "../../../stack/memory/mod.ts";
import { PacketTable } from "../../../stack/packet_table.ts";
import { SeededRandom } from "../../../stack/random.ts";
import type { DatagramStackSocket, StreamStackSocket } from "../../../stack/socket.ts";
import { StackTimers } from "../../../stack/stack_timers.ts";
import type { SocketFamily, StackCore } from "../../../stack/types.ts";
import { TestDatagram } from "./test_datagram.ts";
import { TestStream } from "./test_stream.ts";

/** The stack. */
export class TestCore implements StackCore {
  readonly output: FrameQueue = new FrameQueue(1);
  readonly environment: Environment;
  /** Where copies go through, as payload goes through packets. */
  readonly staging: number;
  readonly listeners = new Map<number, TestStream>();
  readonly datagrams = new Map<number, TestDatagram>();
  /** Sockets that are open. */
  open = 0;
  #now = 0;
  #nextPort = 40_000;
  #events: (() => void)[] = [];

  constructor() {
    const arena = new PacketArena({ classes: sizeClasses({ small: 16, medium: 16, large: 4 }) });
    const timers = new StackTimers({ capacity: 16, resolution: 1000, now: 0 });
    const packet = arena.take(arena.largestBytes);
    this.staging = arena.start(packet);
    const now = () => this.#now;
    this.environment = {
      arena,
      packets: new PacketTable(arena.capacity),
      timers,
      random: new SeededRandom(1),
      get now() {
        return now();
      },
    };
  }

  get wantsStep(): boolean {
    return this.#events.length > 0;
  }

  /** Has something happen with the next step. */
  later(event: () => void): void {
    this.#events.push(event);
  }

  step(now: number, _input: FrameQueue): number {
    this.#now = now;
    const due = this.#events;
    this.#events = [];
    for (const event of due) event();
    return this.nextDeadline();
  }

  setTime(now: number): void {
    this.#now = now;
  }

  nextDeadline(): number {
    return this.#events.length > 0 ? this.#now : Infinity;
  }

  streamSocket(_family: SocketFamily): StreamStackSocket {
    return new TestStream(this);
  }

  datagramSocket(_family: SocketFamily): DatagramStackSocket {
    return new TestDatagram(this);
  }

  pingSocket(): number {
    return -Errno.EAFNOSUPPORT;
  }

  rawSocket(): number {
    return -Errno.EPERM;
  }

  /** A port that nobody has. */
  choosePort(taken: ReadonlyMap<number, unknown>): number {
    while (taken.has(this.#nextPort)) this.#nextPort++;
    return this.#nextPort++;
  }
}
