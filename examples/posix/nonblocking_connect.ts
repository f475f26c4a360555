/**
 * Connects without blocking, to all addresses of a name at once, and takes whichever answers first:
 * `connect` says EINPROGRESS, `poll` waits for `POLLOUT`, and `SO_ERROR` tells how it went.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/posix/nonblocking_connect.ts localhost 7777
 * ```
 *
 * Arguments: a name or an address, a port or the name of a service, and the milliseconds to try,
 * 3000 unless given. Without `--allow-ffi` it runs on plain Deno, whose calls a Worker makes:
 * that takes `--allow-read`.
 *
 * @module
 */

import { NetworkCapability } from "../../mod.ts";
import {
  type AddrInfo,
  formatSockaddr,
  type Pollfd,
  Posix,
  PosixError,
  type Sockaddr,
} from "../../posix/mod.ts";

/** A connection under way. */
interface Attempt {
  readonly fd: number;
  readonly address: Sockaddr;
}

/** Begins to connect. @returns the attempt; null when it failed at once */
function begin(posix: Posix, { family, socktype, protocol, addr }: AddrInfo): Attempt | null {
  let fd = -1;
  try {
    const type = socktype | posix.SOCK_NONBLOCK | posix.SOCK_CLOEXEC;
    fd = posix.socket(family, type, protocol);
    posix.connect(fd, addr);
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    if (error.code !== "EINPROGRESS") {
      console.log(`${formatSockaddr(addr)}: ${error.message}`);
      if (fd >= 0) posix.close(fd);
      return null;
    }
  }
  return { fd, address: addr };
}

/**
 * Connects to the first of some addresses that answers. The other attempts are closed.
 *
 * @returns its descriptor, with `O_NONBLOCK`; null when none of them answered in time
 */
export function connectToAny(
  posix: Posix,
  addresses: readonly AddrInfo[],
  timeoutMs: number,
): Attempt | null {
  const until = performance.now() + timeoutMs;
  let attempts = addresses.map((address) => begin(posix, address)).filter((each) => each !== null);
  let winner: Attempt | null = null;
  while (winner === null && attempts.length > 0) {
    const fds: Pollfd[] = attempts.map(({ fd }) => ({ fd, events: posix.POLLOUT, revents: 0 }));
    const waitMs = Math.ceil(until - performance.now());
    if (waitMs <= 0 || posix.poll(fds, waitMs) === 0) break;
    const waiting: Attempt[] = [];
    for (const [index, attempt] of attempts.entries()) {
      if (winner !== null || fds[index].revents === 0) waiting.push(attempt);
      else if (isConnected(posix, attempt)) winner = attempt;
    }
    attempts = waiting;
  }
  for (const { fd } of attempts) posix.close(fd);
  return winner;
}

/** Whether an attempt that is over went well; one that did not is closed. */
function isConnected(posix: Posix, { fd, address }: Attempt): boolean {
  // Ready to write means that it is over, not that it went well.
  const errno = posix.getsockopt(fd, posix.SOL_SOCKET, posix.SO_ERROR);
  if (errno === 0) return true;
  console.log(`${formatSockaddr(address)}: ${posix.strerror(errno)}`);
  posix.close(fd);
  return false;
}

if (import.meta.main) {
  const [node, service, timeout = "3000"] = Deno.args;
  if (service === undefined || !/^\d+$/.test(timeout)) {
    console.error("usage: nonblocking_connect.ts name service [milliseconds]");
    Deno.exit(2);
  }
  await using capability = await NetworkCapability.request();
  await using posix = Posix.open(capability);
  const began = performance.now();
  const hints = { socktype: posix.SOCK_STREAM, flags: posix.AI_ADDRCONFIG };
  const addresses = posix.getaddrinfo(node, service, hints);
  const connection = connectToAny(posix, addresses, Number(timeout));
  const elapsedMs = (performance.now() - began).toFixed(1);
  if (connection === null) {
    console.error(`nobody answered in ${elapsedMs} ms`);
    Deno.exitCode = 1;
  } else {
    console.log(`connected to ${formatSockaddr(connection.address)} in ${elapsedMs} ms`);
    posix.close(connection.fd);
  }
}
