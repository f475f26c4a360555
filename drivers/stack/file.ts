/**
 * What a descriptor of the stack backend stands for, whatever the kind of its socket.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { IoPrio, Msg, Op } from "../../ring/abi/opcodes.ts";
import { Ready, type SocketOwner, type StackSocket } from "../../stack/socket.ts";
import { type Operation, type OperationOwner, OperationQueue } from "../machine/operation.ts";
import { type Pollable, Polls } from "../machine/polls.ts";
import type { StackMachine } from "./machine.ts";

/** `POLLRDNORM`, `POLLWRNORM`. */
const READ_NORMAL = 0x40;
const WRITE_NORMAL = 0x100;

/** What ends every wait to receive, and every wait to send. */
const RECEIVABLE = Ready.IN | Ready.READ_HANGUP | Ready.ERROR | Ready.HANGUP | Ready.PRIORITY;
const SENDABLE = Ready.OUT | Ready.ERROR | Ready.HANGUP;

/** An open socket, and the operations that wait for it. */
export abstract class StackFile implements SocketOwner, OperationOwner, Pollable {
  readonly fd: number;
  /** `AF_INET` or `AF_INET6`. */
  readonly family: number;
  abstract readonly socket: StackSocket;
  protected readonly machine: StackMachine;
  /** Those that wait to receive, or to accept; null while nobody has. */
  protected receives: OperationQueue | null = null;
  /** Those that wait to send. */
  protected sends: OperationQueue | null = null;
  protected isClosed = false;
  /** Whether a call to the socket is under way: what it tells meanwhile waits for its end. */
  protected isCalling = false;
  #missed = 0;
  #polls: Polls | null = null;

  /** @param fd its descriptor */
  constructor(machine: StackMachine, fd: number, family: number) {
    this.machine = machine;
    this.fd = fd;
    this.family = family;
  }

  /** What is told beside `POLLOUT`. */
  protected get writeEvents(): number {
    return WRITE_NORMAL;
  }

  /** Everything that polls it. */
  get polls(): Polls {
    return this.#polls ??= new Polls(this.machine, this, null);
  }

  /** Begins SEND and its kin, whose bytes were not located yet. */
  abstract send(operation: Operation): void;
  /** Begins RECV and its kin. */
  abstract receive(operation: Operation): void;
  /** Gives a waiting receive what there is. @returns whether it has completed */
  protected abstract serveReceive(operation: Operation): boolean;
  /** Gives a waiting send the room that there is. @returns whether it has completed */
  protected abstract serveSend(operation: Operation): boolean;

  /** {@inheritDoc Pollable.events} */
  events(): number {
    const ready = this.socket.readiness();
    let events = ready;
    if ((ready & Ready.IN) !== 0) events |= READ_NORMAL;
    if ((ready & Ready.OUT) !== 0) events |= this.writeEvents;
    return events;
  }

  /** Sockets of the stack say by themselves what they are ready for. */
  wantReadable(): void {}

  /** {@inheritDoc SocketOwner.onReady} */
  onReady(ready: number): void {
    if (this.isClosed) return;
    if (this.isCalling) {
      this.#missed |= ready;
      return;
    }
    if ((ready & RECEIVABLE) !== 0) this.#pumpReceives();
    if ((ready & SENDABLE) !== 0) this.#pumpSends();
    this.#tellPolls(ready);
    this.#settle();
  }

  /** {@inheritDoc OperationOwner.cancel} */
  cancel(operation: Operation): number {
    const result = resultOf(operation, Errno.ECANCELED);
    this.forget(operation);
    this.machine.complete(operation, result, 0);
    return 0;
  }

  /** Completes everything that waits, and closes the socket. */
  close(): void {
    this.isClosed = true;
    this.endQueue(this.receives);
    this.endQueue(this.sends);
    this.#polls?.close();
    this.socket.owner = null;
    this.socket.close();
  }

  /** Takes an operation out of the queue that it waits in. */
  protected forget(operation: Operation): void {
    const isSend = isSending(operation);
    (isSend ? this.sends : this.receives)!.remove(operation);
  }

  /** Completes an operation, whether it waited or not. */
  protected finish(operation: Operation, result: number, flags: number): void {
    if (operation.owner === this) this.forget(operation);
    this.machine.complete(operation, result, flags);
  }

  /** Serves a receive, or has it wait its turn. */
  protected submitReceive(operation: Operation): void {
    const isFirst = this.receives === null || this.receives.head === null;
    if (!isFirst || !this.serveReceive(operation)) {
      if (isHasty(operation)) this.#tryReceive(operation, isFirst);
      else this.#await(operation, this.receives ??= new OperationQueue());
    }
    this.#settle();
  }

  /** Serves a send, or has it wait its turn: sends of one socket keep their order. */
  protected submitSend(operation: Operation): void {
    const isFirst = this.sends === null || this.sends.head === null;
    if (!isFirst || !this.serveSend(operation)) {
      if (isHasty(operation)) this.#trySend(operation, isFirst);
      else this.#await(operation, this.sends ??= new OperationQueue());
    }
    this.#settle();
  }

  /** What is on its way within the stack counts as here for who does not wait. */
  #tryReceive(operation: Operation, isFirst: boolean): void {
    this.machine.deliver();
    if (isFirst && !this.isClosed && this.serveReceive(operation)) return;
    this.finish(operation, resultOf(operation, Errno.EAGAIN), 0);
  }

  #trySend(operation: Operation, isFirst: boolean): void {
    this.machine.deliver();
    if (isFirst && !this.isClosed && this.serveSend(operation)) return;
    this.finish(operation, resultOf(operation, Errno.EAGAIN), 0);
  }

  #await(operation: Operation, queue: OperationQueue): void {
    queue.push(operation);
    this.machine.park(operation, this);
  }

  /** Serves those that wait to receive, oldest first. */
  #pumpReceives(): void {
    let operation = this.receives === null ? null : this.receives.head;
    while (operation !== null && this.serveReceive(operation)) operation = this.receives!.head;
  }

  /** Serves those that wait to send, oldest first. */
  #pumpSends(): void {
    let operation = this.sends === null ? null : this.sends.head;
    while (operation !== null && this.serveSend(operation)) operation = this.sends!.head;
  }

  /** Tells polls of what a call to the socket has changed, and goes on with what it told. */
  #settle(): void {
    const polls = this.#polls;
    // They must see what went away in order to see it come again.
    if (polls !== null && !polls.isEmpty && !this.isClosed) polls.check();
    if (this.#missed === 0) return;
    const missed = this.#missed;
    this.#missed = 0;
    this.onReady(missed);
  }

  #tellPolls(ready: number): void {
    const polls = this.#polls;
    if (polls === null || polls.isEmpty || this.isClosed) return;
    // Whoever wants to be told of all that comes is told, also when something was there before.
    if ((ready & (Ready.IN | Ready.PRIORITY)) !== 0) polls.onMore();
  }

  /** Completes all of a queue as cancelled. */
  protected endQueue(queue: OperationQueue | null): void {
    if (queue === null) return;
    for (let next = queue.head; next !== null; next = queue.head) this.cancel(next);
  }
}

function isSending({ opcode }: Operation): boolean {
  switch (opcode) {
    case Op.SEND:
    case Op.SENDMSG:
    case Op.WRITE:
    case Op.WRITEV:
    case Op.WRITE_FIXED:
      return true;
    default:
      return false;
  }
}

/** What an operation that ends early completes with: what it moved, or an error. */
export function resultOf({ done }: Operation, errno: number): number {
  return done > 0 ? done : -errno;
}

/** Whether an operation does not wait; its `operationFlags` are those of send(2) or recv(2). */
function isHasty({ operationFlags, opcode, ioprio }: Operation): boolean {
  if (opcode === Op.ACCEPT) return (ioprio & IoPrio.ACCEPT_DONTWAIT) !== 0;
  return (operationFlags & Msg.DONTWAIT) !== 0;
}
