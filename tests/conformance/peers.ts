/**
 * Strangers with bad manners: peers that never answer, and that are other processes.
 *
 * @module
 */

import type { Context } from "./context.ts";

const AF_INET = 2;
const SOCK_STREAM_NONBLOCK = 1 | 0o4000;
const SOCKADDR_IN_BYTES = 16;
/** Connections that a listener with a backlog of 0 takes in, and some. */
const FILLING_CONNECTIONS = 4;

/**
 * A listener that is full: what connects to it waits for an answer for a long time. Linux drops a
 * SYN when the queue of connections that wait to be accepted is full, listen(2).
 *
 * @returns its address
 */
export function silentListener(t: Context): string {
  const libc = Deno.dlopen("libc.so.6", {
    // int socket(int domain, int type, int protocol)
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    // int bind(int fd, const struct sockaddr *addr, socklen_t length)
    bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    // int listen(int fd, int backlog)
    listen: { parameters: ["i32", "i32"], result: "i32" },
    // int connect(int fd, const struct sockaddr *addr, socklen_t length)
    connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    // int getsockname(int fd, struct sockaddr *addr, socklen_t *length)
    getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    // int close(int fd)
    close: { parameters: ["i32"], result: "i32" },
  }).symbols;
  const name = new Uint8Array(new ArrayBuffer(SOCKADDR_IN_BYTES));
  name.set([AF_INET, 0, 0, 0, 127, 0, 0, 1]);
  const length = new Uint8Array(new Uint32Array(new ArrayBuffer(4)).fill(SOCKADDR_IN_BYTES).buffer);
  const sockets: number[] = [];
  const socket = () => {
    const fd = libc.socket(AF_INET, SOCK_STREAM_NONBLOCK, 0);
    sockets.push(fd);
    return fd;
  };
  t.defer(() => sockets.forEach((fd) => libc.close(fd)));
  const listener = socket();
  const results = [
    libc.bind(listener, name, SOCKADDR_IN_BYTES),
    libc.listen(listener, 0),
    libc.getsockname(listener, name, length),
  ];
  if (results.some((result) => result !== 0)) throw new Error("no listener");
  for (let count = 0; count < FILLING_CONNECTIONS; count++) {
    libc.connect(socket(), name, SOCKADDR_IN_BYTES);
  }
  return `127.0.0.1:${name[2] * 256 + name[3]}`;
}

/** A program under `programs/` that runs in a process of its own and is killed at the end. */
export interface ProcessPeer {
  /** The next line that it prints; undefined when it has ended. */
  line(): Promise<string | undefined>;
  /** How it ended. */
  readonly status: Promise<Deno.CommandStatus>;
}

/** Starts a program of `programs/`. */
export function startProgram(t: Context, program: string, args: readonly string[]): ProcessPeer {
  const { pathname } = new URL(`./programs/${program}.ts`, import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "--no-check", "-A", pathname, ...args],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const end = async () => {
    await reader.cancel();
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await child.status;
  };
  t.defer(end);
  let text = "";
  const line = async () => {
    while (!text.includes("\n")) {
      const { value } = await reader.read();
      if (value === undefined) return undefined;
      text += value;
    }
    const [first] = text.split("\n", 1);
    text = text.slice(first.length + 1);
    return first;
  };
  return { line, status: child.status };
}
