/**
 * What all sockets on the ring's other side have in common.
 *
 * @module
 */

import type { Name, Outcome, RawMessage } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import { bytesOf, isNothing, plainMessage } from "./cursor.ts";
import { type Bytes, OpenFile } from "./open_file.ts";
import { RingWatch } from "./ring_watch.ts";
import { fixedOption, intOf, putInt, SocketOptions, unknownOption } from "./socket_options.ts";
import { putName, takeName } from "./socket_names.ts";
import { EntryCall } from "./wait.ts";
import type { Watch, WatchMode, WatchSink } from "./watch.ts";
import {
  AF_INET6,
  IP_ADD_MEMBERSHIP,
  IP_MTU,
  IPV6_JOIN_GROUP,
  IPV6_LEAVE_GROUP,
  O_NONBLOCK,
  O_RDWR,
  SIOCATMARK,
  SIOCOUTQ,
  SO_ERROR,
  SOCK_NONBLOCK,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
} from "../constants/mod.ts";
import { Scratch } from "../../ring/slots.ts";
import {
  W_ADDRESS,
  W_ADDRESS3,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
} from "../../ring/abi/layout.ts";
import { DriverOp, Op } from "../../ring/abi/opcodes.ts";
import { Errno } from "../../ring/abi/errno.ts";

const IOV_MAX = 1024;
const INT_BYTES = 4;
/** `struct group_source_req` is the largest that there is. */
const OPTION_BYTES_MAX = 512;
/** `IP_MSFILTER` and the options `MCAST_*`. */
const MCAST_FIRST = 41;
const MCAST_LAST = 48;
const WANT_LOCAL = 1;
const WANT_PEER = 2;

/** Whether an option's value is a struct that is longer than an int, so that its length is wrong. */
function isMembership(level: number, name: number): boolean {
  if (level === SOL_IPV6 && (name === IPV6_JOIN_GROUP || name === IPV6_LEAVE_GROUP)) return true;
  if (level !== SOL_IP && level !== SOL_IPV6) return false;
  const isGroup = name >= MCAST_FIRST && name <= MCAST_LAST;
  return isGroup || level === SOL_IP && name >= IP_ADD_MEMBERSHIP && name < MCAST_FIRST;
}

/** What a socket was made as. */
export interface SocketKind {
  readonly domain: number;
  /** Without flags. */
  readonly type: number;
  readonly protocol: number;
}

/** A socket on the ring's other side. */
export abstract class RingSocket extends OpenFile {
  readonly kind: SocketKind;
  /** Descriptor on the other side. */
  readonly descriptor: number;
  /** The ring whose other side has it. */
  readonly ring: BlockingRing;
  protected readonly options: SocketOptions;

  /** @param flags `SOCK_NONBLOCK` or 0 */
  constructor(ring: BlockingRing, kind: SocketKind, descriptor: number, flags: number) {
    super(O_RDWR | ((flags & SOCK_NONBLOCK) !== 0 ? O_NONBLOCK : 0));
    this.ring = ring;
    this.kind = kind;
    this.descriptor = descriptor;
    const { domain, type, protocol } = kind;
    this.options = new SocketOptions(domain, type, protocol, ring.hasStack);
  }

  /** {@inheritDoc OpenFile.isRemote} */
  override get isRemote(): boolean {
    return true;
  }

  /** Events that the other side does not know of. */
  get ownEvents(): number {
    return 0;
  }

  /** {@inheritDoc OpenFile.watch} */
  watch(mode: WatchMode, events: number, sink: WatchSink): Watch | null {
    return RingWatch.begin(this.ring, this, mode, events, sink);
  }

  protected override end(): Outcome {
    return new EntryCall(this.ring, Op.CLOSE, this.descriptor).outcome;
  }

  /** {@inheritDoc OpenFile.read} */
  override read(iov: readonly Bytes[]): Outcome {
    if (iov.length > IOV_MAX) return -Errno.EINVAL;
    return bytesOf(iov) === 0 ? 0 : this.receiveMessage(plainMessage(iov), 0);
  }

  /** {@inheritDoc OpenFile.write} */
  override write(iov: readonly Bytes[]): Outcome {
    if (iov.length > IOV_MAX) return -Errno.EINVAL;
    return isNothing(iov) ? 0 : this.sendMessage(plainMessage(iov), 0);
  }

  /** {@inheritDoc OpenFile.shutdown} */
  override shutdown(how: number): Outcome {
    return new EntryCall(this.ring, Op.SHUTDOWN, this.descriptor, (at) => {
      this.ring.reactor.entries[at + W_LENGTH] = how;
    }).outcome;
  }

  /** {@inheritDoc OpenFile.localName} */
  override localName(name: Name): Outcome {
    return this.#name(name, WANT_LOCAL, Scratch.SOCKADDR, Scratch.SOCKADDR_LENGTH).outcome;
  }

  /** {@inheritDoc OpenFile.peerName} */
  override peerName(name: Name): Outcome {
    return this.#name(name, WANT_PEER, Scratch.PEER, Scratch.PEER_LENGTH).outcome;
  }

  #name(name: Name, wanted: number, place: number, lengthPlace: number): EntryCall {
    const { ring } = this;
    const { reactor } = ring;
    return new EntryCall(ring, DriverOp.NAMES, this.descriptor, (at, slot) => {
      reactor.setLong(at + W_ADDRESS, reactor.scratchOf(slot));
      reactor.entries[at + W_OPERATION_FLAGS] = wanted;
    }, {
      finish: (result, slot) => {
        if (result < 0) return result;
        const scratch = reactor.scratchOf(slot);
        const length = reactor.memory.words[(scratch + lengthPlace) >> 2];
        takeName(ring, scratch + place, length, name);
        return 0;
      },
    });
  }

  /** {@inheritDoc OpenFile.getOption} */
  override getOption(level: number, name: number, value: Bytes, length: number): Outcome {
    const own = this.options.get(level, name, value, length);
    if (own !== undefined) return own;
    if (level === SOL_SOCKET && name === SO_ERROR) {
      const error = this.takeError();
      if (error !== 0) return putInt(value, length, error);
    }
    return this.#ask(level, name, value, length);
  }

  /** The error that `SO_ERROR` tells, where this side keeps it: told once. */
  protected takeError(): number {
    return 0;
  }

  #ask(level: number, name: number, value: Bytes, length: number): Outcome {
    const { ring } = this;
    const { reactor } = ring;
    // A stack shapes values by the room that there is; others write whole numbers.
    const least = ring.hasStack ? 0 : INT_BYTES;
    const room = Math.min(OPTION_BYTES_MAX, Math.max(least, length));
    const block = reactor.arena.take(Math.max(INT_BYTES, room));
    if (block < 0) return -Errno.ENOBUFS;
    const finish = (result: number): number => {
      reactor.giveArena(block);
      if (result === -Errno.ENOTSUP) return this.#fixed(level, name, value, length);
      if (result < 0) return result;
      const count = Math.min(result, length);
      value.set(reactor.memory.bytes.slice(block, block + count));
      return count;
    };
    return this.#option(DriverOp.GETSOCKOPT, level, name, block, room, finish).outcome;
  }

  /** A stack has what it has: nothing else stands for an option. */
  #fixedOption(level: number, name: number): number | undefined {
    const { domain, type } = this.kind;
    return this.ring.hasStack ? undefined : fixedOption(domain, type, level, name);
  }

  #fixed(level: number, name: number, value: Bytes, length: number): number {
    const { domain, type } = this.kind;
    const fixed = this.#fixedOption(level, name);
    if (fixed === undefined) return unknownOption(domain, type, level, name, false);
    return putInt(value, length, fixed);
  }

  /** {@inheritDoc OpenFile.setOption} */
  override setOption(level: number, name: number, value: Bytes | null, length: number): Outcome {
    if (length < 0) return -Errno.EINVAL;
    if (value === null) return this.#setNothing(level, name, length);
    const own = this.options.set(level, name, value, length);
    if (own !== undefined && !this.options.isShared(level, name, own)) return own;
    const { ring } = this;
    const { reactor } = ring;
    if (length > OPTION_BYTES_MAX) return -Errno.EINVAL;
    const block = reactor.arena.take(OPTION_BYTES_MAX);
    if (block < 0) return -Errno.ENOBUFS;
    reactor.memory.bytes.fill(0, block, block + OPTION_BYTES_MAX);
    reactor.memory.bytes.set(value.subarray(0, length), block);
    const int = length < INT_BYTES ? 0 : intOf(value);
    const { domain, type } = this.kind;
    return this.#option(DriverOp.SETSOCKOPT, level, name, block, length, (result) => {
      reactor.giveArena(block);
      if (result !== -Errno.ENOTSUP) return result;
      const fixed = this.#fixedOption(level, name);
      if (fixed === undefined) return unknownOption(domain, type, level, name, true);
      if (length < INT_BYTES) return -Errno.EINVAL;
      return fixed === int ? 0 : -Errno.ENOPROTOOPT;
    }).outcome;
  }

  /** Setting an option without a value. Source: `net/ipv4/ip_sockglue.c`, `ipv6_sockglue.c`. */
  #setNothing(level: number, name: number, length: number): Outcome {
    const nothing = new Uint8Array(length);
    const { domain } = this.kind;
    if (!this.ring.hasStack) return length === 0 ? -Errno.EINVAL : -Errno.EFAULT;
    // Of IPv4's options nothing is read where there are no bytes; IPv6 takes NULL for 0.
    const isZero = level === SOL_IPV6 && domain === AF_INET6 && !isMembership(level, name);
    if (isZero || length === 0) return this.setOption(level, name, nothing, length);
    if (isMembership(level, name)) return -Errno.EINVAL;
    return level === SOL_IP && name === IP_MTU ? -Errno.ENOPROTOOPT : -Errno.EFAULT;
  }

  #option(
    opcode: number,
    level: number,
    name: number,
    block: number,
    bytes: number,
    finish: (result: number) => number,
  ): EntryCall {
    const { ring } = this;
    return new EntryCall(ring, opcode, this.descriptor, (at) => {
      const { entries } = ring.reactor;
      entries[at + W_ADDRESS] = level;
      entries[at + W_ADDRESS + 1] = name;
      entries[at + W_FILE_INDEX] = bytes;
      ring.reactor.setLong(at + W_ADDRESS3, block);
    }, { finish });
  }

  /** {@inheritDoc OpenFile.ioctl} */
  override ioctl(request: number, argument: number): Outcome {
    if (request === SIOCATMARK) return this.atMark();
    const isQueue = request === SIOCOUTQ && this.ring.hasStack;
    return isQueue ? this.ask(request) : super.ioctl(request, argument);
  }

  /** A request of ioctl(2) that a stack answers. */
  ask(request: number): Outcome {
    return new EntryCall(this.ring, DriverOp.IOCTL, this.descriptor, (at) => {
      this.ring.reactor.entries[at + W_OPERATION_FLAGS] = request;
    }).outcome;
  }

  /** `SIOCATMARK`. */
  protected atMark(): Outcome {
    return -Errno.ENOTTY;
  }

  /** BIND and CONNECT: a name in scratch bytes. */
  protected named(opcode: number, name: Name, family: number): EntryCall {
    const { ring } = this;
    return new EntryCall(ring, opcode, this.descriptor, (at, slot) => {
      const { reactor } = ring;
      const offset = putName(ring, slot, name, family);
      reactor.setLong(at + W_ADDRESS, reactor.memory.base + offset);
      reactor.entries[at + W_OFFSET] = name.length;
    });
  }

  abstract override sendMessage(message: RawMessage, flags: number): Outcome;
  abstract override receiveMessage(message: RawMessage, flags: number): Outcome;
}
