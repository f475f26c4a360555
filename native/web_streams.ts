/**
 * A stream's bytes as Web Streams, and back.
 *
 * @module
 */

import type { TcpStream } from "./tcp_stream.ts";

/** Bytes of one chunk of a `readable`, at most. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Opens the `readable` of a stream: pulled, never pushed (high-water mark 0), so that looking at
 * it reads nothing, and `receive()` works again after `releaseLock()`.
 */
export function openReadable<A extends Deno.Addr>(
  stream: TcpStream<A>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      const chunk = await stream.readChunk(CHUNK_BYTES);
      if (chunk === null) controller.close();
      else controller.enqueue(chunk);
    },
    async cancel(): Promise<void> {
      await stream.shutdown("read").catch(() => {});
    },
  }, { highWaterMark: 0 });
}

/** Opens the `writable` of a stream. */
export function openWritable<A extends Deno.Addr>(
  stream: TcpStream<A>,
): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    async write(chunk): Promise<void> {
      await stream.send(chunk);
    },
    close(): Promise<void> {
      return stream.closeWrite();
    },
    async abort(): Promise<void> {
      await stream.close();
    },
  });
}
