/**
 * The classic io_uring event loop, an echo server: one multishot accept, fixed buffers, and
 * completions that are told apart by their user data.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/io_uring_server.ts 127.0.0.1:7000
 * ```
 *
 * Needs Linux and its io_uring. Ends with Ctrl-C.
 *
 * @module
 */

import { IoUring, NetworkCapability, type RingBuffer, TcpEndpoint } from "../mod.ts";

/** Connections served at once: each has one buffer. */
const CONNECTIONS = 1024;
const BUFFER_BYTES = 4096;

/** What an entry asked for; user data is the descriptor times 4 plus this. */
const ACCEPT = 0;
const READ = 1;
const WRITE = 2;
const CLOSE = 3;

/** `IORING_CQE_F_MORE`: the multishot operation goes on. */
const MORE = 2;

/** A connection: its buffer, and how much of what was read is written back. */
interface Connection {
  readonly fd: number;
  readonly buffer: RingBuffer;
  length: number;
  written: number;
}

async function serve(ring: IoUring, listener: number): Promise<never> {
  const pool = ring.registerBuffers(CONNECTIONS, BUFFER_BYTES);
  const connections = new Map<number, Connection>();

  const read = ({ fd, buffer }: Connection) => ring.submitRead(fd, buffer, {}, fd * 4 + READ);
  const write = ({ fd, buffer, length, written }: Connection) => {
    const rest = { bufferOffset: written, length: length - written };
    ring.submitWrite(fd, buffer, rest, fd * 4 + WRITE);
  };
  const close = (fd: number) => {
    connections.get(fd)?.buffer.release();
    connections.delete(fd);
    ring.submitClose(fd, fd * 4 + CLOSE);
  };
  const accepted = (fd: number) => {
    const buffer = pool.take();
    if (buffer === undefined) return close(fd);
    const connection = { fd, buffer, length: 0, written: 0 };
    connections.set(fd, connection);
    read(connection);
  };

  ring.submitMultishotAccept(listener, listener * 4 + ACCEPT);
  while (true) {
    // Submits what was prepared since, and waits: one system call for both while there is load.
    for (const { userData, result, flags } of await ring.waitCqes(1)) {
      const fd = Math.floor(userData / 4);
      const connection = connections.get(fd);
      switch (userData % 4) {
        case ACCEPT:
          if (result >= 0) accepted(result);
          if ((flags & MORE) === 0) ring.submitMultishotAccept(listener, userData);
          break;
        case READ:
          // 0 is the end of the stream; what is negative is an errno.
          if (result <= 0) {
            close(fd);
          } else if (connection !== undefined) {
            connection.length = result;
            connection.written = 0;
            write(connection);
          }
          break;
        case WRITE:
          if (result < 0) {
            close(fd);
          } else if (connection !== undefined) {
            connection.written += result;
            if (connection.written < connection.length) write(connection);
            else read(connection);
          }
          break;
      }
    }
  }
}

if (import.meta.main) {
  const rights = { tcp: true, listen: true, connect: true, ring: true };
  await using capability = await NetworkCapability.request({ backend: "kernel", rights });
  await using endpoint = await TcpEndpoint.create(Deno.args[0] ?? "127.0.0.1:0", capability);
  await using ring = await IoUring.create(256, { capability });
  const { hostname, port } = endpoint.addr;
  console.log(`echo on ${hostname}:${port} (io_uring, descriptor ${ring.fd})`);
  await serve(ring, endpoint.fd);
}
