/**
 * What the files and handlers of one ring see of the whole.
 *
 * @module
 */

import type { UserMemory } from "../../stack/socket.ts";
import type { StackCore } from "../../stack/types.ts";
import type { FileTable } from "../machine/file_table.ts";
import type { Handler as HandlerOf } from "../machine/handlers.ts";
import type { ControlMachine } from "../machine/machine.ts";
import type { RegularFiles } from "../machine/regular_files.ts";
import type { StackFile } from "./file.ts";
import type { StackService } from "./service.ts";

/** The executor of one ring, as its files and handlers see it. */
export interface StackMachine extends ControlMachine {
  /** The stack whose sockets they are. */
  readonly core: StackCore;
  /** What there is beside sockets: names, configuration, statistics, events. */
  readonly service: StackService;
  /** The ring's memory, as sockets see it. */
  readonly user: UserMemory;
  readonly files: FileTable<StackFile>;
  readonly regularFiles: RegularFiles;
  /**
   * Delivers what the stack has sent to itself: whoever does not wait is to find it. It does nothing
   * within a step.
   */
  deliver(): void;
  /** Hears of an option that a socket has taken. */
  optionSet(file: StackFile, option: SocketOption): void;
}

/** An option of a socket, by its numbers on Linux. */
export interface SocketOption {
  readonly level: number;
  readonly name: number;
  readonly value: Uint8Array;
}

/** Begins one operation on a stack. */
export type Handler = HandlerOf<StackMachine>;
