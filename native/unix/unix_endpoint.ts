/**
 * Endpoints of Unix sockets.
 *
 * @module
 */

import type { EndpointParts } from "../listener/acceptor.ts";
import { adoptListener, type AdoptListenOptions, UNIX_LISTENER } from "../process/adopt.ts";
import type { NetworkCapability } from "../capability.ts";
import type { ListenOptions } from "../listener/listen_options.ts";
import { ListenerSocket } from "../listener/listener_socket.ts";
import type { OwnedFd } from "./unix_descriptors.ts";
import {
  checkPathOptions,
  type SocketFile,
  UNIX_PATH_KEYS,
  type UnixPathOptions,
} from "./unix_path.ts";
import { UnixStream } from "./unix_stream.ts";
import { requireType, type UnixSocketType } from "./unix_types.ts";
import type { UnixAddressInput } from "../../ring/abi/address_input.ts";

/** Options of `listen` on a Unix socket. */
export interface UnixListenOptions extends ListenOptions, UnixPathOptions {
  /** "stream" unless said otherwise; "seqpacket" connections keep messages apart. */
  readonly type?: UnixSocketType;
}

/** The options that only Unix sockets have. */
export type UnixPlan = Pick<UnixListenOptions, "type" | keyof UnixPathOptions>;

/** What an endpoint of a Unix socket is made of. */
export interface UnixEndpointParts extends EndpointParts {
  readonly type?: UnixSocketType;
  /** The file it is bound to, null where there is none or it is somebody else's affair. */
  readonly file?: SocketFile | null;
}

/**
 * Parts the options of Unix sockets from those of all endpoints.
 *
 * @throws {TypeError} or RangeError naming the one that does not fit
 */
export function planUnix(
  options: UnixListenOptions,
): { readonly unix: UnixPlan; readonly shared: ListenOptions } {
  const unix: Record<string, unknown> = {};
  const shared: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    const isUnix = name === "type" || (UNIX_PATH_KEYS as readonly string[]).includes(name);
    (isUnix ? unix : shared)[name] = value;
  }
  requireType(unix.type);
  checkPathOptions(unix);
  const { proxyProtocol = "off" } = shared as ListenOptions;
  if (unix.type === "seqpacket" && proxyProtocol !== "off") {
    throw new TypeError("proxyProtocol is for bytes, not for the messages of seqpacket");
  }
  return { unix, shared };
}

/**
 * A listening Unix socket. Usable wherever a `Deno.Listener` is.
 *
 * Its file is removed when it is closed, unless `removeAtClose` says otherwise; a process that dies
 * leaves it behind, and the next one listens there with `replaceStale`.
 *
 * @example
 * ```ts
 * import { NetworkCapability, UnixEndpoint } from "../../mod.ts";
 * await using capability = await NetworkCapability.request();
 * const path = await Deno.makeTempDir() + "/socket";
 * await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
 * console.log(endpoint.addr.path === path); // true
 * ```
 */
export class UnixEndpoint extends ListenerSocket<Deno.UnixAddr, UnixStream> {
  /** Whether its connections keep messages apart. */
  readonly type: UnixSocketType;
  #file: SocketFile | null;

  /** @ignore Made by {@linkcode UnixEndpoint.create} and by capabilities. */
  constructor(parts: UnixEndpointParts) {
    const { type = "stream", file = null } = parts;
    super(parts, (stream) => new UnixStream({ ...stream, type }));
    this.type = type;
    this.#file = file;
  }

  /**
   * Listens on a Unix socket.
   *
   * @param address `"unix:/path"`, `"unix:@abstract"`, or a `Deno.UnixAddr`
   * @param capability must hold `unix` and `listen` for the path
   * @param options `mode` gives the file permission bits of its own before anybody can connect;
   * `replaceStale` removes a socket file that nobody has bound any more
   * @throws {NetError} EADDRINUSE, EACCES, ENOENT ..., ENOTSUP for what the backend lacks, EINVAL
   * for an option about files with an abstract name
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   * @throws {TypeError} when address or options are malformed
   * @throws {RangeError} when the path has more than 107 bytes
   */
  static create(
    address: UnixAddressInput,
    capability: NetworkCapability,
    options?: UnixListenOptions,
  ): Promise<UnixEndpoint> {
    return capability.listen(address, options);
  }

  /**
   * Takes over a listening Unix socket by its descriptor: from then on this endpoint closes it. Its
   * file is left in place.
   *
   * @param fd the number, or an object whose ownership passes to the endpoint
   * @param capability must hold `adopt`, `unix`, and `listen` for the address it is bound to
   * @throws {NetError} EBADF, ENOTSOCK, EINVAL naming what the descriptor is instead, ENOTSUP on
   * `host`; the descriptor then stays the caller's
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   */
  static async adopt(
    fd: number | OwnedFd,
    capability: NetworkCapability,
    options: AdoptListenOptions = {},
  ): Promise<UnixEndpoint> {
    return new UnixEndpoint(await adoptListener(capability, fd, UNIX_LISTENER, options));
  }

  /**
   * Whether its file is removed when it is closed. Set it to false before the socket is handed to
   * another process; it is always false where there is no file, or somebody else bound it.
   */
  get removeAtClose(): boolean {
    return this.#file?.isRemoved ?? false;
  }

  /** See {@linkcode UnixEndpoint.removeAtClose}. */
  set removeAtClose(isRemoved: boolean) {
    if (this.#file !== null) this.#file.isRemoved = isRemoved;
  }

  /** @ignore Leaves the file to whoever has the socket now. */
  protected override keepAddress(): void {
    this.removeAtClose = false;
  }

  /** @ignore Removes the file while it is still certain whose it is. */
  protected override releaseAddress(): Promise<void> | null {
    const file = this.#file;
    if (file?.isRemoved !== true) return null;
    this.#file = null;
    return file.remove();
  }
}
