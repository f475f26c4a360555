/** The serving side of an echo, as a Worker. */
/// <reference lib="deno.worker" />
import { TcpEndpoint, type TcpStream } from "../../../mod.ts";
import { openStack, PORT, SERVER, type SideOptions } from "./sides.ts";

async function echo(stream: TcpStream): Promise<void> {
  try {
    for await (const lease of stream.receiveMany()) await stream.send(lease);
  } catch {
    // The other side has gone.
  }
}

self.onmessage = async ({ data }: MessageEvent<SideOptions>) => {
  const capability = await openStack(data.port, SERVER);
  const endpoint = await TcpEndpoint.create(`${SERVER}:${PORT}`, capability);
  self.postMessage("ready");
  for await (const stream of endpoint) void echo(stream);
};
