/**
 * What the handlers of operations see of the executor.
 *
 * @module
 */

import type { BoundPorts } from "./bound_ports.ts";
import type { DatagramSocket } from "./datagram_socket.ts";
import type { FileTable } from "./files.ts";
import type { Machine } from "./machine.ts";
import type { Operation, OperationIndex } from "./operation.ts";
import type { Permissions } from "./permissions.ts";
import type { RegularFiles } from "./regular_files.ts";
import type { Socket } from "./socket.ts";
import type { Timeouts } from "./timeouts.ts";

/** The executor, as its handlers see it. */
export interface Host extends Machine {
  readonly files: FileTable<Socket | DatagramSocket>;
  readonly ports: BoundPorts;
  readonly regularFiles: RegularFiles;
  readonly index: OperationIndex;
  readonly timeouts: Timeouts;
  readonly permissions: Permissions;
  /** Entries taken and not completed. */
  readonly inFlight: number;
  /** Ends an operation without a completion: its chain has been silenced. */
  drop(operation: Operation): void;
  /** Closed sockets whose last bytes are not out yet. */
  readonly lingering: Set<Socket>;
}

/** Begins one operation: it completes, or somebody parks it. */
export type Handler = (host: Host, operation: Operation) => void;
