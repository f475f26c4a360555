/**
 * A listener: SYNs become half-open connections, and those that are confirmed wait to be accepted.
 *
 * @module
 */

import { Flow, type IpAddress } from "../ip/types.ts";
import { Ready } from "../socket.ts";
import { abort } from "./closing.ts";
import type { Configuration } from "./configuration.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import type { TcpContext } from "./context.ts";
import { TcpCounter } from "./counters.ts";
import { HalfOpen } from "./half_open.ts";
import type { HalfOpenOwner } from "./half_open_owner.ts";

/** One listener. */
export class Listener implements HalfOpenOwner {
  readonly context: TcpContext;
  /** Where it listens. */
  readonly flow: Flow;
  /** Its socket. */
  owner: ConnectionOwner | null = null;
  configuration: Configuration;
  /** Whether it takes connections of IPv4 beside those of IPv6. */
  readonly isDual: boolean;
  /** Whether it stands for a listener of another shard of the host. */
  isMirror = false;
  halfOpen = 0;
  backlog = 0;
  /** Connections with data that are not confirmed: RFC 7413. */
  fastOpenPending = 0;
  /** When a SYN was answered by a cookie last. */
  cookieSentAt = -Infinity;
  binding: number;
  readonly #queue: Connection[] = [];
  #isRaised = false;
  /** The window and the scale of its SYNs, which follow from the buffer of whoever it accepts. */
  #window = -1;
  #windowScale = 0;

  /** Makes a listener, which is in no table yet. */
  constructor(
    context: TcpContext,
    flow: Flow,
    configuration: Configuration,
    isDual: boolean,
    binding: number,
  ) {
    this.context = context;
    this.flow = flow;
    this.configuration = configuration;
    this.isDual = isDual;
    this.binding = binding;
  }

  /** How many connections wait to be accepted. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Whether nothing more may wait to be accepted. */
  get isFull(): boolean {
    return this.#queue.length > this.backlog;
  }

  /** The window of its SYNs in bytes. */
  get synWindow(): number {
    if (this.#window < 0) this.#measure();
    return this.#window;
  }

  /** The shift that its SYNs offer. */
  get windowScale(): number {
    if (this.#window < 0) this.#measure();
    return this.#windowScale;
  }

  /** Its socket's options have changed. */
  configure(configuration: Configuration): void {
    this.configuration = configuration;
    this.#window = -1;
  }

  /** See `HalfOpenOwner`. */
  hasRoom(): boolean {
    const { counters, settings, connections } = this.context;
    if (connections >= settings.connections) {
      counters.add(TcpCounter.DROPPED_TABLE_FULL);
      return false;
    }
    if (!this.isFull) return true;
    counters.add(TcpCounter.DROPPED_ACCEPT_QUEUE_FULL);
    return false;
  }

  /** See `HalfOpenOwner`. */
  shareBinding(address: IpAddress): number {
    return Math.max(-1, this.context.ports.share(this.binding, address));
  }

  /** A connection can be accepted. */
  push(connection: Connection): void {
    this.context.counters.add(TcpCounter.PASSIVE_OPENS);
    connection.bits |= Bit.QUEUED;
    this.#queue.push(connection);
    this.#isRaised = true;
  }

  /** See `ConnectionQueue`. */
  onConfirmed(connection: Connection): void {
    if ((connection.bits & Bit.FAST_OPEN_PENDING) === 0) this.push(connection);
    else this.#settle(connection);
  }

  /** See `ConnectionQueue`: whoever accepts it finds out. */
  onEnded(connection: Connection): void {
    if ((connection.bits & Bit.FAST_OPEN_PENDING) !== 0) this.#settle(connection);
  }

  /** A connection that Fast Open has made counts no longer. */
  #settle(connection: Connection): void {
    connection.bits &= ~Bit.FAST_OPEN_PENDING;
    this.fastOpenPending--;
    if (connection.socket !== null) connection.queue = null;
  }

  /** See `ConnectionQueue`. */
  notify(): void {
    if (!this.#isRaised) return;
    this.#isRaised = false;
    this.owner?.onReady(Ready.IN);
  }

  /** Takes the connection that has waited longest, or null. */
  accept(): Connection | null {
    const connection = this.#queue.shift();
    if (connection === undefined) return null;
    connection.bits &= ~Bit.QUEUED;
    if ((connection.bits & Bit.FAST_OPEN_PENDING) === 0) connection.queue = null;
    return connection;
  }

  /** Ends: what was not accepted is reset. */
  close(): void {
    const { context } = this;
    this.owner = null;
    for (const entry of context.table.all()) {
      if (entry instanceof HalfOpen && entry.owner === this) entry.end();
      if (entry instanceof Connection && entry.queue === this) this.#orphan(entry);
    }
    for (const connection of this.#queue.splice(0)) {
      connection.queue = null;
      context.counters.add(TcpCounter.ABORTED_UNACCEPTED);
      if (connection.slot >= 0) {
        connection.bits |= Bit.ORPHAN;
        context.orphans++;
        abort(connection);
      } else {
        connection.receiver.stop();
      }
    }
  }

  /** What waits to be confirmed is reset, unless somebody has accepted it already. */
  #orphan(connection: Connection): void {
    if ((connection.bits & Bit.QUEUED) !== 0) return;
    connection.queue = null;
    if (connection.socket !== null) return;
    connection.bits |= Bit.ORPHAN;
    this.context.orphans++;
    abort(connection);
  }

  /** Asks a receiver as those it is going to have which window it begins with. */
  #measure(): void {
    const sample = this.context.createConnection(new Flow(), this.configuration);
    this.#window = sample.receiver.synWindow;
    this.#windowScale = sample.receiver.windowScaleToOffer;
    sample.receiver.stop();
    sample.sender.stop();
    this.context.connections--;
  }
}
