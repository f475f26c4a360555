/**
 * A peer made of system calls: it can reset a connection in any state, leave what it is sent
 * unread, and do both at a moment that the test chooses.
 *
 * @module
 */

const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_LINGER = 13;
const SHUT_WR = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

let opened: ReturnType<typeof open> | undefined;

function open() {
  return Deno.dlopen("libc.so.6", {
    // int socket(int domain, int type, int protocol)
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    // int connect(int fd, const struct sockaddr *address, socklen_t length)
    connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    // ssize_t send(int fd, const void *bytes, size_t length, int flags)
    send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
    // ssize_t recv(int fd, void *bytes, size_t length, int flags)
    recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
    // int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
    setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
    // int shutdown(int fd, int how)
    shutdown: { parameters: ["i32", "i32"], result: "i32" },
    // int close(int fd)
    close: { parameters: ["i32"], result: "i32" },
  }).symbols;
}

function libc(): ReturnType<typeof open> {
  return opened ??= open();
}

/** One connection. */
export class RawPeer implements Disposable {
  #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Connects over loopback, which needs nobody to accept. */
  static connect(port: number, receiveBufferBytes?: number): RawPeer {
    const fd = libc().socket(AF_INET, SOCK_STREAM_CLOEXEC, 0);
    if (fd < 0) throw new Error("socket failed");
    const peer = new RawPeer(fd);
    if (receiveBufferBytes !== undefined) peer.#set(SO_RCVBUF, [receiveBufferBytes]);
    const address = new Uint8Array([AF_INET, 0, port >> 8, port & 0xff, 127, 0, 0, 1, ...ZERO]);
    if (libc().connect(fd, address, 16) === 0) return peer;
    peer.close();
    throw new Error("connect failed");
  }

  /** Sends what there is room for. @returns how many bytes, -1 for none */
  send(bytes: Uint8Array<ArrayBuffer>): number {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    return Number(libc().send(this.#fd, bytes, BigInt(bytes.length), flags));
  }

  /** Takes what has arrived. @returns how many bytes, 0 at the end, -1 for none */
  receive(into: Uint8Array<ArrayBuffer>): number {
    return Number(libc().recv(this.#fd, into, BigInt(into.length), MSG_DONTWAIT));
  }

  /** Ends its writing side. */
  shutdownWrite(): void {
    libc().shutdown(this.#fd, SHUT_WR);
  }

  /** Closes with a reset instead of an orderly end. */
  reset(): void {
    this.#set(SO_LINGER, [1, 0]);
    this.close();
  }

  /** Closes. */
  close(): void {
    if (this.#fd >= 0) libc().close(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #set(name: number, values: number[]): void {
    const value = new Uint8Array(new Int32Array(values).buffer);
    libc().setsockopt(this.#fd, SOL_SOCKET, name, value, value.length);
  }
}

const ZERO: readonly number[] = new Array(8).fill(0);

/** Whether raw peers can be made here. */
export const HAS_RAW_PEER: boolean = Deno.build.os === "linux";
