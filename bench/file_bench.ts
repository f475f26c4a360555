/**
 * A file to a TCP connection and what the other end does with it, both in this process:
 * `sendFile` beside `pipeTo`. `bench/compare/` measures the sending side alone.
 *
 * @module
 */

import { BACKENDS, open, printMachine } from "./support.ts";
import type { NetworkCapability } from "../mod.ts";

printMachine();

const SIZES = [64 * 1024, 16 * 1024 * 1024];

/** Where the files of this bench are; gone when it ends. */
const FOLDER = Deno.makeTempDirSync({ prefix: "millrace-bench-" });
addEventListener("unload", () => Deno.removeSync(FOLDER, { recursive: true }));

/** Sends a file over a connection and waits until all of it was read at the other end. */
type Transfer = (path: string, bytes: number) => Promise<void>;

async function connect(capability: NetworkCapability): Promise<Transfer> {
  await using endpoint = await capability.listen("127.0.0.1:0");
  const [near, far] = await Promise.all([
    capability.connect(endpoint.addr),
    endpoint.accept(),
  ]);
  const leases = far.receiveMany();
  return async (path, bytes) => {
    const sending = near.sendFile(path);
    for (let left = bytes; left > 0;) left -= (await leases.next()).value!.length;
    await sending;
  };
}

async function connectPlain(): Promise<Transfer> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [near, far] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  listener.close();
  const buffer = new Uint8Array(256 * 1024);
  return async (path, bytes) => {
    const file = await Deno.open(path);
    const sending = file.readable.pipeTo(near.writable, { preventClose: true });
    for (let left = bytes; left > 0;) left -= (await far.read(buffer))!;
    await sending;
  };
}

const transfers: [name: string, transfer: Transfer][] = [["Deno pipeTo", await connectPlain()]];
for (const backend of BACKENDS) {
  const capability = await open(backend, { files: [`file://${FOLDER}/**`] });
  transfers.push([backend, await connect(capability)]);
}

for (const bytes of SIZES) {
  const path = `${FOLDER}/${bytes}`;
  Deno.writeFileSync(path, new Uint8Array(bytes).fill(7));
  for (const [name, transfer] of transfers) {
    Deno.bench({
      name: `${bytes / 1024} KiB (${name})`,
      group: `file of ${bytes / 1024} KiB`,
      baseline: name === "Deno pipeTo",
      async fn() {
        await transfer(path, bytes);
      },
    });
  }
}
