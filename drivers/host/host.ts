/**
 * What the handlers of operations see of the executor.
 *
 * @module
 */

import type { FileTable } from "../machine/file_table.ts";
import type { Handler as HandlerOf } from "../machine/handlers.ts";
import type { ControlMachine } from "../machine/machine.ts";
import type { RegularFiles } from "../machine/regular_files.ts";
import type { BoundPorts } from "./bound_ports.ts";
import type { DatagramSocket } from "./datagram_socket.ts";
import type { Machine } from "./machine.ts";
import type { Permissions } from "./permissions.ts";
import type { Socket } from "./socket.ts";

/** The executor, as its handlers see it. */
export interface Host extends Machine, ControlMachine {
  readonly files: FileTable<Socket | DatagramSocket>;
  readonly ports: BoundPorts;
  readonly regularFiles: RegularFiles;
  readonly permissions: Permissions;
  /** Closed sockets whose last bytes are not out yet. */
  readonly lingering: Set<Socket>;
}

/** Begins one operation on a host. */
export type Handler = HandlerOf<Host>;
