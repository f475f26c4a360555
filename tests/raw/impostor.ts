/**
 * Somebody who answers echo requests wrongly, where the system itself was told not to answer.
 *
 * @module
 */

import { internetChecksum } from "../../native/raw/icmp.ts";
import { readPacket } from "../../native/raw/ip_header.ts";
import { type NetworkCapability, RawEndpoint } from "../../mod.ts";

/** How it answers. */
export type Trick =
  /** With everything but the right reply. */
  | "foreign"
  /** Each request when the next one comes. */
  | "late"
  /** Three times. */
  | "thrice"
  /** Two at a time, the second one first. */
  | "swapped";

const ICMP = 1;
const ECHO = 8;

function reply(request: Uint8Array, change: (bytes: Uint8Array) => void = () => {}): Uint8Array {
  const bytes = request.slice();
  bytes[0] = 0;
  change(bytes);
  bytes.fill(0, 2, 4);
  const checksum = internetChecksum(bytes);
  bytes.set([checksum >>> 8, checksum & 0xff], 2);
  return bytes;
}

/** What must not be taken for the reply. */
function foreign(request: Uint8Array): Uint8Array[] {
  const wrong = reply(request);
  wrong[2] ^= 0xff;
  return [
    reply(request, (bytes) => bytes[4] ^= 1),
    reply(request, (bytes) => bytes[7] ^= 0x80),
    reply(request, (bytes) => bytes[8] ^= 1),
    reply(request, (bytes) => bytes[1] = 1),
    reply(request, (bytes) => bytes[0] = 13),
    reply(request.subarray(0, request.length - 1)),
    request.subarray(0, 6),
    wrong,
  ];
}

/** Begins to answer for a host. @returns Ends it. */
export async function impostor(
  capability: NetworkCapability,
  host: string,
  trick: Trick,
): Promise<AsyncDisposable> {
  const raw = await RawEndpoint.open(ICMP, capability, {
    localAddress: host,
    messageTypes: [ECHO],
  });
  let before: Uint8Array | null = null;
  const answersTo = (request: Uint8Array): Uint8Array[] => {
    const waiting = before;
    before = request;
    switch (trick) {
      case "foreign":
        return foreign(request);
      case "late":
        return waiting === null ? [] : [reply(waiting)];
      case "thrice":
        return [reply(request), reply(request), reply(request)];
      case "swapped":
        if (waiting === null) return [];
        before = null;
        return [reply(request), reply(waiting)];
    }
  };
  const answering = (async () => {
    for await (const batch of raw.receiveMany()) {
      for (const datagram of batch) {
        const to = datagram.remoteAddr.hostname;
        const request = readPacket(datagram.copy())!.payload;
        for (const answer of answersTo(request)) await raw.send(answer, to);
      }
    }
  })();
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      await raw.close();
      await answering;
    },
  };
}
