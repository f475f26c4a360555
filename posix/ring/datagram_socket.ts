/**
 * Datagram sockets.
 *
 * @module
 */

import type { Name, Outcome, RawMessage } from "../engine.ts";
import { filterControl } from "./control_filter.ts";
import { bytesOf, plainMessage } from "./cursor.ts";
import { DatagramCall } from "./datagram_call.ts";
import type { Bytes } from "./open_file.ts";
import { RingSocket } from "./ring_socket.ts";
import { intOf, putInt } from "./socket_options.ts";
import {
  bindRefusal,
  connectRefusal,
  destinationRefusal,
  familyOf,
  isIpv4,
  isIpv6Alone,
} from "./socket_names.ts";
import { type Steps, StepsCall } from "./wait.ts";
import {
  AF_INET,
  AF_UNSPEC,
  FIONREAD,
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SOL_UDP,
  UDP_CORK,
} from "../constants/mod.ts";
import { Msg, Op } from "../../ring/abi/opcodes.ts";
import { Errno } from "../../ring/abi/errno.ts";

const IOV_MAX = 1024;
const INT_BYTES = 4;
/** What UDP can carry over IPv4. RFC 768. */
const DATAGRAM_BYTES_MAX = 65507;

/** Pieces of a datagram to be. */
interface Cork {
  readonly name: Name | null;
  readonly control: Uint8Array<ArrayBuffer> | null;
  readonly iov: readonly Bytes[];
  readonly bytes: number;
}

/** A datagram socket on the ring's other side. */
export class DatagramSocket extends RingSocket {
  /** What waits to become one datagram, null for nothing. */
  #cork: Cork | null = null;
  #isCorked = false;
  /** Bound to an address of IPv6, which Linux takes for the wish to have no other. */
  #isIpv6Only = false;

  /** {@inheritDoc OpenFile.bind} */
  override bind(name: Name): Outcome {
    const { domain } = this.kind;
    const refusal = bindRefusal(domain, name);
    if (refusal !== 0) return refusal;
    const isAlone = isIpv6Alone(name);
    return new StepsCall(
      this.ring,
      function* (this: DatagramSocket): Steps {
        const result = yield this.named(Op.BIND, name, domain).outcome;
        if (result === 0 && isAlone) this.#isIpv6Only = true;
        return result;
      }.bind(this),
    ).outcome;
  }

  /** {@inheritDoc OpenFile.listen} */
  override listen(_backlog: number): Outcome {
    return -Errno.EOPNOTSUPP;
  }

  /** {@inheritDoc OpenFile.accept} */
  override accept(_flags: number, _name: Name): Outcome {
    return -Errno.EOPNOTSUPP;
  }

  /** {@inheritDoc OpenFile.connect} */
  override connect(name: Name): Outcome {
    const { domain } = this.kind;
    if (name.length < 2) return -Errno.EINVAL;
    const family = familyOf(name);
    if (family === AF_UNSPEC) return this.named(Op.CONNECT, name, family).outcome;
    // ipv6(7): addresses of IPv4 are taken as they are.
    const asked = domain !== AF_INET && family === AF_INET ? AF_INET : domain;
    if (this.#isIpv6Only && family === AF_INET) return -Errno.EAFNOSUPPORT;
    const refusal = connectRefusal(asked, name);
    if (refusal === 0 && this.#isIpv6Only && isIpv4(name)) return -Errno.ENETUNREACH;
    return refusal !== 0 ? refusal : this.named(Op.CONNECT, name, asked).outcome;
  }

  /** {@inheritDoc OpenFile.sendMessage} */
  override sendMessage(message: RawMessage, flags: number): Outcome {
    if (message.iov.length > IOV_MAX) return -Errno.EMSGSIZE;
    // UDP over IPv6 does not look at it.
    if ((flags & MSG_OOB) !== 0 && this.kind.domain === AF_INET) return -Errno.EOPNOTSUPP;
    const { name } = message;
    const isNamed = name !== null;
    if (isNamed && this.#isIpv6Only && familyOf(name) === AF_INET) return -Errno.ENETUNREACH;
    const refusal = isNamed ? destinationRefusal(this.kind.domain, name) : 0;
    if (refusal !== 0) return refusal;
    if (isNamed && this.#isIpv6Only && isIpv4(name)) return -Errno.ENETUNREACH;
    const control = filterControl(this.kind, message, this.ring.hasStack);
    if (typeof control === "number") return control;
    const to = isNamed ? this.#destination(name, familyOf(name) === AF_UNSPEC) : null;
    if ((flags & MSG_MORE) !== 0 || this.#isCorked || this.#cork !== null) {
      const isMore = (flags & MSG_MORE) !== 0 || this.#isCorked;
      return this.#addToCork(message.iov, to, control, isMore);
    }
    return this.#send(
      { ...message, name: to, control, controlLength: control?.length ?? 0 },
      flags,
    );
  }

  #send(message: RawMessage, flags: number): Outcome {
    return new DatagramCall(this.ring, {
      descriptor: this.descriptor,
      isSend: true,
      flags: (flags & MSG_DONTWAIT) | Msg.NOSIGNAL,
      timeoutMs: this.options.sendTimeoutMs,
    }, message).outcome;
  }

  /** udp(7), `MSG_MORE` and `UDP_CORK`: several sends make one datagram, which goes to the first's. */
  #addToCork(
    iov: readonly Bytes[],
    name: Name | null,
    control: Uint8Array<ArrayBuffer> | null,
    isMore: boolean,
  ): Outcome {
    const cork = this.#cork ?? { ...plainMessage([]), name, control, bytes: 0 };
    const added = bytesOf(iov);
    if (cork.bytes + added > DATAGRAM_BYTES_MAX) return -Errno.EMSGSIZE;
    const pieces = [...cork.iov, ...iov.map((piece) => piece.slice())];
    this.#cork = { ...cork, iov: pieces, bytes: cork.bytes + added };
    return isMore ? added : this.#uncork(added);
  }

  #uncork(result: number): Outcome {
    const cork = this.#cork;
    if (cork === null) return result;
    this.#cork = null;
    const { name, control, iov } = cork;
    const message = { name, iov, control, controlLength: control?.length ?? 0, flags: 0 };
    return new StepsCall(
      this.ring,
      function* (this: DatagramSocket): Steps {
        const sent = yield this.#send(message, 0);
        return sent < 0 ? sent : result;
      }.bind(this),
    ).outcome;
  }

  /** {@inheritDoc OpenFile.getOption} */
  override getOption(level: number, name: number, value: Bytes, length: number): Outcome {
    const isCork = level === SOL_UDP && name === UDP_CORK && length >= 0;
    if (isCork) return putInt(value, length, Number(this.#isCorked));
    return super.getOption(level, name, value, length);
  }

  /** {@inheritDoc OpenFile.setOption} */
  override setOption(level: number, name: number, value: Bytes | null, length: number): Outcome {
    if (level !== SOL_UDP || name !== UDP_CORK || value === null) {
      return super.setOption(level, name, value, length);
    }
    if (length < INT_BYTES) return -Errno.EINVAL;
    this.#isCorked = intOf(value) !== 0;
    return this.#isCorked ? 0 : this.#uncork(0);
  }

  /** udp(7): no family stands for IPv4, and for the peer with IPv6. */
  #destination(name: Name, isAnonymous: boolean): Name | null {
    if (!isAnonymous) return name;
    if (this.kind.domain !== AF_INET) return null;
    const bytes = name.bytes.slice();
    bytes[0] = AF_INET;
    return { bytes, length: name.length };
  }

  /** {@inheritDoc OpenFile.receiveMessage} */
  override receiveMessage(message: RawMessage, flags: number): Outcome {
    if (message.iov.length > IOV_MAX) return -Errno.EMSGSIZE;
    const isQueue = (flags & MSG_ERRQUEUE) !== 0;
    // Only a stack queues errors; nobody waits for one.
    if (isQueue && !this.ring.hasStack) return -Errno.EAGAIN;
    const isHasty = isQueue || this.isNonBlocking || (flags & MSG_DONTWAIT) !== 0;
    const call = new DatagramCall(this.ring, {
      descriptor: this.descriptor,
      isSend: false,
      flags: (flags & (MSG_PEEK | MSG_TRUNC | MSG_ERRQUEUE)) | (isHasty ? Msg.DONTWAIT : 0),
      timeoutMs: isHasty ? Infinity : this.options.receiveTimeoutMs,
    }, message);
    const kept = flags & MSG_CMSG_CLOEXEC;
    if (kept === 0) return call.outcome;
    return new StepsCall(this.ring, function* (): Steps {
      const received = yield call.outcome;
      message.flags |= kept;
      return received;
    }).outcome;
  }

  /** {@inheritDoc OpenFile.ioctl} */
  override ioctl(request: number, argument: number): Outcome {
    return request === FIONREAD ? this.#nextLength() : super.ioctl(request, argument);
  }

  /** The length of the datagram that the next receive takes, 0 where there is none. */
  #nextLength(): Outcome {
    const plan = {
      descriptor: this.descriptor,
      isSend: false,
      flags: MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT,
      timeoutMs: Infinity,
    };
    const message: RawMessage = { name: null, iov: [], control: null, controlLength: 0, flags: 0 };
    return new StepsCall(
      this.ring,
      function* (this: DatagramSocket): Steps {
        return Math.max(0, yield new DatagramCall(this.ring, plan, message).outcome);
      }.bind(this),
    ).outcome;
  }
}
