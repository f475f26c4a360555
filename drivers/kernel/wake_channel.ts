/**
 * How an isolate that owns a kernel ring sleeps at no cost and wakes on the first completion.
 *
 * Deno's event loop polls its own sockets only, so it is given one to watch: X, a Deno connection
 * whose other end Y is a plain descriptor of ours. Before sleeping, a second small ring gets
 * `READ(eventfd) -> SEND(Y)`; the main ring signals the eventfd, Y sends a byte, X's read resolves.
 *
 * ```text
 *  main ring --signals--> eventfd --READ, linked--> SEND(Y) ~~~> X.read() resolves
 * ```
 *
 * X's `ref()` and `unref()` are then exactly whether the process stays alive.
 *
 * @module
 */

import type { Descriptors } from "./descriptors.ts";
import { lastErrno, type Libc, orErrno, SYS_IO_URING_ENTER } from "./libc.ts";
import { Registrar } from "./registrar.ts";
import { locate, PLAIN_ATTEMPTS, startRing } from "./setup.ts";
import type { Sleeper, SleeperOptions } from "./sleeper.ts";
import { WAKE_PLAN } from "../options.ts";
import { CompletionQueue, type CompletionSink } from "../../ring/completion.ts";
import { RingMemory } from "../../ring/memory.ts";
import { SubmissionQueue } from "../../ring/submission.ts";
import { W_ADDRESS, W_FD, W_LENGTH, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { setLong } from "../../ring/abi/long.ts";
import { EnterFlag, Msg, Op, SockOpt, SqeFlag } from "../../ring/abi/opcodes.ts";

const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const SOCKADDR_IN_BYTES = 16;
const EVENT_BYTES = 8;
const IGNORE: CompletionSink = { complete(): void {} };
interface Channel {
  readonly x: Deno.TcpConn;
  readonly y: number;
}

/** Connects X to Y over loopback, and proves that the peer is ourselves. */
async function openChannel(descriptors: Descriptors): Promise<Channel> {
  const { libc } = descriptors;
  const listener = descriptors.keep(libc.socket(AF_INET, SOCK_STREAM_CLOEXEC, 0));
  if (listener < 0) throw new Error(`the wake channel's socket: errno ${lastErrno()}`);
  try {
    const address = new Uint8Array(new ArrayBuffer(SOCKADDR_IN_BYTES));
    address.set([AF_INET, 0, 0, 0, 127, 0, 0, 1]);
    const length = new Uint32Array(new ArrayBuffer(4)).fill(SOCKADDR_IN_BYTES);
    if (libc.bind(listener, address, SOCKADDR_IN_BYTES) < 0 || libc.listen(listener, 8) < 0) {
      throw new Error(`the wake channel's listener: errno ${lastErrno()}`);
    }
    libc.getsockname(listener, address, new Uint8Array(length.buffer));
    const port = (address[2] << 8) | address[3];
    const x = await Deno.connect({ hostname: "127.0.0.1", port });
    try {
      return { x, y: acceptOwn(descriptors, listener, x) };
    } catch (error) {
      x.close();
      throw error;
    }
  } finally {
    descriptors.close(listener);
  }
}

/** Accepts until the peer is X: another local process may have knocked first. */
function acceptOwn(descriptors: Descriptors, listener: number, x: Deno.TcpConn): number {
  const { libc } = descriptors;
  const wanted = (x.localAddr as Deno.NetAddr).port;
  for (let attempt = 0; attempt < 8; attempt++) {
    const address = new Uint8Array(new ArrayBuffer(SOCKADDR_IN_BYTES));
    const length = new Uint8Array(new ArrayBuffer(4));
    length[0] = SOCKADDR_IN_BYTES;
    const y = descriptors.keep(libc.accept4(listener, address, length, 0o2000000));
    if (y < 0) throw new Error(`the wake channel's accept: errno ${lastErrno()}`);
    if (((address[2] << 8) | address[3]) === wanted) {
      x.setNoDelay(true);
      const on = new Uint8Array(new ArrayBuffer(4));
      on[0] = 1;
      libc.setsockopt(y, SockOpt.IPPROTO_TCP, SockOpt.TCP_NODELAY, on, 4);
      return y;
    }
    descriptors.close(y);
  }
  throw new Error("the wake channel's listener was taken by somebody else");
}

/** Opens the channel. @throws {Error} when loopback cannot be had */
export async function openWakeChannel(options: SleeperOptions, eventFd: number): Promise<Sleeper> {
  const channel = await openChannel(options.descriptors);
  try {
    return new WakeChannel(options, channel, eventFd);
  } catch (error) {
    channel.x.close();
    options.descriptors.close(channel.y);
    throw error;
  }
}

/** A Deno connection as doorbell. */
class WakeChannel implements Sleeper {
  readonly eventFd: number;
  readonly why = "";
  readonly #descriptors: Descriptors;
  readonly #libc: Libc;
  readonly #channel: Channel;
  readonly #woken: () => void;
  readonly #memory: RingMemory;
  readonly #registrar: Registrar;
  readonly #ring: { readonly fd: number; unmap(): void };
  readonly #submissions: SubmissionQueue;
  readonly #completions: CompletionQueue;
  readonly #inbox = new Uint8Array(64);
  readonly #byte = new Uint8Array(new ArrayBuffer(1));
  #armed = false;
  #alive = true;
  #closed = false;

  constructor(options: SleeperOptions, channel: Channel, eventFd: number) {
    const { descriptors, woken, wakeMemory } = options;
    const { libc } = descriptors;
    this.#descriptors = descriptors;
    this.#libc = libc;
    this.#channel = channel;
    this.#woken = woken;
    this.eventFd = eventFd;
    this.#memory = wakeMemory === null
      ? RingMemory.create(WAKE_PLAN, locate)
      : RingMemory.adopt(wakeMemory, WAKE_PLAN, locate);
    // Ordinary task work: it must run, and send the byte, while this thread sits in epoll_wait.
    const ring = startRing(libc, this.#memory, PLAIN_ATTEMPTS, {});
    if (typeof ring === "number") throw new Error(`the wake channel's ring: errno ${-ring}`);
    descriptors.table?.noteRing(ring.fd);
    this.#registrar = new Registrar(descriptors, ring.fd, this.#memory, true);
    if (descriptors.table !== null) this.#registrar.guard();
    this.#ring = ring;
    this.#submissions = new SubmissionQueue(ring.geometry);
    this.#completions = new CompletionQueue(ring.geometry);
    this.keepAlive(false);
    this.#listen();
  }

  arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    const base = this.#memory.base + this.#memory.at.arena;
    const queue = this.#submissions;
    const quietly = (SqeFlag.IO_LINK | SqeFlag.CQE_SKIP_SUCCESS) << 8;
    this.#fill(queue.acquire(), Op.READ | quietly, this.eventFd, base, EVENT_BYTES);
    const send = queue.acquire();
    this.#fill(send, Op.SEND, this.#channel.y, base + EVENT_BYTES, 1);
    queue.entries[send + W_OPERATION_FLAGS] = Msg.NOSIGNAL;
    this.#enter(queue.publish());
  }

  keepAlive(alive: boolean): void {
    if (alive === this.#alive) return;
    this.#alive = alive;
    if (alive) this.#channel.x.ref();
    else this.#channel.x.unref();
  }

  breathe(): void {
    this.#libc.write(this.#channel.y, this.#byte, 1n);
  }

  close(): void {
    this.#closed = true;
    this.#channel.x.close();
    this.#descriptors.close(this.#ring.fd);
    this.#registrar.close();
    this.#ring.unmap();
    this.#descriptors.close(this.#channel.y);
    this.#descriptors.close(this.eventFd);
  }

  #fill(at: number, head: number, fd: number, address: number, length: number): void {
    const words = this.#submissions.entries;
    words[at] = head;
    words[at + W_FD] = fd;
    setLong(words, at + W_ADDRESS, address);
    words[at + W_LENGTH] = length;
  }

  #enter(pending: number): void {
    orErrno(
      this.#libc.enter(
        SYS_IO_URING_ENTER,
        this.#ring.fd,
        pending,
        0,
        EnterFlag.GETEVENTS,
        null,
      ),
    );
  }

  #listen(): void {
    this.#channel.x.read(this.#inbox).then(this.#onByte, this.#onEnd);
  }

  readonly #onByte = (count: number | null): void => {
    if (this.#closed || count === null) return;
    // A byte is a doorbell whoever rang it; whether READ and SEND are done is in their ring.
    if (this.#completions.drain(IGNORE, 8) > 0) this.#armed = false;
    this.#listen();
    this.#woken();
  };

  readonly #onEnd = (): void => {};
}
