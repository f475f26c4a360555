/**
 * A listening socket of another shard, as this shard has it: connections whose flows hash to this
 * shard come about here, and are told to the ring that listens.
 *
 * @module
 */

import { AF_INET6 } from "../../../ring/abi/sockaddr.ts";
import { Ready, type SocketOwner, type StreamStackSocket } from "../../../stack/socket.ts";
import type { StackCore } from "../../../stack/types.ts";
import type { SocketOption } from "../machine.ts";
import { familyOf } from "../names.ts";
import type { HomeFiles } from "./home_files.ts";
import {
  type ListenerDescription,
  M_CONNECTION,
  M_FILE,
  M_KIND,
  M_RING,
  MessageKind,
  writeEnds,
} from "./messages.ts";
import type { MessageWriter } from "./message_queue.ts";
import type { ShardPorts } from "./types.ts";

/** Connections that the ring was told of and has not accepted, at most; others wait here. */
const MOST_TOLD = 64;

/** `IP_FREEBIND`, `IPV6_FREEBIND`. Source: Linux, `in.h`, `in6.h`. */
const ON = Uint8Array.of(1, 0, 0, 0);
const FREE_BIND: SocketOption = { level: 0, name: 15, value: ON };
const FREE_BIND_6: SocketOption = { level: 41, name: 78, value: ON };

/** What a mirrored listener is made of. */
export interface MirrorParts {
  readonly core: StackCore;
  readonly ports: ShardPorts;
  /** The ring's number with its owner, and its connections here. */
  readonly ring: number;
  readonly files: HomeFiles;
  /** The queue to the shard that owns the ring. */
  readonly writer: MessageWriter;
}

/** Listens for a ring of another shard. */
export class MirroredListener implements SocketOwner {
  readonly #parts: MirrorParts;
  #description: ListenerDescription;
  #socket: StreamStackSocket | null = null;
  #told = 0;
  /** How many of them the ring is told of before it has accepted one. */
  #mostTold: number;

  /** @param description the listener, as its owner has it */
  constructor(parts: MirrorParts, description: ListenerDescription) {
    this.#parts = parts;
    this.#description = description;
    this.#mostTold = mostToldOf(description.backlog);
  }

  /** What it mirrors. */
  get description(): ListenerDescription {
    return this.#description;
  }

  /** Begins to listen, or again. @returns 0 or `-errno` */
  open(): number {
    const { core, ports } = this.#parts;
    const description = this.#description;
    const made = core.streamSocket(familyOf(description.family));
    if (typeof made === "number") return made;
    const result = ports.withoutClaims(() => listen(made, description));
    if (result !== 0) {
      ports.withoutClaims(() => made.close());
      return result;
    }
    this.#socket = made;
    made.owner = this;
    return 0;
  }

  /** A connection was accepted, or given up, by the ring. */
  taken(): void {
    this.#told--;
    this.onReady();
  }

  /** Gives it another backlog, or an option. */
  change(backlog: number | undefined, option: SocketOption | undefined): void {
    if (backlog !== undefined) {
      this.#description = { ...this.#description, backlog };
      this.#mostTold = mostToldOf(backlog);
      this.#socket?.listen(backlog);
    }
    if (option === undefined) return;
    const { level, name, value } = option;
    const others = this.#description.options.filter((one) =>
      one.level !== level || one.name !== name
    );
    this.#description = { ...this.#description, options: [...others, option] };
    this.#socket?.setOption(level, name, value);
  }

  /** Makes way for a listener of this shard's own: what has come is told first. */
  pause(): void {
    this.#mostTold = Infinity;
    this.onReady();
    this.#mostTold = mostToldOf(this.#description.backlog);
    this.close();
  }

  /** {@inheritDoc SocketOwner.onReady} */
  onReady(): void {
    const socket = this.#socket;
    while (
      socket !== null && this.#told < this.#mostTold && (socket.readiness() & Ready.IN) !== 0
    ) {
      const accepted = socket.accept();
      if (typeof accepted === "number") return;
      this.#tell(accepted);
    }
  }

  /** Listens no more: what was not told of is reset. */
  close(): void {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.owner = null;
    this.#parts.ports.withoutClaims(() => socket.close());
  }

  #tell(socket: StreamStackSocket): void {
    const { files, writer, ring } = this.#parts;
    const { id, family } = this.#description;
    const number = files.add(family, socket);
    if (number < 0) {
      socket.abort();
      return socket.close();
    }
    this.#told++;
    const { message } = writer;
    message[M_KIND] = MessageKind.CONNECTION;
    message[M_RING] = ring;
    message[M_FILE] = id;
    message[M_CONNECTION] = number;
    writeEnds(message, socket.flow);
    writer.send();
  }
}

function mostToldOf(backlog: number): number {
  return Math.max(1, Math.min(MOST_TOLD, backlog));
}

function listen(socket: StreamStackSocket, description: ListenerDescription): number {
  const { options, address, port, scope, backlog, family } = description;
  // What the owner's own socket refused is refused here, too.
  for (const { level, name, value } of options) socket.setOption(level, name, value);
  // Whether the address is this stack's was the owner's question: here it may be some moments away.
  const free = family === AF_INET6 ? FREE_BIND_6 : FREE_BIND;
  const isFree = ({ level, name }: SocketOption) => level === free.level && name === free.name;
  const asked = options.find(isFree)?.value ?? new Uint8Array(free.value.length);
  socket.setOption(free.level, free.name, free.value);
  const result = socket.bind(address, port, scope);
  socket.setOption(free.level, free.name, asked);
  return result === 0 ? socket.listen(backlog) : result;
}
