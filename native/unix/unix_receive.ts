/**
 * Receiving over Unix sockets what is more than bytes: whole messages, and descriptors.
 *
 * Linux answers 0 both to an empty message and to the end of a seqpacket connection. A socket that
 * asks for timestamps (`SO_TIMESTAMP`) gets one with every message, however empty, and none with
 * the end: that tells them apart, at no cost for others, as AF_UNIX takes no part in the clocks of
 * network devices.
 *
 * @module
 */

import { completionError, netError } from "../errors.ts";
import type { Network } from "../network.ts";
import type { Socket } from "../socket.ts";
import { END_OF_MESSAGES, type MessageReceiver } from "../stream/stream_receive.ts";
import { type DescriptorHome, OwnedFd } from "./unix_descriptors.ts";
import type { ProvidedBuffers } from "../../ring/buffers.ts";
import type { Deadline, DeadlineTarget } from "../../ring/deadlines.ts";
import type { Starved } from "../../ring/reactor.ts";
import { Scratch } from "../../ring/slots.ts";
import { controlBytes, controlSpace } from "../../ring/abi/control.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  CMSGHDR,
  IOVEC,
  MSGHDR,
  W_ADDRESS,
  W_BUFFER_GROUP,
  W_LENGTH,
  W_OPERATION_FLAGS,
} from "../../ring/abi/layout.ts";
import { putLong } from "../../ring/abi/long.ts";
import { Msg, Scm, SCM_MAX_FD, SockOpt } from "../../ring/abi/opcodes.ts";

/** `struct timeval`: two 64-bit numbers. */
const TIMEVAL_BYTES = 16;
const TIMESTAMP_ROOM = controlSpace(TIMEVAL_BYTES);
/** In scratch bytes: behind the header and its vector. */
const SCRATCH_CONTROL = Scratch.IOVEC + IOVEC.SIZE;
/** Credentials, a label, a process: an adopted socket may be set to receive them. */
const STRANGE_ROOM = 512;
const CONTROL_ROOM = controlSpace(4 * SCM_MAX_FD) + TIMESTAMP_ROOM + STRANGE_ROOM;
const RETRY_MS = 50;
const NONE = -1;
const { SOL_SOCKET, SO_TIMESTAMP } = SockOpt;

/** Receives messages of one socket, one at a time. */
export class UnixReceiver implements MessageReceiver, Starved, DeadlineTarget {
  readonly buffers: ProvidedBuffers;
  readonly isMessages: boolean;
  /** Whether descriptors are wanted; else the kernel closes what comes. */
  wantsDescriptors = false;
  readonly #socket: Socket;
  readonly #network: Network;
  /** Whether every message brings a timestamp. */
  #isTimed: boolean;
  #isTiming = false;
  #retry: Deadline | null = null;
  /** Room for control messages in the arena. */
  #block = NONE;
  /** Where control messages of the receive in the ring go, and whether descriptors may come. */
  #control = 0;
  #room = 0;
  #isAsked = false;
  #isQueued = false;
  #waiting: Starved | null = null;
  #descriptors: OwnedFd[] = [];
  #loss: Error | null = null;

  /** @param isMessages whether the socket is a seqpacket one */
  constructor(socket: Socket, isMessages: boolean) {
    const { reactor } = socket.network;
    this.#socket = socket;
    this.#network = socket.network;
    this.isMessages = isMessages;
    this.#isTimed = !isMessages;
    this.buffers = isMessages ? reactor.datagramBuffers : reactor.buffers;
  }

  /** {@inheritDoc MessageReceiver.prepare} */
  prepare(starved: Starved): boolean {
    this.#waiting = null;
    if (!this.#isTimed) {
      this.#waiting = starved;
      if (!this.#isTiming) this.#requestTimestamps();
      return false;
    }
    if (!this.wantsDescriptors || this.#block !== NONE) return true;
    const { reactor } = this.#network;
    this.#block = reactor.arena.take(CONTROL_ROOM);
    if (this.#block !== NONE) return true;
    this.#waiting = starved;
    if (!this.#isQueued) reactor.awaitArena(this);
    this.#isQueued = true;
    return false;
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    const starved = this.#waiting;
    if (starved !== null) {
      this.#block = this.#network.reactor.arena.take(CONTROL_ROOM);
      if (this.#block === NONE) return false;
    }
    this.#isQueued = false;
    this.#waiting = null;
    starved?.resume();
    return true;
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(_tag: number): void {
    this.#retry = null;
    this.#requestTimestamps();
  }

  /** {@inheritDoc MessageReceiver.fill} */
  fill(at: number, slot: number): void {
    const { reactor } = this.#network;
    const { base, words } = reactor.memory;
    const header = reactor.scratchOf(slot) + Scratch.MSGHDR;
    const vector = reactor.scratchOf(slot) + Scratch.IOVEC;
    words.fill(0, header >> 2, (vector + IOVEC.SIZE) >> 2);
    words[(vector + IOVEC.LENGTH) >> 2] = this.buffers.bytes;
    putLong(words, header + MSGHDR.IOV, base + vector);
    words[(header + MSGHDR.IOV_LENGTH) >> 2] = 1;
    this.#isAsked = this.wantsDescriptors;
    this.#control = this.#isAsked ? this.#block : reactor.scratchOf(slot) + SCRATCH_CONTROL;
    this.#room = this.#isAsked ? CONTROL_ROOM : TIMESTAMP_ROOM;
    words.fill(0, this.#control >> 2, (this.#control + this.#room) >> 2);
    putLong(words, header + MSGHDR.CONTROL, base + this.#control);
    words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = this.#room;
    reactor.setLong(at + W_ADDRESS, base + header);
    reactor.entries[at + W_LENGTH] = 1;
    // With MSG_TRUNC the result is the length of the message, not of what there was room for.
    reactor.entries[at + W_OPERATION_FLAGS] = Msg.CMSG_CLOEXEC | (this.isMessages ? Msg.TRUNC : 0);
    reactor.entries[at + W_BUFFER_GROUP] = this.buffers.group;
  }

  /** {@inheritDoc MessageReceiver.arrived} */
  arrived(slot: number, result: number, isClosed: boolean): number | Error {
    const hasMessage = this.#readControl(slot, isClosed);
    if (result === 0 && !hasMessage) return END_OF_MESSAGES;
    if (result <= this.buffers.bytes) return result;
    const detail = `a message of ${result} bytes is cut and lost: a receive has room for ` +
      `${this.buffers.bytes} (ring.datagramBuffers.bytes)`;
    return completionError(Errno.EMSGSIZE, { operation: "receive", ...this.#names(), detail });
  }

  /**
   * Hands out the descriptors that the last message brought.
   *
   * @throws {NetError} EMFILE when some of them could not be received: then all of them are closed
   */
  takeDescriptors(): OwnedFd[] {
    const descriptors = this.#descriptors;
    const loss = this.#loss;
    this.#descriptors = [];
    this.#loss = null;
    if (loss === null) return descriptors;
    for (const descriptor of descriptors) descriptor.close();
    throw loss;
  }

  /** Ends receiving descriptors: closes what nobody took, and gives the room back. */
  endDescriptors(): void {
    this.wantsDescriptors = false;
    this.#waiting = null;
    this.#loss = null;
    for (const descriptor of this.#descriptors.splice(0)) descriptor.close();
    if (this.#block !== NONE) this.#network.reactor.giveArena(this.#block);
    this.#block = NONE;
  }

  async #requestTimestamps(): Promise<void> {
    const { reactor } = this.#network;
    this.#isTiming = true;
    try {
      const on = new Int32Array([1]);
      const { descriptor } = this.#socket;
      // What fails here has the receive fail, too, and that tells why.
      await this.#network.setOption(descriptor, SOL_SOCKET, SO_TIMESTAMP, on);
      this.#isTimed = true;
      this.#waiting?.resume();
    } catch {
      // As many operations are in flight as may be.
      this.#retry ??= reactor.armDeadline(RETRY_MS, this, 0);
    }
  }

  /** @returns whether there was a message, however empty */
  #readControl(slot: number, isClosed: boolean): boolean {
    const { memory } = this.#network.reactor;
    const { words } = memory;
    const header = this.#network.reactor.scratchOf(slot) + Scratch.MSGHDR;
    let at = this.#control;
    // Where the socket passes credentials along, Linux notes those of nobody at a try that finds no
    // bytes yet, tries again behind them, and then tells the length of the second try alone.
    const end = at + this.#room;
    let hasMessage = false;
    for (let bytes = controlBytes(words, at, end); bytes >= 0;) {
      if (words[(at + CMSGHDR.LEVEL) >> 2] === SOL_SOCKET) {
        const type = words[(at + CMSGHDR.TYPE) >> 2];
        const data = (at + CMSGHDR.SIZE) >> 2;
        if (type === SO_TIMESTAMP) hasMessage = true;
        else if (type === Scm.RIGHTS) this.#claim(words.subarray(data, data + bytes / 4), isClosed);
        // Nobody asked for a descriptor of the sender's process: an adopted socket brings one.
        else if (type === Scm.PIDFD && words[data] >= 0) this.#refuse(words[data]);
      }
      at += controlSpace(bytes);
      bytes = controlBytes(words, at, end);
    }
    const isCut = (words[(header + MSGHDR.FLAGS) >> 2] & Msg.CTRUNC) !== 0;
    if (isCut && this.#isAsked) this.#loss ??= this.#lost();
    return hasMessage;
  }

  /** Takes descriptors over as they arrive. */
  #claim(fds: Int32Array<ArrayBufferLike>, isClosed: boolean): void {
    const home: DescriptorHome = this.#socket;
    for (const fd of fds) {
      const refusal = isClosed || this.#loss !== null
        ? this.#loss
        : home.owner.acquire("sockets", 1, "receiveFds");
      if (isClosed || refusal !== null) {
        this.#loss = refusal;
        this.#refuse(fd);
        continue;
      }
      this.#network.opened(fd);
      this.#descriptors.push(new OwnedFd(home, fd));
    }
  }

  #refuse(fd: number): void {
    this.#network.opened(fd);
    this.#network.discard(fd);
  }

  #lost(): Error {
    const detail = "descriptors that came with the bytes could not be opened here, and were closed";
    return netError(Errno.EMFILE, { operation: "receiveFds", ...this.#names(), detail });
  }

  #names(): { local: string; remote: string } {
    return this.#network.namesOf(this.#socket);
  }
}
