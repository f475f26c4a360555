/**
 * The stack backend's consumer of one ring: entries are executed with a stack's sockets.
 *
 * @module
 */

import type { Clock } from "../machine/clock.ts";
import { Executor } from "../machine/executor.ts";
import { FileTable } from "../machine/file_table.ts";
import { unknownOpcode } from "../machine/opcodes.ts";
import type { Operation } from "../machine/operation.ts";
import type { Polls } from "../machine/polls.ts";
import { RegularFiles } from "../machine/regular_files.ts";
import { layRing } from "../../ring/geometry.ts";
import type { UserMemory } from "../../stack/socket.ts";
import type { StackCore } from "../../stack/types.ts";
import type { StackFile } from "./file.ts";
import { HANDLERS } from "./handlers.ts";
import type { SocketOption, StackMachine } from "./machine.ts";
import type { StackService } from "./service.ts";
import { createUserMemory, type StackRingMemory } from "./user_memory.ts";

/** Executes one ring's entries with the sockets of a stack. */
export class StackExecutor extends Executor implements StackMachine {
  readonly core: StackCore;
  readonly service: StackService;
  readonly user: UserMemory;
  readonly deliver: () => void;
  readonly files: FileTable<StackFile> = new FileTable<StackFile>();
  readonly regularFiles: RegularFiles = new RegularFiles(this);

  /**
   * @param ring the ring's memory
   * @param core the stack
   * @param service what there is beside sockets
   * @param clock what its timeouts run on
   * @param onPosted called after a completion was posted while nothing was being consumed
   * @param deliver see {@linkcode StackMachine.deliver}
   */
  constructor(
    ring: StackRingMemory,
    core: StackCore,
    service: StackService,
    clock: Clock,
    onPosted: () => void,
    deliver: () => void,
  ) {
    super(ring.memory, layRing(ring.memory), onPosted, clock);
    this.core = core;
    this.deliver = deliver;
    this.service = service;
    this.user = createUserMemory(ring, core.environment.arena.memory);
  }

  /** {@inheritDoc ControlMachine.pollsOf} */
  pollsOf(fd: number): Polls | null {
    return this.files.get(fd)?.polls ?? null;
  }

  /** Closes every socket; what was sent is still delivered. */
  async close(): Promise<void> {
    this.files.forEach((file) => {
      this.files.delete(file.fd);
      file.close();
    });
    this.cancelAll();
    await this.whenQuiet();
    this.regularFiles.closeAll();
  }

  /** {@inheritDoc StackMachine.optionSet} */
  optionSet(_file: StackFile, _option: SocketOption): void {}

  protected override refusalOf(opcode: number): number {
    return HANDLERS[opcode] === null ? unknownOpcode(opcode) : 0;
  }

  protected override execute(operation: Operation): void {
    HANDLERS[operation.opcode]!(this, operation);
  }
}
