/**
 * Unix sockets for behaviours: paths of their own, connections, and capabilities that may adopt.
 *
 * @module
 */

import type { Context } from "./context.ts";
import type {
  NetworkCapability,
  NetworkRights,
  UnixEndpoint,
  UnixListenOptions,
  UnixStream,
} from "../../mod.ts";

/** The default rights, and `adopt`. */
export const UNIX_RIGHTS: NetworkRights = {
  tcp: true,
  unix: true,
  connect: true,
  listen: true,
  adopt: true,
};

/** An address as these tests write it. */
export type UnixText = `unix:${string}`;

/** Both ends of a connection. */
export interface UnixPair {
  readonly client: UnixStream;
  readonly server: UnixStream;
}

/** A path in a folder of its own, which is removed in the end. */
export async function unixPath(t: Context): Promise<string> {
  const folder = await Deno.makeTempDir();
  t.defer(() => Deno.remove(folder, { recursive: true }));
  return `${folder}/socket`;
}

/** An abstract name that nobody else has. */
export function abstractName(): UnixText {
  return `unix:@millrace-${crypto.randomUUID()}`;
}

/** Listens; closed in the end. */
export async function listenUnix(
  t: Context,
  address: UnixText,
  options: UnixListenOptions = {},
  capability: NetworkCapability = t.capability,
): Promise<UnixEndpoint> {
  const endpoint = await capability.listen(address, options);
  t.defer(() => endpoint[Symbol.asyncDispose]());
  return endpoint;
}

/** Connects two streams over a path; closed in the end. */
export async function unixPair(
  t: Context,
  options: UnixListenOptions = {},
  capability: NetworkCapability = t.capability,
): Promise<UnixPair> {
  const path = await unixPath(t);
  const endpoint = await listenUnix(t, `unix:${path}`, options, capability);
  const accepting = endpoint.accept();
  const client = await capability.connect(`unix:${path}`, { type: options.type });
  t.defer(() => client.close());
  const server = await accepting;
  t.defer(() => server.close());
  return { client, server };
}
