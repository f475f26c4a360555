/**
 * A Worker with a stack of its own on somebody else's simulation: it answers one connection.
 *
 * @module
 */

import { NetworkCapability, type StackOptions, TcpEndpoint } from "../../../mod.ts";

const worker = self as unknown as {
  onmessage: ((event: MessageEvent<StackOptions | "end">) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
};

/** Resolves when the parent has heard everything: what was sent may have to be sent again. */
const ended = Promise.withResolvers<void>();

async function serve(stack: StackOptions): Promise<void> {
  {
    await using capability = await NetworkCapability.request({
      backend: "stack",
      worker: false,
      stack,
    });
    await using endpoint = await TcpEndpoint.create("0.0.0.0:7", capability);
    worker.postMessage("ready");
    await using stream = await endpoint.accept();
    for await (const lease of stream.receiveMany()) await stream.send(lease);
    await stream.closeWrite();
    await ended.promise;
  }
  worker.postMessage("done");
  worker.close();
}

worker.onmessage = ({ data }) => {
  if (data === "end") ended.resolve();
  else void serve(data);
};
