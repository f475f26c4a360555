/**
 * The sockets of `socketpair`: both are here, so that no other side is needed.
 *
 * @module
 */

import type { Name, Outcome, RawMessage } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import { bytesOf, Cursor, isNothing, plainMessage } from "./cursor.ts";
import type { FileTable } from "./file_table.ts";
import { LocalFile } from "./local_file.ts";
import { LocalTransfer } from "./local_transfer.ts";
import { MessageQueue, QUEUE_BYTES } from "./message_queue.ts";
import type { Bytes } from "./open_file.ts";
import { filesOf, writeFiles } from "./passed_files.ts";
import { resolve } from "./regular_file.ts";
import { familyOf, unixRefusal } from "./socket_names.ts";
import { fixedOption, intOf, putInt, SocketOptions } from "./socket_options.ts";
import { StreamProgress } from "./stream_progress.ts";
import { type Steps, StepsCall } from "./wait.ts";
import * as constants from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

const IOV_MAX = 1024;
/** `SOCK_MIN_SNDBUF` and `SOCK_MIN_RCVBUF` of Linux. */
const SEND_BYTES_LEAST = 4608;
const RECEIVE_BYTES_LEAST = 2304;
const { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, AF_UNIX, AF_UNSPEC, SOL_SOCKET } = constants;
const { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRNORM } = constants;
const READABLE: number = POLLIN | POLLRDNORM;
const WRITABLE: number = POLLOUT | POLLWRNORM | constants.POLLWRBAND;
const EVERYTHING: number = READABLE | WRITABLE | POLLRDHUP | POLLHUP | POLLERR;

/** One socket of a pair. */
export class PairSocket extends LocalFile {
  readonly #ring: BlockingRing;
  readonly #files: FileTable;
  readonly #type: number;
  readonly #options: SocketOptions;
  /** `SO_REUSEADDR`, which means nothing to a socket without a name. */
  #reuseAddress = 0;
  /** What it has to receive. */
  readonly #inbox: MessageQueue = new MessageQueue();
  readonly #waiting: Set<LocalTransfer> = new Set();
  #peer!: PairSocket;
  #isReceivingShut = false;
  #isSendingShut = false;
  #isClosed = false;
  /** A socket of datagrams that was told to forget its peer. */
  #isDissolved = false;
  /** The errno that the next call gets, once. */
  #error = 0;
  #receiveBufferBytes = QUEUE_BYTES;

  private constructor(ring: BlockingRing, files: FileTable, type: number, flags: number) {
    super(flags);
    this.#ring = ring;
    this.#files = files;
    this.#type = type;
    this.#options = new SocketOptions(AF_UNIX, type, 0);
  }

  /** Makes both. @param type without flags @param flags `O_NONBLOCK` or 0 */
  static pair(
    ring: BlockingRing,
    files: FileTable,
    type: number,
    flags: number,
  ): [PairSocket, PairSocket] {
    const status = constants.O_RDWR | flags;
    const one = new PairSocket(ring, files, type, status);
    const other = new PairSocket(ring, files, type, status);
    one.#peer = other;
    other.#peer = one;
    return [one, other];
  }

  /** {@inheritDoc LocalFile.events} */
  get events(): number {
    let events = 0;
    if (!this.#inbox.isEmpty) events |= READABLE;
    if (this.#isReceivingShut) events |= READABLE | POLLRDHUP;
    if (this.#isReceivingShut && this.#isSendingShut) events |= POLLHUP;
    if (this.#error !== 0) events |= POLLERR;
    if (this.#peer.#inbox.isWritable) events |= WRITABLE;
    return events;
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

  /** {@inheritDoc OpenFile.sendMessage} */
  override sendMessage(message: RawMessage, flags: number): Outcome {
    const { name, iov } = message;
    if (iov.length > IOV_MAX) return -Errno.EMSGSIZE;
    if ((flags & constants.MSG_OOB) !== 0) return -Errno.EOPNOTSUPP;
    const files = filesOf(this.#files, message);
    if (typeof files === "number") return files;
    // Sequenced packets take no notice of it.
    const isNamed = name !== null && name.length > 0 && this.#type !== SOCK_SEQPACKET;
    if (isNamed && this.#type !== SOCK_DGRAM) return -Errno.EISCONN;
    if (isNamed && this.#isSendingShut) return -Errno.EPIPE;
    if (isNamed) return this.#refuse(name, Errno.EPROTOTYPE);
    const cursor = new Cursor(iov);
    const isStream = this.#type === SOCK_STREAM;
    if (!isStream && cursor.left > this.#peer.#inbox.messageMost) return -Errno.EMSGSIZE;
    for (const file of files) file.references++;
    let left = files;
    let total = 0;
    const step = (): number => {
      const refusal = this.#sendRefusal();
      if (refusal !== 0) return total > 0 ? total : refusal;
      const inbox = this.#peer.#inbox;
      if (!inbox.hasRoom && cursor.left > 0) return -Errno.EAGAIN;
      if (isStream) total += inbox.pushStream(cursor, left);
      else {
        total = cursor.left;
        const bytes = new Uint8Array(total);
        cursor.take(bytes, 0, total);
        inbox.push(bytes, left);
      }
      left = [];
      this.#peer.advance(READABLE);
      return cursor.left === 0 ? total : -Errno.EAGAIN;
    };
    return new LocalTransfer(this.#ring, this.#waiting, step, {
      isHasty: this.#isHasty(flags),
      timeoutMs: this.#options.sendTimeoutMs,
      partial: () => total,
      // Files that did not go out are let go of.
      onEnd: () => {
        for (const file of left) file.release();
      },
    }).outcome;
  }

  #sendRefusal(): number {
    const peer = this.#peer;
    if (this.#type === SOCK_DGRAM) {
      if (this.#isSendingShut) return -Errno.EPIPE;
      if (this.#isDissolved) return -Errno.ENOTCONN;
      if (peer.#isClosed) return -Errno.ECONNREFUSED;
      return peer.#isReceivingShut ? -Errno.EPIPE : 0;
    }
    return this.#isSendingShut || peer.#isClosed || peer.#isReceivingShut ? -Errno.EPIPE : 0;
  }

  /** {@inheritDoc OpenFile.receiveMessage} */
  override receiveMessage(message: RawMessage, flags: number): Outcome {
    const { name, iov } = message;
    if (iov.length > IOV_MAX) return -Errno.EMSGSIZE;
    if ((flags & constants.MSG_OOB) !== 0) {
      return this.#type === SOCK_STREAM ? -Errno.EINVAL : -Errno.EOPNOTSUPP;
    }
    if (name !== null) name.length = 0;
    const room = message.control === null ? 0 : message.controlLength;
    message.controlLength = 0;
    message.flags = flags & constants.MSG_CMSG_CLOEXEC;
    const cursor = new Cursor(iov);
    const isStream = this.#type === SOCK_STREAM;
    const stream = new StreamProgress(cursor, flags, this.#options.receiveLowWater);
    const step = isStream
      ? () => this.#receiveStream(message, room, stream)
      : () => this.#receiveOne(message, room, cursor, flags);
    return new LocalTransfer(this.#ring, this.#waiting, step, {
      isHasty: this.#isHasty(flags),
      timeoutMs: this.#options.receiveTimeoutMs,
      partial: () => stream.total,
    }).outcome;
  }

  #receiveStream(message: RawMessage, room: number, progress: StreamProgress): number {
    const inbox = this.#inbox;
    if (inbox.isEmpty) {
      if (progress.total > 0 && !progress.wantsMore) return progress.total;
      if (this.#error !== 0 && progress.total === 0) return -this.#takeError();
      return this.#isReceivingShut ? progress.total : -Errno.EAGAIN;
    }
    if (progress.cursor.left === 0) return progress.total;
    const { count, files } = inbox.readStream(progress.cursor, progress.isPeek);
    progress.total += count;
    if (files.length > 0) writeFiles(this.#files, message, room, files, progress.isPeek);
    if (!progress.isPeek) this.#peer.advance(WRITABLE);
    const isDone = progress.isPeek || files.length > 0 || !progress.wantsMore;
    if (isDone) return progress.total;
    return this.#isReceivingShut ? progress.total : -Errno.EAGAIN;
  }

  #receiveOne(message: RawMessage, room: number, cursor: Cursor, flags: number): number {
    const inbox = this.#inbox;
    const { first } = inbox;
    if (first === undefined) {
      if (this.#error !== 0) return -this.#takeError();
      // Linux tells the end of datagrams only to who waits for more.
      const isTold = this.#type === SOCK_SEQPACKET || !this.#isHasty(flags);
      return this.#isReceivingShut && isTold ? 0 : -Errno.EAGAIN;
    }
    const { length } = first.bytes;
    const count = Math.min(length, cursor.left);
    cursor.put(first.bytes, 0, count);
    if (count < length) message.flags |= constants.MSG_TRUNC;
    const isPeek = (flags & constants.MSG_PEEK) !== 0;
    if (first.files.length > 0) writeFiles(this.#files, message, room, first.files, isPeek);
    if (!isPeek) {
      inbox.shift();
      this.#peer.advance(WRITABLE);
    }
    return (flags & constants.MSG_TRUNC) !== 0 ? length : count;
  }

  #isHasty(flags: number): boolean {
    return this.isNonBlocking || (flags & constants.MSG_DONTWAIT) !== 0;
  }

  #takeError(): number {
    const error = this.#error;
    this.#error = 0;
    return error;
  }

  /** Goes on with whoever waits on this socket: `events` have come. */
  advance(events: number): void {
    for (const transfer of [...this.#waiting]) transfer.advance();
    this.wake(events);
  }

  /** {@inheritDoc OpenFile.shutdown} */
  override shutdown(how: number): Outcome {
    if (how < constants.SHUT_RD || how > constants.SHUT_RDWR) return -Errno.EINVAL;
    const peer = this.#peer;
    const isConnection = this.#type !== SOCK_DGRAM;
    if (how !== constants.SHUT_WR) {
      this.#isReceivingShut = true;
      if (isConnection) peer.#isSendingShut = true;
    }
    if (how !== constants.SHUT_RD) {
      this.#isSendingShut = true;
      if (isConnection) peer.#isReceivingShut = true;
    }
    this.advance(EVERYTHING);
    peer.advance(EVERYTHING);
    return 0;
  }

  protected override end(): Outcome {
    const peer = this.#peer;
    this.#isClosed = true;
    this.endWatches();
    if (this.#type !== SOCK_DGRAM) {
      peer.#isReceivingShut = true;
      peer.#isSendingShut = true;
      // What was not received is lost, which the peer is told.
      if (!this.#inbox.isEmpty && !peer.#isClosed) peer.#error = Errno.ECONNRESET;
    }
    this.#inbox.clear();
    peer.advance(EVERYTHING);
    return 0;
  }

  /** {@inheritDoc OpenFile.bind} */
  override bind(_name: Name): Outcome {
    return -Errno.EOPNOTSUPP;
  }

  /** {@inheritDoc OpenFile.listen} */
  override listen(_backlog: number): Outcome {
    return this.#type === SOCK_DGRAM ? -Errno.EOPNOTSUPP : -Errno.EINVAL;
  }

  /** {@inheritDoc OpenFile.accept} */
  override accept(_flags: number, _name: Name): Outcome {
    return this.#type === SOCK_DGRAM ? -Errno.EOPNOTSUPP : -Errno.EINVAL;
  }

  /** {@inheritDoc OpenFile.connect} */
  override connect(name: Name): Outcome {
    if (this.#type === SOCK_DGRAM && familyOf(name) === AF_UNSPEC) {
      this.#isDissolved = true;
      return 0;
    }
    const isConnected = this.#type !== SOCK_DGRAM;
    return this.#refuse(name, isConnected ? Errno.EISCONN : Errno.EPROTOTYPE);
  }

  /** What comes of a name: sockets that have one are the other side's, and of another type. */
  #refuse(name: Name, errno: number): Outcome {
    const refusal = unixRefusal(name, familyOf(name));
    if (refusal !== 0) return refusal;
    const text = name.bytes.slice(2, name.length);
    if (text[0] === 0) return -Errno.ECONNREFUSED;
    const end = text.indexOf(0);
    const path = new TextDecoder().decode(end < 0 ? text : text.subarray(0, end));
    const ring = this.#ring;
    return new StepsCall(ring, function* (): Steps {
      const found = yield* resolve(ring, path, 0);
      return typeof found === "number" ? found : -errno;
    }).outcome;
  }

  /** {@inheritDoc OpenFile.localName} */
  override localName(name: Name): Outcome {
    name.bytes[0] = AF_UNIX;
    name.bytes[1] = 0;
    name.length = 2;
    return 0;
  }

  /** {@inheritDoc OpenFile.peerName} */
  override peerName(name: Name): Outcome {
    return this.#isDissolved ? -Errno.ENOTCONN : this.localName(name);
  }

  /** {@inheritDoc OpenFile.getOption} */
  override getOption(level: number, name: number, value: Bytes, length: number): Outcome {
    const own = this.#options.get(level, name, value, length);
    if (own !== undefined) return own;
    if (level !== SOL_SOCKET) return -Errno.EOPNOTSUPP;
    const int = this.#intOption(name);
    return int === undefined ? -Errno.ENOPROTOOPT : putInt(value, length, int);
  }

  #intOption(name: number): number | undefined {
    switch (name) {
      case constants.SO_ERROR:
        return this.#takeError();
      case constants.SO_ACCEPTCONN:
        return 0;
      case constants.SO_SNDBUF:
        return this.#peer.#inbox.capacity;
      case constants.SO_RCVBUF:
        return this.#receiveBufferBytes;
      default:
        if (name === constants.SO_REUSEADDR) return this.#reuseAddress;
        return fixedOption(AF_UNIX, this.#type, SOL_SOCKET, name);
    }
  }

  /** {@inheritDoc OpenFile.setOption} */
  override setOption(level: number, name: number, value: Bytes | null, length: number): Outcome {
    if (length < 0) return -Errno.EINVAL;
    if (level !== SOL_SOCKET) return -Errno.EOPNOTSUPP;
    if (value === null) return length < 4 ? -Errno.EINVAL : -Errno.EFAULT;
    const own = this.#options.set(level, name, value, length);
    if (own !== undefined) return own;
    const int = intOf(value);
    if (name === constants.SO_REUSEADDR) {
      this.#reuseAddress = Number(int !== 0);
      return 0;
    }
    if (name === constants.SO_SNDBUF || name === constants.SO_RCVBUF) {
      this.#setBuffer(name, int);
      return 0;
    }
    return this.#intOption(name) === int ? 0 : -Errno.ENOPROTOOPT;
  }

  /** socket(7): twice what is asked for, within limits. The receiver's counts for nothing here. */
  #setBuffer(name: number, bytes: number): void {
    const asked = bytes < 0 || bytes > QUEUE_BYTES ? QUEUE_BYTES : bytes;
    if (name === constants.SO_SNDBUF) {
      this.#peer.#inbox.capacity = Math.max(SEND_BYTES_LEAST, asked * 2);
      this.advance(WRITABLE);
    } else {
      this.#receiveBufferBytes = Math.max(RECEIVE_BYTES_LEAST, asked * 2);
    }
  }

  /** {@inheritDoc OpenFile.ioctl} */
  override ioctl(request: number, argument: number): Outcome {
    // Nothing urgent is sent here.
    const isStream = this.#type === SOCK_STREAM;
    if (request === constants.SIOCATMARK) return isStream ? 0 : -Errno.EOPNOTSUPP;
    if (request === constants.SIOCOUTQ) return this.#peer.#inbox.charged;
    if (request !== constants.FIONREAD) return super.ioctl(request, argument);
    const { first, bytes } = this.#inbox;
    return this.#type === SOCK_DGRAM ? first?.bytes.length ?? 0 : bytes;
  }
}

/** The type of a pair's sockets: raw ones are datagrams. @returns it, or 0 for none */
export function pairType(type: number): number {
  if (type === constants.SOCK_RAW) return SOCK_DGRAM;
  return type === SOCK_STREAM || type === SOCK_DGRAM || type === SOCK_SEQPACKET ? type : 0;
}
