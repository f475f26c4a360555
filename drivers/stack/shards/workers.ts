/**
 * A stack of several shards, each in a Worker of its own, as a thread that uses it sees it.
 *
 * @module
 */

import type { MessagePort } from "node:worker_threads";
import { Bell } from "../../port/bell.ts";
import { StackConnection, type StackHandle } from "../connection.ts";
import type { StackOptions } from "../options.ts";
import { createShardSteering } from "./frames.ts";
import { allocateQueues } from "./message_queue.ts";
import { firstRequests } from "./first_requests.ts";

/** The Workers of a stack of several shards. */
export class ShardWorkers {
  /** The ways to them, by shard. */
  readonly connections: readonly StackConnection[];

  private constructor(connections: readonly StackConnection[]) {
    this.connections = connections;
    for (const connection of connections) {
      const others = connections.filter((other) => other !== connection);
      connection.join(others, () => this.#tellOfFailures());
    }
  }

  /**
   * Starts them, and gives them the interfaces and routes of the options.
   *
   * @returns them, or why they could not be started
   */
  static async start(options: StackOptions): Promise<ShardWorkers | { readonly refusal: string }> {
    const count = options.shards ?? 1;
    const bells = Array.from({ length: count }, () => Bell.allocate());
    const queues = { queues: allocateQueues(count), bells };
    // Ports belong to who was asked for them first: requests hand them to shard 0.
    const own = { ...options, ports: [], routes: [] };
    const workers = new ShardWorkers(
      createShardSteering(count).map((steering, index) =>
        StackConnection.start(own, { index, count, steering, queues })
      ),
    );
    const refusal = await workers.#begin(options);
    if (refusal === "") return workers;
    await workers.close();
    return { refusal };
  }

  /** Uses those that another thread started. */
  static attach(handle: StackHandle): ShardWorkers {
    const handles = [handle, ...handle.shards ?? []];
    return new ShardWorkers(handles.map((each) => StackConnection.attach(each)));
  }

  /** What to post to another thread, all ports among what is transferred. */
  async handle(): Promise<StackHandle> {
    const [first, ...others] = this.connections;
    const shards = await Promise.all(others.map((connection) => connection.handle()));
    return { ...await first.handle(), shards };
  }

  /** Has shard 0 answer for all of them. */
  control(request: unknown): Promise<unknown> {
    return this.connections[0].control(request);
  }

  /** Ends them, where this thread has started them. */
  async close(): Promise<void> {
    const { connections } = this;
    if (!connections[0].isOwner) return;
    this.#tellOfFailures();
    // A ring closes what it has in every shard: all of them go on until all rings are closed.
    const running = connections.filter((connection) => connection.ownFailure === undefined);
    if (running.length === connections.length) {
      await Promise.all(running.map((connection) => connection.detachAll()));
    }
    const [first, ...others] = connections;
    await Promise.all(others.map((connection) => connection.close()));
    // The frames of the others go through shard 0.
    await first.close();
  }

  /** Who waits for a shard that has ended is to know. */
  #tellOfFailures(): void {
    this.connections.forEach((connection, shard) => {
      if (connection.ownFailure === undefined) return;
      for (const other of this.connections) {
        if (other.ownFailure === undefined) other.tell({ type: "failed", shard });
      }
    });
  }

  /** @returns why they could not be started, "" where they run */
  async #begin(options: StackOptions): Promise<string> {
    const failures = await Promise.all(this.connections.map(({ started }) => started));
    const failure = failures.find((reason) => reason !== "");
    if (failure !== undefined) return failure;
    // Deno hands a message to a Worker whether anybody there listens yet or not.
    await connect(this.connections);
    try {
      for (const request of firstRequests(options)) await this.control(request);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    for (const connection of this.connections) connection.unref();
    return "";
  }
}

/** Gives each shard a channel to shard 0. */
async function connect(connections: readonly StackConnection[]): Promise<void> {
  const { MessageChannel } = await import("node:worker_threads");
  const ports: (MessagePort | null)[] = [null];
  for (const connection of connections.slice(1)) {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1);
    connection.tell({ type: "shards", ports: [port2] }, [port2 as unknown as Transferable]);
  }
  const transfer = ports.filter((port) => port !== null) as unknown as Transferable[];
  connections[0].tell({ type: "shards", ports }, transfer);
}
