/**
 * The host backend's consumer of one ring: entries are executed with Deno's own API.
 *
 * @module
 */

import type { RingGeometry } from "../../ring/geometry.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Executor as BaseExecutor } from "../machine/executor.ts";
import { FileTable } from "../machine/file_table.ts";
import { unknownOpcode } from "../machine/opcodes.ts";
import type { Operation } from "../machine/operation.ts";
import type { Polls } from "../machine/polls.ts";
import { RegularFiles } from "../machine/regular_files.ts";
import { BoundPorts } from "./bound_ports.ts";
import { ChunkPool } from "./chunks.ts";
import { HostClock } from "./clock.ts";
import type { DatagramSocket } from "./datagram_socket.ts";
import { HANDLERS } from "./handlers.ts";
import type { Host } from "./host.ts";
import { Permissions } from "./permissions.ts";
import type { Rounds } from "./rounds.ts";
import type { Socket } from "./socket.ts";
import { closeEverything } from "./sockets.ts";

/** Executes one ring's entries with Deno's own API. */
export class Executor extends BaseExecutor implements Host {
  readonly chunks: ChunkPool = new ChunkPool();
  readonly rounds: Rounds;
  readonly files: FileTable<Socket | DatagramSocket> = new FileTable<Socket | DatagramSocket>();
  readonly ports: BoundPorts = new BoundPorts();
  readonly regularFiles: RegularFiles = new RegularFiles(this);
  readonly permissions: Permissions = new Permissions();
  readonly lingering: Set<Socket> = new Set();
  /** Connections whose reads keep the process alive, which is meant to be. */
  readonly #referenced = new Set<Deno.Conn>();
  #isAlive = false;

  /**
   * @param geometry the queue pair to consume
   * @param onPosted called after a completion was posted while nothing was being consumed
   * @param rounds how to find out what is ready
   * @param timeOrigin when the program's clock began, where that is another thread's
   */
  constructor(
    memory: RingMemory,
    geometry: RingGeometry,
    onPosted: () => void,
    rounds: Rounds,
    timeOrigin: number = performance.timeOrigin,
  ) {
    super(memory, geometry, onPosted, new HostClock(rounds, timeOrigin));
    this.rounds = rounds;
  }

  /** {@inheritDoc ControlMachine.pollsOf} */
  pollsOf(fd: number): Polls | null {
    return this.files.get(fd)?.polls ?? null;
  }

  /** Says whether the process must stay alive; nothing that Deno holds does so on its own. */
  setAlive(alive: boolean): void {
    this.#isAlive = alive;
    if (alive || this.#referenced.size === 0) return;
    for (const conn of this.#referenced) conn.unref();
    this.#referenced.clear();
  }

  /** {@inheritDoc Machine.hold} */
  hold(conn: Deno.Conn): void {
    if (this.#isAlive) this.#referenced.add(conn);
    else conn.unref();
  }

  /** {@inheritDoc Machine.release} */
  release(conn: Deno.Conn): void {
    this.#referenced.delete(conn);
    conn.close();
  }

  /** Closes every socket and waits until Deno has let go of all of them. */
  async close(): Promise<void> {
    closeEverything(this);
    this.cancelAll();
    this.rounds.close();
    await this.whenQuiet();
    this.regularFiles.closeAll();
  }

  protected override refusalOf(opcode: number): number {
    return HANDLERS[opcode] === null ? unknownOpcode(opcode) : 0;
  }

  protected override execute(operation: Operation): void {
    HANDLERS[operation.opcode]!(this, operation);
  }
}
