/**
 * Bytes in and out of descriptors of the kernel: sockets, pipes and files.
 *
 * Each call is first made so that it cannot wait (`MSG_DONTWAIT`, `RWF_NOWAIT`); that is all there
 * is to most. Only then is the descriptor asked whether it blocks, and for how long.
 *
 * @module
 */

import type { Name, Outcome, RawMessage } from "../engine.ts";
import { mustWait, ReadinessWait, type WaitContext } from "./readiness_wait.ts";
import { IOV_MAX, MessageHeader, Vector } from "./vectors.ts";
import { MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_WAITALL } from "../constants/mod.ts";
import { F_GETFL, O_NONBLOCK, SOCK_STREAM, SOL_SOCKET } from "../constants/mod.ts";
import {
  AF_UNIX,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  SIOCATMARK,
  SO_DOMAIN,
  SO_TYPE,
} from "../constants/mod.ts";
import { SO_RCVTIMEO, SO_SNDTIMEO } from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

type Bytes = Uint8Array<ArrayBufferLike>;

/** `RWF_NOWAIT` of `preadv2(2)`. */
const RWF_NOWAIT = 8;
const POLLFD_BYTES = 8;
const TIMEVAL_BYTES = 16;

/** Sends and receives. */
export class Transfers {
  readonly #context: WaitContext;
  readonly #value = new DataView(new ArrayBuffer(TIMEVAL_BYTES));
  readonly #valueBytes = new Uint8Array(this.#value.buffer);

  constructor(context: WaitContext) {
    this.#context = context;
  }

  /** `send(2)` and `sendto(2)`. */
  send(fd: number, data: Bytes | null, length: number, flags: number, name: Name | null): Outcome {
    const { calls } = this.#context;
    const sent = name === null
      ? calls.send(fd, data, length, flags | MSG_DONTWAIT)
      : calls.sendto(fd, data, length, flags | MSG_DONTWAIT, name.bytes, name.length);
    if (sent === length || (sent < 0 && !mustWait(sent))) return sent;
    if ((flags & MSG_DONTWAIT) !== 0 || this.isNonBlocking(fd)) return sent;
    return this.#sendRest(fd, data, length, flags, name, Math.max(0, sent));
  }

  /** A method of its own: what closures use is allocated where a function begins. */
  #sendRest(
    fd: number,
    data: Bytes | null,
    length: number,
    flags: number,
    name: Name | null,
    sent: number,
  ): Outcome {
    const { calls } = this.#context;
    let total = sent;
    const to = name === null ? null : { bytes: name.bytes.slice(), length: name.length };
    return this.wait(fd, POLLOUT, SO_SNDTIMEO, () => {
      const rest = total === 0 || data === null ? data : data.subarray(total, length);
      const more = to === null
        ? calls.send(fd, rest, length - total, flags | MSG_DONTWAIT)
        : calls.sendto(fd, rest, length - total, flags | MSG_DONTWAIT, to.bytes, to.length);
      if (more >= 0) total += more;
      else if (!mustWait(more)) return total > 0 ? total : more;
      return total < length || (total === 0 && more < 0) ? -Errno.EAGAIN : total;
    }, (errno) => total > 0 ? total : -errno);
  }

  /** `recv(2)` and `recvfrom(2)`. */
  receive(
    fd: number,
    data: Bytes | null,
    length: number,
    flags: number,
    name: Name | null,
  ): Outcome {
    const count = this.#receiveOnce(fd, data, length, flags, name);
    if (this.#isDone(fd, count, length, flags)) return count;
    const isGathering = this.#isGathering(fd, flags);
    if (count > 0 && !isGathering) return count;
    return this.#receiveRest(fd, data, length, flags, name, isGathering, count);
  }

  #receiveOnce(
    fd: number,
    into: Bytes | null,
    room: number,
    flags: number,
    name: Name | null,
  ): number {
    const { calls } = this.#context;
    if (name === null) return calls.recv(fd, into, room, flags | MSG_DONTWAIT);
    const capacity = name.bytes.byteLength;
    const count = calls.recvfrom(fd, into, room, flags | MSG_DONTWAIT, name.bytes, capacity);
    if (count >= 0) name.length = calls.words.length;
    return count;
  }

  #receiveRest(
    fd: number,
    data: Bytes | null,
    length: number,
    flags: number,
    name: Name | null,
    isGathering: boolean,
    count: number,
  ): Outcome {
    const once = (into: Bytes | null, room: number): number => {
      return this.#receiveOnce(fd, into, room, flags, name);
    };
    if (!isGathering) {
      const attempt = () => this.orEnd(fd, once(data, length));
      return this.wait(fd, POLLIN, SO_RCVTIMEO, attempt, (errno) => -errno);
    }
    return this.#receiveAll(fd, length, flags, count, (total) => {
      return total === 0 || data === null
        ? this.orEnd(fd, once(data, length))
        : once(data.subarray(total, length), length - total);
    });
  }

  /** `sendmsg(2)`. */
  sendMessage(fd: number, message: RawMessage, flags: number): Outcome {
    const { calls } = this.#context;
    if (message.iov.length > IOV_MAX) return -Errno.EMSGSIZE;
    const header = new MessageHeader(calls, message);
    const sent = calls.sendmsg(fd, header.bytes, flags | MSG_DONTWAIT);
    const length = lengthOf(message.iov);
    if (sent === length || (sent < 0 && !mustWait(sent))) return sent;
    if ((flags & MSG_DONTWAIT) !== 0 || this.isNonBlocking(fd)) return sent;
    let total = Math.max(0, sent);
    let rest = header;
    return this.wait(fd, POLLOUT, SO_SNDTIMEO, () => {
      // Control data goes with the first bytes only.
      if (total > 0) {
        const iov = after(message.iov, total);
        const plain = { ...message, iov, control: null, controlLength: 0 };
        rest = new MessageHeader(calls, plain);
      }
      const more = calls.sendmsg(fd, rest.bytes, flags | MSG_DONTWAIT);
      if (more >= 0) total += more;
      else if (!mustWait(more)) return total > 0 ? total : more;
      return total < length || (total === 0 && more < 0) ? -Errno.EAGAIN : total;
    }, (errno) => total > 0 ? total : -errno);
  }

  /** `recvmsg(2)`. */
  receiveMessage(fd: number, message: RawMessage, flags: number): Outcome {
    const { calls } = this.#context;
    if (message.iov.length > IOV_MAX) return -Errno.EMSGSIZE;
    const nameRoom = message.name === null ? 0 : message.name.length;
    const controlRoom = message.control === null ? 0 : message.controlLength;
    const header = new MessageHeader(calls, message);
    const once = (): number => {
      header.again(nameRoom, controlRoom);
      const count = calls.recvmsg(fd, header.bytes, flags | MSG_DONTWAIT);
      if (count >= 0) header.settle();
      return count;
    };
    const orEnd = (): number => {
      const count = this.orEnd(fd, once());
      if (count !== 0) return count;
      if (message.name !== null) message.name.length = 0;
      message.controlLength = 0;
      message.flags = 0;
      return 0;
    };
    const length = lengthOf(message.iov);
    const count = once();
    if (this.#isDone(fd, count, length, flags)) return count;
    const isGathering = this.#isGathering(fd, flags);
    if (count > 0 && !isGathering) return count;
    if (!isGathering) {
      return this.wait(fd, POLLIN, SO_RCVTIMEO, orEnd, (errno) => -errno);
    }
    return this.#receiveAll(fd, length, flags, count, (total) => {
      if (total === 0) return orEnd();
      const iov = after(message.iov, total);
      const plain = { ...message, iov, control: null, controlLength: 0, name: null };
      const more = new MessageHeader(calls, plain);
      const got = calls.recvmsg(fd, more.bytes, flags | MSG_DONTWAIT);
      if (got >= 0) more.settle();
      return got;
    });
  }

  /** `read(2)` and `readv(2)`. */
  read(fd: number, iov: readonly Bytes[]): Outcome {
    if (iov.length > IOV_MAX) return -Errno.EINVAL;
    const length = lengthOf(iov);
    if (length > 0) {
      const outcome = iov.length === 1
        ? this.receive(fd, iov[0], length, 0, null)
        : this.receiveMessage(fd, plainMessage(iov), 0);
      if (outcome !== -Errno.ENOTSOCK) return outcome;
    }
    return this.#file(fd, iov, length, true);
  }

  /** `write(2)` and `writev(2)`. */
  write(fd: number, iov: readonly Bytes[]): Outcome {
    if (iov.length > IOV_MAX) return -Errno.EINVAL;
    const length = lengthOf(iov);
    if (length > 0 || iov.length === 1) {
      const outcome = iov.length === 1
        ? this.send(fd, iov[0], length, 0, null)
        : this.sendMessage(fd, plainMessage(iov), 0);
      if (outcome !== -Errno.ENOTSOCK) return outcome;
    }
    return this.#file(fd, iov, length, false);
  }

  /** Whether `O_NONBLOCK` is set; the kernel knows best, as others may have the file, too. */
  isNonBlocking(fd: number): boolean {
    const flags = this.#context.calls.fcntl(fd, F_GETFL, 0);
    return flags < 0 || (flags & O_NONBLOCK) !== 0;
  }

  /** Waits for readiness, as long as the socket's own timeout allows. */
  wait(
    fd: number,
    events: number,
    option: number,
    attempt: () => number,
    ended: (errno: number) => number,
  ): Outcome {
    const timeoutMs = this.#timeoutOf(fd, option);
    return new ReadinessWait(this.#context, { fd, events, timeoutMs, attempt, ended });
  }

  /**
   * A receive that waits on datagrams comes back with nothing when their socket is shut down; one
   * that does not wait is EAGAIN for ever.
   */
  orEnd(fd: number, count: number): number {
    return mustWait(count) && this.hasEnded(fd) ? 0 : count;
  }

  /** Whether nothing more can come. */
  hasEnded(fd: number): boolean {
    return (this.#ready(fd, POLLRDHUP) & (POLLRDHUP | POLLHUP)) !== 0;
  }

  /** What of `events`, or of what is always told, there is now. */
  #ready(fd: number, events: number): number {
    const pollfd = new DataView(new ArrayBuffer(POLLFD_BYTES));
    pollfd.setInt32(0, fd, true);
    pollfd.setInt16(4, events, true);
    this.#context.calls.poll(new Uint8Array(pollfd.buffer), 1, 0);
    return pollfd.getInt16(6, true);
  }

  /** Errors and urgent data are there or not, for sockets that know them; others wait for data. */
  #mayWait(fd: number, flags: number): boolean {
    if ((flags & MSG_DONTWAIT) !== 0) return false;
    if ((flags & MSG_OOB) !== 0 && this.#option(fd, SO_TYPE) === SOCK_STREAM) return false;
    if ((flags & MSG_ERRQUEUE) !== 0 && this.#option(fd, SO_DOMAIN) !== AF_UNIX) return false;
    return !this.isNonBlocking(fd);
  }

  /** Whether a receive that did not wait is all there is to it. */
  #isDone(fd: number, count: number, length: number, flags: number): boolean {
    if (count < 0 && !mustWait(count)) return true;
    const isPart = count < 0 || ((flags & MSG_WAITALL) !== 0 && count > 0 && count < length);
    return !isPart || !this.#mayWait(fd, flags);
  }

  /** Whether `MSG_WAITALL` means something: Linux waits for no more than is there to be looked at. */
  #isGathering(fd: number, flags: number): boolean {
    if ((flags & MSG_WAITALL) === 0 || this.#option(fd, SO_TYPE) !== SOCK_STREAM) return false;
    return (flags & MSG_PEEK) === 0 || this.#option(fd, SO_DOMAIN) !== AF_UNIX;
  }

  /**
   * `MSG_WAITALL`: until everything is there, or the urgent mark or the end is reached, or there is
   * an error, or the time is over.
   */
  #receiveAll(
    fd: number,
    length: number,
    flags: number,
    first: number,
    once: (total: number) => number,
  ): Outcome {
    const isPeek = (flags & MSG_PEEK) !== 0;
    let total = Math.max(0, first);
    if (total > 0 && this.#stopsAtMark(fd, isPeek)) return total;
    return new ReadinessWait(this.#context, {
      fd,
      // The mark may be the next thing that comes, and makes nothing readable.
      get events() {
        return total > 0 ? POLLIN | POLLPRI : POLLIN;
      },
      timeoutMs: this.#timeoutOf(fd, SO_RCVTIMEO),
      attempt: () => {
        if (total > 0 && this.#stopsAtMark(fd, isPeek)) return total;
        const count = once(isPeek ? 0 : total);
        if (count < 0) return mustWait(count) || total === 0 ? count : total;
        total = isPeek ? count : total + count;
        const isEnd = count === 0 || (isPeek && this.hasEnded(fd));
        return total >= length || isEnd || this.#stopsAtMark(fd, isPeek) ? total : -Errno.EAGAIN;
      },
      ended: (errno) => total > 0 ? total : -errno,
    });
  }

  /**
   * Whether what was received ends at the urgent mark, which no call reads across. What was looked at
   * is still there: it begins at the mark where that was passed over.
   */
  #stopsAtMark(fd: number, isPeek: boolean): boolean {
    const { calls } = this.#context;
    calls.words.length = 0;
    if (calls.ioctl(fd, SIOCATMARK) < 0) return false;
    const isAtMark = calls.words.length !== 0;
    return isPeek ? !isAtMark && this.#ready(fd, POLLPRI) !== 0 : isAtMark;
  }

  /** Pipes and files. What is on a disk is never waited for, and cannot be polled. */
  #file(fd: number, iov: readonly Bytes[], length: number, isRead: boolean): Outcome {
    const { calls } = this.#context;
    let rest = iov;
    let total = 0;
    const once = (flags: number): number => {
      const vector = new Vector(calls, rest);
      const count = isRead
        ? calls.preadv2(fd, vector.bytes, vector.count, -1, flags)
        : calls.pwritev2(fd, vector.bytes, vector.count, -1, flags);
      if (isRead) vector.settle();
      return count;
    };
    const count = once(length === 0 ? 0 : RWF_NOWAIT);
    if (count === -Errno.EOPNOTSUPP) return once(0);
    if (count >= 0 ? isRead || count === length : !mustWait(count)) return count;
    if (calls.lseek(fd, 0, 1) >= 0) return count >= 0 ? count : once(0);
    if (this.isNonBlocking(fd)) return count;
    total = Math.max(0, count);
    const plan = {
      fd,
      events: isRead ? POLLIN : POLLOUT,
      timeoutMs: Infinity,
      attempt: () => {
        rest = total === 0 ? iov : after(iov, total);
        const more = once(RWF_NOWAIT);
        if (isRead) return more;
        if (more >= 0) total += more;
        else if (!mustWait(more)) return total > 0 ? total : more;
        return total < length ? -Errno.EAGAIN : total;
      },
      ended: (errno: number) => total > 0 ? total : -errno,
    };
    return new ReadinessWait(this.#context, plan);
  }

  #option(fd: number, name: number): number {
    const result = this.#context.calls.getsockopt(fd, SOL_SOCKET, name, this.#valueBytes, 4);
    return result < 0 ? result : this.#value.getInt32(0, true);
  }

  /** `SO_RCVTIMEO` or `SO_SNDTIMEO` in milliseconds; 0 there means for ever. */
  #timeoutOf(fd: number, option: number): number {
    const value = this.#value;
    const { calls } = this.#context;
    if (calls.getsockopt(fd, SOL_SOCKET, option, this.#valueBytes, TIMEVAL_BYTES) < 0) {
      return Infinity;
    }
    const seconds = Number(value.getBigInt64(0, true));
    const microseconds = Number(value.getBigInt64(8, true));
    const timeoutMs = seconds * 1000 + microseconds / 1000;
    return timeoutMs === 0 ? Infinity : timeoutMs;
  }
}

/** Bytes of a vector. */
function lengthOf(iov: readonly Bytes[]): number {
  let length = 0;
  for (const buffer of iov) length += buffer.byteLength;
  return length;
}

function after(iov: readonly Bytes[], count: number): Bytes[] {
  const rest: Bytes[] = [];
  for (const buffer of iov) {
    if (count >= buffer.byteLength) count -= buffer.byteLength;
    else {
      rest.push(buffer.subarray(count));
      count = 0;
    }
  }
  return rest;
}

function plainMessage(iov: readonly Bytes[]): RawMessage {
  return { name: null, iov, control: null, controlLength: 0, flags: 0 };
}
