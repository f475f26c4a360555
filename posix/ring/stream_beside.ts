/**
 * What streams have beside their bytes: the names of Unix sockets, and of a stack's the urgent byte
 * and how much is left.
 *
 * @module
 */

import { emptyName, type Name, type Outcome, type RawMessage } from "../engine.ts";
import { bytesOf } from "./cursor.ts";
import type { RingSocket } from "./ring_socket.ts";
import { StreamReceive } from "./stream_receive.ts";
import { type Steps, StepsCall } from "./wait.ts";
import {
  FIONREAD,
  MSG_CTRUNC,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SOL_TCP,
  TCP_INQ,
} from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { controlSpace } from "../../ring/abi/control.ts";
import { CMSGHDR } from "../../ring/abi/layout.ts";

const INT_BYTES = 4;

/** tcp(7): receives the urgent byte, which is never waited for. Source: `tcp_recv_urg`. */
export function receiveUrgent(socket: RingSocket, message: RawMessage, flags: number): Outcome {
  const hasRoom = bytesOf(message.iov) > 0;
  const plan = {
    descriptor: socket.descriptor,
    isPeek: (flags & MSG_PEEK) !== 0 || !hasRoom,
    isUrgent: true,
    isDropped: (flags & MSG_TRUNC) !== 0,
    isHasty: true,
    least: 1,
    timeoutMs: Infinity,
    keepError: () => {},
  };
  const iov = hasRoom ? message.iov : [new Uint8Array(1)];
  return new StepsCall(socket.ring, function* (): Steps {
    const received = yield new StreamReceive(socket.ring, plan, iov).outcome;
    if (received > 0) message.flags |= hasRoom ? MSG_OOB : MSG_OOB | MSG_TRUNC;
    return hasRoom ? received : Math.min(0, received);
  }).outcome;
}

/** `TCP_INQ`: how much is left goes beside what was received. Source: `tcp_recvmsg`. */
export function withQueue(socket: RingSocket, outcome: Outcome, message: RawMessage): Outcome {
  const room = message.control!;
  return new StepsCall(socket.ring, function* (): Steps {
    const received = yield outcome;
    if (received < 0) return received;
    const left = yield socket.ask(FIONREAD);
    const control = new Uint8Array(controlSpace(INT_BYTES));
    const view = new DataView(control.buffer);
    view.setUint32(CMSGHDR.LENGTH, CMSGHDR.SIZE + INT_BYTES, true);
    view.setInt32(CMSGHDR.LEVEL, SOL_TCP, true);
    view.setInt32(CMSGHDR.TYPE, TCP_INQ, true);
    view.setInt32(CMSGHDR.SIZE, Math.max(0, left), true);
    if (room.length < CMSGHDR.SIZE + INT_BYTES) {
      message.flags |= MSG_CTRUNC;
      return received;
    }
    message.controlLength = Math.min(room.length, control.length);
    room.set(control.subarray(0, message.controlLength));
    return received;
  }).outcome;
}

/** unix(7): a stream takes no destination. */
export function refuseName(socket: RingSocket): Outcome {
  const name: Name = emptyName();
  return new StepsCall(socket.ring, function* (): Steps {
    const connected = yield socket.peerName(name);
    return connected === 0 ? -Errno.EISCONN : -Errno.EOPNOTSUPP;
  }).outcome;
}

/** unix(7): a stream tells the name that its peer is bound to. */
export function withPeer(socket: RingSocket, outcome: Outcome, name: Name): Outcome {
  return new StepsCall(socket.ring, function* (): Steps {
    const received = yield outcome;
    if (received < 0) return received;
    const found = yield socket.peerName(name);
    if (found < 0 || name.length <= 2) name.length = 0;
    return received;
  }).outcome;
}
