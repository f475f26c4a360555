/**
 * What random sequences work on, and what operations pick their arguments from.
 *
 * @module
 */

import type { RecordedCalls } from "../recorder.ts";
import { bytes, room, type ScriptContext } from "../script.ts";
import * as k from "../../../../posix/constants/mod.ts";
import type { Sockaddr } from "../../../../posix/types.ts";

/** An operation's name and its numbers. */
export type Step = readonly [name: string, ...numbers: number[]];

/** What a number picks: one of so many, or a descriptor. */
export type Pick = number | typeof FD | typeof EPOLL | typeof FILE;

/** How an operation is drawn and carried out. */
export interface Operation {
  /** How often it is drawn, relative to others. */
  readonly weight: number;
  /** For each number, what it picks. */
  readonly picks: readonly Pick[];
  /** Makes the calls. */
  readonly run: (world: World, ...numbers: number[]) => void;
}

/** A descriptor: mostly one that is open. */
export const FD = "fd";
/** A descriptor: mostly an epoll instance. */
export const EPOLL = "epoll";
/** A descriptor: mostly a file. */
export const FILE = "file";
/** Descriptors that are open, in the order they were opened, and those that are none. */
const OPEN_PICKS = 12;
const LOWEST_FD = 3;
const CLOSED_FDS = [-1, 77];
/** Types of sockets, and one that is none. */
export const TYPES = [k.SOCK_STREAM, k.SOCK_DGRAM, k.SOCK_SEQPACKET, 9];
/** Bytes to send or to receive. */
export const LENGTHS = [1, 4, 0, 16, 100, 700];
/** Of addresses: as it is, and what is too short or too long. */
export const ADDRESS_LENGTHS = [undefined, undefined, undefined, 2, 8, 64, 0, 200];

/** What a sequence works on. */
export class World {
  readonly c: RecordedCalls;
  readonly t: ScriptContext;
  /** Whether sockets block, with timeouts. */
  readonly isTimed: boolean;
  /**
   * An epoll instance knows a file by its number, too: what becomes of that number where the file
   * lives on elsewhere depends on which numbers the process has free.
   */
  hasEpoll = false;
  /** What `epoll_create1` gave. */
  readonly epolls: number[] = [];
  /** What `open` gave. */
  readonly files: number[] = [];
  hasDuplicates = false;
  /**
   * The kernel closes a file that came in a message when the call is over, which is later where one
   * call takes several messages.
   */
  hasPassed = false;

  constructor(c: RecordedCalls, t: ScriptContext, isTimed: boolean) {
    this.c = c;
    this.t = t;
    this.isTimed = isTimed;
  }

  /** `SOCK_NONBLOCK`, unless sockets have timeouts. */
  get typeFlags(): number {
    return this.isTimed ? 0 : k.SOCK_NONBLOCK;
  }

  /** Makes a new socket one that neither holds back nor blocks. */
  tune(fd: number): number {
    if (fd < 0) return fd;
    this.t.quietly(() => {
      this.c.setsockopt(fd, k.SOL_TCP, k.TCP_NODELAY, 1);
      this.c.setsockopt(fd, k.SOL_TCP, k.TCP_CONGESTION, bytes("reno"));
      if (!this.isTimed) {
        this.c.fcntl(fd, k.F_SETFL, k.O_NONBLOCK);
        return;
      }
      for (const option of [k.SO_RCVTIMEO, k.SO_SNDTIMEO]) {
        this.c.setsockopt(fd, k.SOL_SOCKET, option, { sec: 0, usec: 50_000 });
      }
    });
    return fd;
  }

  /** Bytes of an address; a name that were cut off would be another run's, too. */
  addressLength(address: Sockaddr | null, pick: number): number | undefined {
    return address?.path === undefined ? ADDRESS_LENGTHS[pick] : undefined;
  }

  /** Room to receive into. TCP tells that a time is over, but not where there was no room. */
  room(pick: number): Uint8Array<ArrayBuffer> {
    const length = LENGTHS[pick % LENGTH];
    return room(this.isTimed ? Math.max(1, length) : length);
  }

  /** The same for several buffers. */
  rooms(count: number, pick: number): Uint8Array<ArrayBuffer>[] {
    const length = this.isTimed ? Math.max(1, count) : count;
    return Array.from({ length }, (_, at) => this.room(pick + at));
  }

  /** Whether a descriptor is open. */
  isOpen(fd: number): boolean {
    return this.t.quietly(() => this.c.fcntl(fd, k.F_GETFD)) >= 0;
  }

  /** What a number stands for. */
  resolve(pick: Pick, number: number): number {
    if (typeof pick === "number") return number;
    if (number >= OPEN_PICKS) return CLOSED_FDS[number - OPEN_PICKS];
    const wanted = pick === EPOLL ? this.epolls : pick === FILE ? this.files : [];
    const fds = wanted.length > 0 ? wanted : this.t.openFds;
    return fds.length === 0 ? LOWEST_FD + number : fds[number % fds.length];
  }

  /** An address: of a descriptor, of nobody, of another kind. */
  address(kind: number, fd: number): Sockaddr | null {
    switch (kind) {
      case 0:
      case 1:
      case 2:
        return this.c.getsockname(fd);
      case 3:
        return this.t.unixAddress("a");
      case 4:
        return this.t.abstractAddress("b");
      case 5:
        return { family: k.AF_UNSPEC, data: new Uint8Array(14) };
      case 6:
        return this.t.deadAddress(k.SOCK_DGRAM);
      case 7:
        return { family: 77, data: new Uint8Array(14) };
      default:
        return null;
    }
  }
}

/** How many there are to pick from. */
export function choicesOf(pick: Pick): number {
  return typeof pick === "number" ? pick : OPEN_PICKS + CLOSED_FDS.length;
}

/** How many kinds of addresses there are. */
export const ADDRESS_KINDS = 9;
/** How many lengths there are. */
export const LENGTH = LENGTHS.length;
