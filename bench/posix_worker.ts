/**
 * The other thread of `posix_bench.ts`: echoes on one descriptor, and blocks in between.
 *
 * @module
 */

/// <reference lib="deno.worker" />
import { NetworkCapability } from "../mod.ts";
import { Posix, type TableHandle } from "../posix/mod.ts";

/** What it is started with. */
export interface PosixWorkerStart {
  readonly fd: number;
  /** The table that the descriptor is in; without one it is the kernel's own. */
  readonly table?: TableHandle;
}

self.onmessage = async ({ data }: MessageEvent<PosixWorkerStart>): Promise<void> => {
  const { fd, table } = data;
  const echo = table === undefined ? libcEcho(fd) : await posixEcho(fd, table);
  self.postMessage("ready");
  while (echo() > 0);
};

async function posixEcho(fd: number, table: TableHandle): Promise<() => number> {
  const capability = await NetworkCapability.request({ backend: "kernel" });
  const posix = Posix.open(capability, { table });
  const buffer = new Uint8Array(4096);
  return () => posix.send(fd, buffer, posix.recv(fd, buffer), 0);
}

function libcEcho(fd: number): () => number {
  const { symbols: libc } = Deno.dlopen("libc.so.6", {
    // ssize_t send(int fd, const void *buffer, size_t length, int flags)
    send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
    // ssize_t recv(int fd, void *buffer, size_t length, int flags)
    recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  });
  const buffer = new Uint8Array(new ArrayBuffer(4096));
  return () => libc.send(fd, buffer, libc.recv(fd, buffer, buffer.length, 0), 0);
}
