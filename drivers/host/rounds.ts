/**
 * What is ready and what not: Deno's sockets cannot be asked, only waited for. Who must not wait
 * waits for one round instead, within which whatever is ready makes itself known.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { PollRounds } from "../machine/polls.ts";
import { Permissions } from "./permissions.ts";

const LOOPBACK = "127.0.0.1";
const BYTE = new Uint8Array(1);

/** Ways to wait for one round, until they are let go of. */
export interface Rounds extends PollRounds {
  /** Lets go of what it holds; rounds under way still end. */
  close(): void;
}

/**
 * Rounds of the event loop: enough where Deno has known a socket for a while, since its answers are
 * prepared whenever the loop has nothing else to do.
 */
export class PlainRounds implements Rounds {
  readonly isExact = false;

  /** {@inheritDoc Rounds.after} */
  after(done: () => void): void {
    setImmediate(done);
  }

  /** {@inheritDoc Rounds.close} */
  close(): void {}
}

/** Both ends of a connection that leads nowhere else. */
interface Pair {
  readonly near: Deno.Conn;
  readonly far: Deno.Conn;
}

/**
 * Rounds of the system's poller: what was ready before the round began is known when it ends. A
 * byte on a connection of its own comes with, or after, everything that was ready before it.
 */
export class PolledRounds implements Rounds {
  readonly isExact = true;
  readonly #into = new Uint8Array(2);
  #waiting: (() => void)[] = [];
  #isRunning = false;
  #isClosed = false;
  #pair: Pair | null = null;
  #hasTried = false;

  /** {@inheritDoc Rounds.after} */
  after(done: () => void): void {
    this.#waiting.push(done);
    if (!this.#isRunning) this.#run();
  }

  /** {@inheritDoc Rounds.close} */
  close(): void {
    this.#isClosed = true;
    this.#release();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      // Who comes during a round waits for the next one: its socket may not be part of this one.
      const served = this.#waiting;
      this.#waiting = [];
      await this.#poll();
      // What became ready is told within the same pass over the event loop.
      await new Promise<void>((resolve) => setImmediate(resolve));
      for (const done of served) done();
    }
    this.#isRunning = false;
  }

  async #poll(): Promise<void> {
    if (!this.#hasTried) {
      this.#hasTried = true;
      this.#pair = await openPair();
      if (this.#isClosed) this.#release();
    }
    if (this.#pair === null) return await new Promise((resolve) => setTimeout(resolve, 0));
    const { near, far } = this.#pair;
    try {
      // Asked first, so that the answer must come by way of the poller; short, so that the next one
      // must, too.
      const answer = far.read(this.#into);
      await Promise.all([answer, near.write(BYTE)]);
    } catch {
      this.#release();
    }
  }

  #release(): void {
    this.#pair?.near.close();
    this.#pair?.far.close();
    this.#pair = null;
  }
}

/** Connects to itself, where that is permitted. */
async function openPair(): Promise<Pair | null> {
  if (!new Permissions().mayUse(LOOPBACK, 0)) return null;
  let listener: Deno.TcpListener | null = null;
  try {
    listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
    const accepting = listener.accept();
    const near = await Deno.connect({ hostname: LOOPBACK, port: listener.addr.port });
    const far = await accepting;
    if (far.remoteAddr.port === near.localAddr.port) return { near, far };
    // Somebody else was faster.
    near.close();
    far.close();
    return null;
  } catch {
    return null;
  } finally {
    listener?.close();
  }
}
