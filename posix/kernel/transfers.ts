/**
 * Bytes in and out of descriptors of the kernel: sockets, pipes and files.
 *
 * Each call is first made so that it cannot wait (`MSG_DONTWAIT`, `RWF_NOWAIT`); that is all there
 * is to most. Only then is the descriptor asked whether it blocks, and for how long.
 *
 * @module
 */

import type { Name, Outcome, RawMessage } from "../engine.ts";
import type { DescriptorState } from "./descriptor_state.ts";
import { Gathering } from "./gathering.ts";
import { mustWait, ReadinessWait, type WaitContext } from "./readiness_wait.ts";
import { IOV_MAX, MessageHeader, Vector } from "./vectors.ts";
import { MSG_DONTWAIT, POLLIN, POLLOUT, SO_RCVTIMEO, SO_SNDTIMEO } from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

type Bytes = Uint8Array<ArrayBufferLike>;

/** `RWF_NOWAIT` of `preadv2(2)`. */
const RWF_NOWAIT = 8;

/** Sends and receives. */
export class Transfers {
  readonly #context: WaitContext;
  readonly #state: DescriptorState;
  readonly #gathering: Gathering;

  constructor(context: WaitContext, state: DescriptorState) {
    this.#context = context;
    this.#state = state;
    this.#gathering = new Gathering(context, state);
  }

  /** `send(2)` and `sendto(2)`. */
  send(fd: number, data: Bytes | null, length: number, flags: number, name: Name | null): Outcome {
    const { calls } = this.#context;
    const sent = name === null
      ? calls.send(fd, data, length, flags | MSG_DONTWAIT)
      : calls.sendto(fd, data, length, flags | MSG_DONTWAIT, name.bytes, name.length);
    if (sent === length || (sent < 0 && !mustWait(sent))) return sent;
    if ((flags & MSG_DONTWAIT) !== 0 || this.#state.isNonBlocking(fd)) return sent;
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
    return this.#state.wait(fd, POLLOUT, SO_SNDTIMEO, () => {
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
    if (this.#gathering.isDone(fd, count, length, flags)) return count;
    const isGathering = this.#gathering.isMeant(fd, flags);
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
      const attempt = () => this.#state.orEnd(fd, once(data, length));
      return this.#state.wait(fd, POLLIN, SO_RCVTIMEO, attempt, (errno) => -errno);
    }
    return this.#gathering.receive(fd, length, flags, count, (total) => {
      return total === 0 || data === null
        ? this.#state.orEnd(fd, once(data, length))
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
    if ((flags & MSG_DONTWAIT) !== 0 || this.#state.isNonBlocking(fd)) return sent;
    let total = Math.max(0, sent);
    let rest = header;
    return this.#state.wait(fd, POLLOUT, SO_SNDTIMEO, () => {
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
      const count = this.#state.orEnd(fd, once());
      if (count !== 0) return count;
      if (message.name !== null) message.name.length = 0;
      message.controlLength = 0;
      message.flags = 0;
      return 0;
    };
    const length = lengthOf(message.iov);
    const count = once();
    if (this.#gathering.isDone(fd, count, length, flags)) return count;
    const isGathering = this.#gathering.isMeant(fd, flags);
    if (count > 0 && !isGathering) return count;
    if (!isGathering) {
      return this.#state.wait(fd, POLLIN, SO_RCVTIMEO, orEnd, (errno) => -errno);
    }
    return this.#gathering.receive(fd, length, flags, count, (total) => {
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
    if (this.#state.isNonBlocking(fd)) return count;
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
