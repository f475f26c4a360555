/** The serving side of an echo, as a Worker. */
/// <reference lib="deno.worker" />
import { type PipeHandle, TcpEndpoint, type TcpStream } from "../../../mod.ts";
import { openStack, PORT, SERVER } from "./sides.ts";

async function echo(stream: TcpStream): Promise<void> {
  try {
    for await (const lease of stream.receiveMany()) await stream.send(lease);
  } catch {
    // The other side has gone.
  }
}

self.onmessage = async ({ data }: MessageEvent<PipeHandle>) => {
  const capability = await openStack(data, SERVER);
  const endpoint = await TcpEndpoint.create(`${SERVER}:${PORT}`, capability);
  self.postMessage("ready");
  for await (const stream of endpoint) void echo(stream);
};
