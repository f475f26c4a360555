/**
 * Taking over the endpoints of another process: the other side of `handover.ts`.
 *
 * @module
 */

import type { AdoptListenOptions } from "./adopt.ts";
import type { NetworkCapability } from "../capability.ts";
import { netError } from "../errors.ts";
import { Budget, encodeLine, type HandoverOffer, readLine, readOffer } from "./handover.ts";
import { ACCEPT_KEYS, planAccept } from "../listener/listen_options.ts";
import { checkTimeout, type OpOptions } from "../operation.ts";
import { checkKeys } from "../options/options.ts";
import { TcpEndpoint } from "../tcp/tcp_endpoint.ts";
import type { OwnedFd } from "../unix/unix_descriptors.ts";
import { UnixEndpoint } from "../unix/unix_endpoint.ts";
import type { ReceivedFds, UnixStream } from "../unix/unix_stream.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** What {@linkcode receiveHandover} takes: how to accept, and options of the operation. */
export interface HandoverOptions extends AdoptListenOptions, OpOptions {}

const KEYS: readonly string[] = [...ACCEPT_KEYS, "signal", "timeoutMs"];
const OPERATION = "receiveHandover";

/**
 * Takes over the endpoints that another process hands over with `handOver()`. All of them or none:
 * when one cannot be taken, the other process is told why, and goes on accepting.
 *
 * What is accepted before it returns waits in the backlog: nothing is refused, however long it
 * takes until the first `accept()`.
 *
 * @param stream from the process that has them; nothing but this must use it meanwhile
 * @param capability must hold `adopt`, `tcp` or `unix`, and `listen` for each address
 * @param options how the endpoints accept, as for `listen`; `signal`, and `timeoutMs` in
 * milliseconds
 * @returns the endpoints in the order in which they were handed over
 * @throws {NetError} ECONNABORTED when the other side handed nothing over; EINVAL and others when a
 * descriptor is no such socket; EMFILE; ENOTSUP on `host`
 * @throws {Deno.errors.NotCapable} when the capability does not allow one of them
 *
 * @example
 * ```ts
 * import { NetworkCapability, receiveHandover, UnixStream } from "../../mod.ts";
 * const rights = { tcp: true, unix: true, listen: true, connect: true, adopt: true };
 * await using capability = await NetworkCapability.request({ rights });
 * const gone = await UnixStream.connect("unix:/nowhere", capability).catch(({ code }) => code);
 * if (gone === "ENOENT" || gone === "EACCES") console.log("nobody to take over from");
 * else console.log((await receiveHandover(gone, capability)).length);
 * ```
 */
export async function receiveHandover(
  stream: UnixStream,
  capability: NetworkCapability,
  options: HandoverOptions = {},
): Promise<(TcpEndpoint | UnixEndpoint)[]> {
  checkKeys(OPERATION, options, KEYS);
  checkTimeout(OPERATION, options.timeoutMs);
  const { signal, timeoutMs, ...accepting } = options;
  planAccept(accepting);
  const budget = new Budget(stream, OPERATION, { signal, timeoutMs });
  using received = await stream.receiveFds(budget.left());
  const offer = await readWhole(stream, received, budget);
  const fds = received?.fds ?? [];
  if (offer === null || offer.endpoints.length !== fds.length) {
    const detail = "the other side handed no endpoints over";
    const { localName: local, remoteName: remote } = stream;
    throw netError(Errno.ECONNABORTED, { operation: OPERATION, local, remote, detail });
  }
  const taken: (TcpEndpoint | UnixEndpoint)[] = [];
  try {
    for (let index = 0; index < fds.length; index++) {
      taken.push(await adopt(offer, index, fds[index], capability, accepting));
    }
    await stream.send(encodeLine({ millrace: "handover", taken: true }), budget.left());
  } catch (error) {
    await Promise.all(taken.map((endpoint) => endpoint[Symbol.asyncDispose]()));
    const reason = error instanceof Error ? error.message : String(error);
    // Whoever is not there to be told goes on accepting, or is gone.
    await stream.send(encodeLine({ millrace: "handover", taken: false, reason }), budget.left())
      .catch(() => {});
    throw error;
  }
  return taken;
}

async function readWhole(
  stream: UnixStream,
  received: ReceivedFds | null,
  budget: Budget,
): Promise<HandoverOffer | null> {
  if (received === null) return null;
  return readOffer(await readLine(stream, received.lease.bytes, budget));
}

function adopt(
  { endpoints }: HandoverOffer,
  index: number,
  fd: OwnedFd,
  capability: NetworkCapability,
  options: AdoptListenOptions,
): Promise<TcpEndpoint | UnixEndpoint> {
  return endpoints[index].kind === "tcp"
    ? TcpEndpoint.adopt(fd, capability, options)
    : UnixEndpoint.adopt(fd, capability, options);
}
