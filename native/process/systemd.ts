/**
 * Sockets that a service manager opened before it started this process: `sd_listen_fds(3)`, without
 * its library.
 *
 * @module
 */

import {
  type Expected,
  inspectSocket,
  Role,
  type SocketFacts,
  TCP_LISTENER,
  UDP_SOCKET,
  UNIX_DATAGRAM_SOCKET,
  UNIX_LISTENER,
} from "./adopt.ts";
import type { NetworkCapability } from "../capability.ts";
import { UnixDatagramEndpoint } from "../datagram/datagram_unix.ts";
import { UdpEndpoint } from "../datagram/udp.ts";
import { isForThisProcess, readNumber, readVariable } from "./environment.ts";
import { netError } from "../errors.ts";
import { checkKeys } from "../options/options.ts";
import { TcpEndpoint } from "../tcp/tcp_endpoint.ts";
import { requireDescriptors } from "../unix/unix_descriptors.ts";
import { UnixEndpoint } from "../unix/unix_endpoint.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** `SD_LISTEN_FDS_START`. */
const FIRST_FD = 3;
const FDS_MAX = 1024;
/** What `sd_listen_fds_with_names(3)` calls a socket without a name. */
const UNNAMED = "unknown";
const VARIABLES: readonly string[] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/** An endpoint over a socket that the service manager opened. */
export type SystemdEndpoint = TcpEndpoint | UnixEndpoint | UdpEndpoint | UnixDatagramEndpoint;

/** What {@linkcode systemdListeners} takes. */
export interface SystemdOptions {
  /** Remove the variables, so that no child takes the sockets for its own; true. */
  readonly unset?: boolean;
}

type Adopter = (fd: number, capability: NetworkCapability) => Promise<SystemdEndpoint>;

const ADOPTERS: readonly (readonly [Expected, Adopter])[] = [
  [TCP_LISTENER, (fd, capability) => TcpEndpoint.adopt(fd, capability)],
  [UNIX_LISTENER, (fd, capability) => UnixEndpoint.adopt(fd, capability)],
  [UDP_SOCKET, (fd, capability) => UdpEndpoint.adopt(fd, capability)],
  [UNIX_DATAGRAM_SOCKET, (fd, capability) => UnixDatagramEndpoint.adopt(fd, capability)],
];

/**
 * Takes over the sockets that systemd opened for this service (`.socket` units).
 *
 * All of them or none: what each one is gets looked at before the first is taken over.
 *
 * Permissions: `--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES`; nothing prompts.
 *
 * @param capability must hold `adopt`, and `listen` for each address
 * @returns endpoints by name (`FileDescriptorName=`, else that of the unit), in the order of the
 * descriptors; the second one of a name has `:2` behind it, and so on. Empty when there are none,
 * or when they are for another process
 * @throws {NetError} EACCES without the permission, EINVAL for variables that are malformed and for
 * a descriptor that is no such socket, naming it; EBADF, ENOTSOCK, ENOTSUP on `host`
 * @throws {Deno.errors.NotCapable} when the capability does not allow one of them
 *
 * @example
 * ```ts
 * import { NetworkCapability, systemdListeners } from "../../mod.ts";
 * const rights = { tcp: true, unix: true, listen: true, adopt: true };
 * await using capability = await NetworkCapability.request({ rights });
 * const listeners = await systemdListeners(capability);
 * console.log(listeners.size); // 0 outside of a service
 * ```
 */
export async function systemdListeners(
  capability: NetworkCapability,
  options: SystemdOptions = {},
): Promise<Map<string, SystemdEndpoint>> {
  checkKeys("systemdListeners", options, ["unset"]);
  const { unset = true } = options;
  if (typeof unset !== "boolean") {
    throw new TypeError(`systemdListeners: unset must be a boolean, not ${String(unset)}`);
  }
  const names = readNames();
  const endpoints = names.length === 0 ? new Map() : await adoptAll(capability, names);
  if (unset) VARIABLES.forEach((name) => Deno.env.delete(name));
  return endpoints;
}

/** The names of the sockets that were passed, from descriptor 3 on. */
function readNames(): string[] {
  const isForUs = readVariable("LISTEN_PID", "systemdListeners") !== undefined &&
    isForThisProcess("LISTEN_PID", "systemdListeners");
  const count = readNumber("LISTEN_FDS", "systemdListeners") ?? 0;
  const text = readVariable("LISTEN_FDNAMES", "systemdListeners");
  if (!isForUs || count === 0) return [];
  if (count > FDS_MAX) throw malformed(`LISTEN_FDS is ${count}; the most is ${FDS_MAX}`);
  if (text === undefined) return uniqueNames(new Array(count).fill(UNNAMED));
  const given = text.split(":");
  if (given.length !== count) {
    throw malformed(`LISTEN_FDS is ${count}, and LISTEN_FDNAMES has ${given.length} names`);
  }
  return uniqueNames(given.map((name) => name === "" ? UNNAMED : name));
}

/** A name has no colon, so that a number behind one is no other's name. */
function uniqueNames(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return names.map((name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count === 1 ? name : `${name}:${count}`;
  });
}

async function adoptAll(
  capability: NetworkCapability,
  names: readonly string[],
): Promise<Map<string, SystemdEndpoint>> {
  const { authorization } = capability;
  requireDescriptors(authorization.network, "adopting descriptors", "systemdListeners");
  authorization.requireRight("adopt", "systemdListeners");
  const adopters: Adopter[] = [];
  for (let index = 0; index < names.length; index++) {
    adopters.push(adopterOf(await inspectSocket(authorization, FIRST_FD + index), names[index]));
  }
  const endpoints = new Map<string, SystemdEndpoint>();
  try {
    for (let index = 0; index < names.length; index++) {
      endpoints.set(names[index], await adopters[index](FIRST_FD + index, capability));
    }
    return endpoints;
  } catch (error) {
    await Promise.all([...endpoints.values()].map((endpoint) => endpoint[Symbol.asyncDispose]()));
    throw error;
  }
}

function adopterOf({ fd, transport, role, description }: SocketFacts, name: string): Adopter {
  for (const [expected, adopter] of ADOPTERS) {
    if (expected.transport === transport && expected.role === role) return adopter;
  }
  const hint = role === Role.CONNECTION ? "; adopt() of its stream's class takes it" : "";
  throw malformed(`descriptor ${fd}, "${name}", is ${description}, no endpoint's socket${hint}`);
}

function malformed(detail: string): Error {
  return netError(Errno.EINVAL, { operation: "systemdListeners", detail });
}
