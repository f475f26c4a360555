/**
 * What shards of a stack say to each other: by messages of words what there is much of, and by
 * letters, which may hold anything that can be posted, what is rare.
 *
 * An _owner_ is the shard that a ring is served by; the _home_ of a connection is the shard whose
 * stack it is in. A ring has a number with its owner, a connection one with its home.
 *
 * @module
 */

import type { IpAddress } from "../../../stack/ip/types.ts";
import type { Words } from "../../../ring/barrier.ts";
import type { Operation } from "../../machine/operation.ts";
import type { SocketOption } from "../machine.ts";
import type { StackRingHandle } from "../user_memory.ts";

/** What a message says. */
export const MessageKind = {
  /** To the home: begin an operation. */
  OPERATION: 1,
  /** To the home: cancel an operation. */
  CANCEL: 2,
  /** To the home: a poll waits for other events. */
  UPDATE: 3,
  /** To the home: close a connection that nobody accepted, by a reset. */
  ABORT: 4,
  /** To the home: a connection of a listener was accepted, or aborted; there may be another. */
  TAKEN: 5,
  /** To the owner: an operation has completed. */
  RESULT: 6,
  /** To the owner: an operation has one of several results. */
  MORE: 7,
  /** To the owner: a listener has a connection. */
  CONNECTION: 8,
  /** To the owner: a shard listens as it was told, or why not; or it listens no more. */
  LISTENING: 9,
} as const;

/** The words of all messages: what it says, and the number of the ring that it is about. */
export const M_KIND = 0;
export const M_RING = 1;
/** A connection's number, or a listener's. */
export const M_FILE = 2;
/** Which operation of its ring it is. */
export const M_TOKEN = 3;

/** RESULT, MORE, LISTENING: the result, flags of the completion, bytes that were wanted. */
export const M_RESULT = 4;
export const M_FLAGS = 5;
export const M_TOTAL = 6;

/** UPDATE: the events, and `len` of the poll. */
export const M_EVENTS = 4;
export const M_POLL_LENGTH = 5;

/** CONNECTION: its number, both ends and the scope. */
export const M_CONNECTION = 3;
const M_PORTS = 4;
const M_SCOPE = 5;
const M_IS_IPV6 = 6;
const M_LOCAL = 7;
const M_REMOTE = 11;

/** OPERATION: the fields of its entry. */
const M_PRIORITY = 4;
const M_OFFSET = 5;
const M_ADDRESS = 7;
const M_LENGTH = 9;
const M_OPERATION_FLAGS = 10;
const M_FILE_INDEX = 11;
const M_ADDRESS3 = 12;

const HIGH = 4294967296;
/** The token of a CLOSE that no entry asked for. */
export const NO_TOKEN = -1;

/** Writes an operation into a message. */
export function writeOperation(into: Int32Array, operation: Operation): void {
  into[M_KIND] = MessageKind.OPERATION | operation.opcode << 8 | operation.flags << 16;
  into[M_PRIORITY] = operation.ioprio | operation.bufferGroup << 16;
  into[M_OFFSET] = operation.offset | 0;
  into[M_OFFSET + 1] = Math.floor(operation.offset / HIGH) | 0;
  into[M_ADDRESS] = operation.addressLow;
  into[M_ADDRESS + 1] = operation.addressHigh;
  into[M_LENGTH] = operation.length;
  into[M_OPERATION_FLAGS] = operation.operationFlags;
  into[M_FILE_INDEX] = operation.fileIndex;
  into[M_ADDRESS3] = operation.address3 | 0;
  into[M_ADDRESS3 + 1] = Math.floor(operation.address3 / HIGH) | 0;
}

/** Reads an operation from a message. */
export function readOperation(operation: Operation, words: Words, at: number): void {
  const head = words[at + M_KIND];
  operation.opcode = head >>> 8 & 0xff;
  operation.flags = head >>> 16 & 0xff;
  operation.fd = words[at + M_FILE];
  operation.userLow = words[at + M_TOKEN];
  operation.userHigh = 0;
  operation.ioprio = words[at + M_PRIORITY] & 0xffff;
  operation.bufferGroup = words[at + M_PRIORITY] >>> 16;
  operation.offset = (words[at + M_OFFSET] >>> 0) + words[at + M_OFFSET + 1] * HIGH;
  operation.addressLow = words[at + M_ADDRESS];
  operation.addressHigh = words[at + M_ADDRESS + 1];
  operation.address = (operation.addressLow >>> 0) + operation.addressHigh * HIGH;
  operation.length = words[at + M_LENGTH];
  operation.operationFlags = words[at + M_OPERATION_FLAGS];
  operation.fileIndex = words[at + M_FILE_INDEX];
  operation.address3 = (words[at + M_ADDRESS3] >>> 0) + words[at + M_ADDRESS3 + 1] * HIGH;
}

/** Both ends of a connection. */
export interface ConnectionEnds {
  local: IpAddress;
  localPort: number;
  remote: IpAddress;
  remotePort: number;
  scope: number;
}

/** Writes both ends of a connection into a message. */
export function writeEnds(into: Int32Array, ends: ConnectionEnds): void {
  const { local, remote } = ends;
  into[M_PORTS] = ends.localPort << 16 | ends.remotePort;
  into[M_SCOPE] = ends.scope;
  into[M_IS_IPV6] = Number(typeof remote !== "number");
  for (let word = 0; word < 4; word++) {
    into[M_LOCAL + word] = typeof local === "number" ? local : local[word];
    into[M_REMOTE + word] = typeof remote === "number" ? remote : remote[word];
  }
}

/** Reads both ends of a connection from a message. */
export function readEnds(ends: ConnectionEnds, words: Words, at: number): void {
  const ports = words[at + M_PORTS];
  ends.localPort = ports >>> 16;
  ends.remotePort = ports & 0xffff;
  ends.scope = words[at + M_SCOPE];
  ends.local = addressOf(words, at + M_LOCAL, words[at + M_IS_IPV6] !== 0);
  ends.remote = addressOf(words, at + M_REMOTE, words[at + M_IS_IPV6] !== 0);
}

function addressOf(words: Words, at: number, isIpv6: boolean): IpAddress {
  if (!isIpv6) return words[at];
  return [words[at], words[at + 1], words[at + 2], words[at + 3]];
}

/** What another shard needs to work in a ring's memory. */
export interface SharedRing {
  readonly handle: StackRingHandle;
  /** Where its provided buffers are at, of both groups. */
  readonly heads: readonly [SharedArrayBuffer, SharedArrayBuffer];
}

/** What a listener is that other shards are to have as well. */
export interface ListenerDescription {
  /** Its number with the shard that owns it. */
  readonly id: number;
  readonly family: number;
  readonly address: IpAddress;
  readonly port: number;
  readonly scope: number;
  readonly backlog: number;
  readonly options: readonly SocketOption[];
}

/** A letter about a ring of the shard that sends it. */
export type RingLetter =
  | {
    /** Work for a ring; said once, before anything else about it. */
    readonly type: "ring";
    readonly ring: number;
    readonly shared: SharedRing;
  }
  | {
    /** Listen as well; LISTENING answers. */
    readonly type: "listen";
    readonly ring: number;
    readonly listener: ListenerDescription;
  }
  | {
    /** Listen no more; LISTENING answers. */
    readonly type: "unlisten";
    readonly ring: number;
    readonly id: number;
  }
  | {
    /** Give a listener another backlog, or an option. */
    readonly type: "change";
    readonly ring: number;
    readonly id: number;
    readonly backlog?: number;
    readonly option?: SocketOption;
  }
  | {
    /** A ring is no more. */
    readonly type: "end";
    readonly ring: number;
  };

/** Delivers letters to another shard, in order. */
export type SendLetter = (to: number, letter: RingLetter) => void;
