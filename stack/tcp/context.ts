/**
 * What all connections of a stack share.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { AddressTable, InterfaceTable } from "../iface/types.ts";
import type { Flow, IpOutput, PathFeedback } from "../ip/types.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import type { TransportPorts } from "../transport_ports.ts";
import type { ChallengeLimit } from "./challenge.ts";
import type { Configuration } from "./configuration.ts";
import type { Connection } from "./connection.ts";
import type { TcpCounter } from "./counters.ts";
import type { FastOpenCache } from "./fast_open_cache.ts";
import type { FastOpenCookies } from "./fast_open_cookies.ts";
import type { ListenerTable } from "./listener_table.ts";
import type { Owing } from "./owing.ts";
import type { SavedSyns } from "./saved_syns.ts";
import type { Secrets } from "./secrets.ts";
import type { TcpSettings } from "./settings.ts";
import type { SynCookies } from "./syn_cookies.ts";
import type { EntryTable } from "./table.ts";
import type { TimeWaits } from "./time_wait.ts";
import type { Agreement, ReceiverHost, ReceiverPart, SenderHost, SenderPart } from "./types.ts";
import type { SegmentWriter } from "./writer.ts";

/** Makes the halves of connections. */
export interface PartFactory {
  /** Makes the sending half of a connection. */
  sender(host: SenderHost, configuration: Configuration): SenderPart;
  /** What `SO_SNDBUF` and `SO_RCVBUF` begin with, in bytes of payload. */
  readonly defaultBuffers: { readonly send: number; readonly receive: number };
  /** Whether there is a congestion control of a name. */
  hasCongestionControl(name: string): boolean;
  /** Makes the receiving half. */
  receiver(host: ReceiverHost, configuration: Configuration): ReceiverPart;
}

/** What all connections of a stack share. */
export interface TcpContext {
  readonly environment: Environment;
  readonly output: IpOutput;
  readonly counters: Counters<typeof TcpCounter>;
  readonly settings: TcpSettings;
  readonly feedback: PathFeedback;
  readonly interfaces: InterfaceTable;
  readonly addresses: AddressTable;
  readonly parts: PartFactory;
  /** Which of several shards of a host the stack is; null where it is all of it. */
  readonly shard: StackShard | null;
  readonly table: EntryTable;
  readonly listeners: ListenerTable;
  readonly ports: TransportPorts;
  readonly secrets: Secrets;
  readonly writer: SegmentWriter;
  readonly challenges: ChallengeLimit;
  readonly synCookies: SynCookies;
  readonly fastOpenCookies: FastOpenCookies;
  readonly fastOpenCache: FastOpenCache;
  readonly timeWaits: TimeWaits;
  readonly savedSyns: SavedSyns;
  /** Who settles when the step's segments are dealt with. */
  readonly owing: Owing;
  /** What sockets say that set no options. */
  readonly defaults: Configuration;
  /** Filled in for whoever agrees next. */
  readonly agreement: Agreement;
  /** Connections that count against `settings.connections`, and those whose sockets are closed. */
  connections: number;
  orphans: number;
  /**
   * Whether any socket has ever asked for a least number of hops (`IP_MINTTL`, `IPV6_MINHOPCOUNT`):
   * before that no segment is looked at for it.
   */
  looksAtHops: boolean;
  /** Those that count against `settings.halfOpen`. */
  halfOpen: number;
  /** A number that a socket has, and no other one. */
  cookieOf(socket: object): number;
  /** Makes a connection, which is in no table yet. */
  createConnection(flow: Flow, configuration: Configuration): Connection;
}
