/**
 * Echo on `Bun.listen` with socket handlers.
 *
 * `bun bun_server.ts [--port 0] [--lifetime 600]`
 */

import process from "node:process";

/** The part of a Bun socket that is used here. */
interface BunSocket {
  data: { pending: Uint8Array[] };
  setNoDelay(on: boolean): void;
  write(bytes: Uint8Array): number;
}

/** The part of Bun that is used here, so that this file type-checks beside the others. */
interface BunRuntime {
  readonly argv: readonly string[];
  listen(options: {
    hostname: string;
    port: number;
    socket: {
      open(socket: BunSocket): void;
      data(socket: BunSocket, bytes: Uint8Array): void;
      drain(socket: BunSocket): void;
      error(): void;
    };
  }): { readonly port: number };
}

const bun = (globalThis as unknown as { Bun: BunRuntime }).Bun;

function argument(name: string, otherwise: string): string {
  const position = bun.argv.indexOf(`--${name}`);
  return position >= 0 ? bun.argv[position + 1] ?? otherwise : otherwise;
}

/** What the socket does not take at once is copied: Bun uses the memory of `bytes` again. */
function write(socket: BunSocket, bytes: Uint8Array): void {
  const { pending } = socket.data;
  const written = pending.length > 0 ? 0 : Math.max(0, socket.write(bytes));
  if (written < bytes.length) pending.push(bytes.slice(written));
}

function drain(socket: BunSocket): void {
  const { pending } = socket.data;
  while (pending.length > 0) {
    const written = Math.max(0, socket.write(pending[0]));
    if (written < pending[0].length) {
      pending[0] = pending[0].subarray(written);
      return;
    }
    pending.shift();
  }
}

setTimeout(() => process.exit(3), Number(argument("lifetime", "600")) * 1000);

const listener = bun.listen({
  hostname: "127.0.0.1",
  port: Number(argument("port", "0")),
  socket: {
    open(socket: BunSocket): void {
      socket.data = { pending: [] };
      socket.setNoDelay(true);
    },
    data: write,
    drain,
    error(): void {},
  },
});
console.log(`listening ${listener.port}`);
