/** The receiving side of a bulk transfer, as a Worker: posts the bytes that came in counted seconds. */
/// <reference lib="deno.worker" />
import { type PipeHandle, TcpEndpoint } from "../../../mod.ts";
import { openStack, PORT, SERVER, WARM_UP_MS } from "./sides.ts";

/** What it is started with. */
interface BulkStart {
  readonly port: PipeHandle;
  readonly seconds: number;
}

const LOOK_BYTES = 16 << 20;

self.onmessage = async ({ data }: MessageEvent<BulkStart>) => {
  await using capability = await openStack(data.port, SERVER, {
    buffers: { count: 256, bytes: 65536 },
  });
  await using endpoint = await TcpEndpoint.create(`${SERVER}:${PORT}`, capability);
  self.postMessage("ready");
  await using stream = await endpoint.accept();
  let [start, bytes, look, total] = [performance.now() + WARM_UP_MS, 0, 0, 0];
  let isCounting = false;
  for await (const lease of stream.receiveMany()) {
    total += lease.length;
    if (total < look) continue;
    look = total + (isCounting ? LOOK_BYTES : LOOK_BYTES / 16);
    const now = performance.now();
    if (!isCounting && now >= start) [isCounting, start, bytes] = [true, now, total];
    else if (isCounting && now - start >= data.seconds * 1000) {
      self.postMessage({ bytes: total - bytes, milliseconds: now - start });
      break;
    }
  }
};
