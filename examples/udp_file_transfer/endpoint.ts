/**
 * UDP endpoints with room for a burst.
 *
 * @module
 */

import { type NetworkCapability, UdpEndpoint } from "../../mod.ts";

/** Linux gives at most `net.core.rmem_max`; what does not fit is lost and sent again. */
const BUFFER_BYTES = 4 * 1024 * 1024;

/** Binds an endpoint whose queue in the system is as large as the system allows. */
export async function bindWithRoom(
  address: string,
  capability: NetworkCapability,
): Promise<UdpEndpoint> {
  const endpoint = await UdpEndpoint.bind(address, capability);
  try {
    await endpoint.setOption("receiveBufferBytes", BUFFER_BYTES);
  } catch (error) {
    // Plain Deno sets no buffer sizes.
    if (!(error instanceof Deno.errors.NotSupported)) {
      await endpoint.close();
      throw error;
    }
  }
  return endpoint;
}
