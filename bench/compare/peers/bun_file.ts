/**
 * A file to every connection of `Bun.listen`: the stream of `Bun.file`, written chunk by chunk.
 * That measured faster than `node:fs` piped to a socket and than the whole file at once.
 *
 * `bun bun_file.ts --file PATH [--port 0] [--lifetime 600]`
 */
import process from "node:process";

/** The part of a Bun socket that is used here. */
interface BunSocket {
  data: { resume: (() => void) | null };
  write(bytes: Uint8Array): number;
  end(): void;
}

/** The part of Bun that is used here, so that this file type-checks beside the others. */
interface BunRuntime {
  readonly argv: readonly string[];
  file(path: string): { stream(): AsyncIterable<Uint8Array> };
  listen(options: {
    hostname: string;
    port: number;
    socket: {
      open(socket: BunSocket): void;
      data(): void;
      drain(socket: BunSocket): void;
      close(socket: BunSocket): void;
      error(): void;
    };
  }): { readonly port: number };
}

const bun = (globalThis as unknown as { Bun: BunRuntime }).Bun;

function argument(name: string, otherwise: string): string {
  const position = bun.argv.indexOf(`--${name}`);
  return position >= 0 ? bun.argv[position + 1] ?? otherwise : otherwise;
}

function resume(socket: BunSocket): void {
  socket.data.resume?.();
  socket.data.resume = null;
}

async function serve(socket: BunSocket): Promise<void> {
  for await (const chunk of bun.file(argument("file", "")).stream()) {
    for (let at = 0; at < chunk.length;) {
      const written = socket.write(at === 0 ? chunk : chunk.subarray(at));
      if (written < 0) return;
      at += written;
      if (at < chunk.length) await new Promise<void>((then) => socket.data.resume = then);
    }
  }
  socket.end();
}

setTimeout(() => process.exit(3), Number(argument("lifetime", "600")) * 1000);

const listener = bun.listen({
  hostname: "127.0.0.1",
  port: Number(argument("port", "0")),
  socket: {
    open(socket: BunSocket): void {
      socket.data = { resume: null };
      void serve(socket);
    },
    data(): void {},
    drain: resume,
    close: resume,
    error(): void {},
  },
});
console.log(`listening ${listener.port}`);
