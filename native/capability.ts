/**
 * Capabilities: the authority to use the network, as an object.
 *
 * @module
 */

import { expand } from "./compact_address.ts";
import { connectAddress, connectName, domainOf, withDeadline, withPort } from "./connect.ts";
import { netError, notCapable, unsupported } from "./errors.ts";
import { Network } from "./network.ts";
import { checkKeys, checkOptionValues, OPTION_NAMES, setOption } from "./options.ts";
import { resolveName, type ResolveOptions } from "./resolver.ts";
import { ledgerPlanOf, type RingOptions } from "./ring_options.ts";
import { Scope } from "./scope.ts";
import { type ListenOptions, TcpEndpoint } from "./tcp_endpoint.ts";
import {
  checkTimeout,
  type ConnectOptions,
  LEASES_PER_STREAM,
  type TcpStream,
} from "./tcp_stream.ts";
import { Want } from "./network.ts";
import { type BackendName, openDriver } from "../drivers/mod.ts";
import {
  type AddressInput,
  canonicalize,
  isHostPort,
  parseAddress,
  type SocketAddress,
} from "../ring/abi/address.ts";
import { Sock } from "../ring/abi/opcodes.ts";
import {
  Authority,
  AuthorityDenied,
  type Denial,
  isDenial,
  type NetworkRights,
} from "../ring/authority/mod.ts";
import { Counter } from "../ring/counters.ts";
import type { LedgerHandle } from "../ring/descriptor_table.ts";

/** What {@linkcode NetworkCapability.request} takes. */
export interface CapabilityRequest {
  /** Who consumes the ring: "kernel" (io_uring), "host" (plain Deno), or "auto": the best. */
  readonly backend?: BackendName;
  /** What may be done; without it all but `raw`, `ring`, `adopt` and `files`. */
  readonly rights?: NetworkRights;
  /** Sizes of the ring. */
  readonly ring?: RingOptions;
  /** Run the host driver in a Worker of its own. */
  readonly worker?: boolean;
  /** In a Worker: the handle of a `WorkerLedger` of its parent's, whose memory the ring then has. */
  readonly ledger?: LedgerHandle;
}

/** Counters of a backend; shared by every capability derived from one request. */
export interface NetworkStats {
  /** Open sockets. */
  readonly sockets: number;
  /** Operations in flight. */
  readonly inFlight: number;
  /** Leases that programs hold. */
  readonly leases: number;
  /** Bytes of ring memory that sends and programs hold. */
  readonly bufferBytes: number;
  /** Connections accepted. */
  readonly accepted: number;
  /** Connections refused for a limit. */
  readonly refused: number;
  /** Requests that a capability did not allow. */
  readonly denied: number;
  /** Bytes sent. */
  readonly bytesSent: number;
  /** Bytes received. */
  readonly bytesReceived: number;
  /** Send operations completed. */
  readonly sends: number;
  /** Receive completions that brought bytes. */
  readonly receives: number;
  /** Turns of the event loop: one entry into the consumer each. */
  readonly enters: number;
  /** Times a sleeping ring was woken. */
  readonly wakes: number;
  /** Completions that found their queue full; none is lost. */
  readonly cqOverflows: number;
  /** Completions nobody was waiting for. */
  readonly lateCompletions: number;
}

/** What a revocation ended. */
export interface RevokeReport {
  /** Sockets that were closed by it. */
  readonly sockets: number;
}

const REQUEST_KEYS: readonly string[] = ["backend", "rights", "ring", "worker", "ledger"];
const BACKENDS: readonly string[] = ["auto", "kernel", "host"];
const LISTEN_KEYS: readonly string[] = [...OPTION_NAMES, "backlog", "leasesPerStream"];
const CONNECT_KEYS: readonly string[] = [
  ...OPTION_NAMES,
  "signal",
  "timeoutMs",
  "leasesPerStream",
  "localAddress",
];
/** Connections that may wait to be accepted; the system caps it (`net.core.somaxconn`). */
const BACKLOG = 4096;
const BACKLOG_MAX = 65535;
const LEASES_MAX = 65536;

/**
 * The authority to use the network. No socket exists without one; pass it to whoever may use the
 * network, or less of it by {@linkcode NetworkCapability.derive}.
 *
 * Permissions: "kernel" needs `--allow-ffi` and, to sleep without a thread, `--allow-net=127.0.0.1`;
 * it goes around Deno's own net permission lists, so the capability is the guard. "host" needs
 * `--allow-net` for what it does. Nothing prompts.
 *
 * @example
 * ```ts
 * import { NetworkCapability } from "../mod.ts";
 * await using capability = await NetworkCapability.request();
 * const client = capability.derive({ tcp: true, connect: ["tcp://127.0.0.0/8:*"] });
 * console.log(client.rights.listen ?? false); // false
 * ```
 */
export class NetworkCapability implements AsyncDisposable {
  /** Which backend it is on, and why. */
  readonly backend: { readonly kind: string; readonly why: string };
  readonly #network: Network;
  readonly #scope: Scope;
  readonly #isRoot: boolean;
  #revoking: Promise<RevokeReport> | null = null;

  private constructor(network: Network, scope: Scope, isRoot: boolean) {
    this.#network = network;
    this.#scope = scope;
    this.#isRoot = isRoot;
    const { kind, why } = network.reactor.driver;
    this.backend = Object.freeze({ kind, why });
  }

  /**
   * Opens a backend and grants rights to it.
   *
   * @throws {NetError} ENOTSUP when the backend cannot start, with the reason as a sentence
   * @throws {TypeError} when a key or a rule is malformed, naming it
   * @throws {RangeError} when a size is out of its range, naming it
   */
  static async request(request: CapabilityRequest = {}): Promise<NetworkCapability> {
    checkKeys("request", request, REQUEST_KEYS);
    const backend = request.backend ?? "auto";
    if (!BACKENDS.includes(backend)) {
      throw new TypeError(`backend must be one of ${BACKENDS.join(", ")}, not ${String(backend)}`);
    }
    const authority = Authority.root(request.rights);
    const { ledger } = request;
    const { plan, without, poison } = ledgerPlanOf(ledger, request.ring ?? {});
    const worker = request.worker ?? false;
    const outcome = await openDriver({ backend, plan, worker, without, ledger });
    if ("refusal" in outcome) throw unsupported(backend, `a start: ${outcome.refusal}`, "request");
    const network = new Network(outcome.driver);
    network.reactor.buffers.poison = poison;
    return new NetworkCapability(network, new Scope(authority), true);
  }

  /** What it may do. */
  get rights(): NetworkRights {
    return this.#scope.authority.rights;
  }

  /** @ignore The backend, for the layers of this library. */
  get network(): Network {
    return this.#network;
  }

  /** @ignore Proves that a right without an address is held. */
  requireRight(right: "raw" | "ring" | "adopt", operation: string): void {
    this.#requireLive(operation);
    const denial = this.#scope.authority.has(right);
    if (denial !== null) throw this.#denied(denial, operation);
  }

  /** Listens on an address: see {@linkcode TcpEndpoint.create}. */
  async listen(address: AddressInput, options: ListenOptions = {}): Promise<TcpEndpoint> {
    this.#requireLive("listen");
    checkKeys("listen", options, LISTEN_KEYS);
    checkOptionValues(options);
    const backlog = requireInteger("backlog", options.backlog ?? BACKLOG, 1, BACKLOG_MAX);
    const leases = requireLeases(options.leasesPerStream);
    return await this.#scope.track(this.#open(address, options, backlog, leases), null);
  }

  async #open(
    address: AddressInput,
    options: ListenOptions,
    backlog: number,
    leases: number,
  ): Promise<TcpEndpoint> {
    const local = await this.#localAddress(address);
    const scope = this.#scope;
    const reached = scope.acquire("sockets", 1, "listen");
    if (reached !== null) throw reached;
    const network = this.#network;
    let fd = -1;
    try {
      fd = await network.socket(domainOf(local), Sock.STREAM | Sock.CLOEXEC, "listen");
      this.#expect(fd, local);
      await this.#prepareListener(fd, local, options);
      this.#expect(await network.listen(fd, backlog), local);
      const names = await network.names(fd, Want.LOCAL);
      if (typeof names === "number") throw netError(names, { operation: "listen" });
      this.#requireLive("listen");
      const parts = { network, scope, fd, local: expand(names.local!), leasesPerStream: leases };
      return new TcpEndpoint(parts);
    } catch (error) {
      if (fd >= 0) await network.close(fd);
      scope.release("sockets", 1);
      throw error;
    }
  }

  /** Connects to an address: see {@linkcode TcpStream.connect}. */
  async connect(address: AddressInput, options: ConnectOptions = {}): Promise<TcpStream> {
    this.#requireLive("connect");
    checkKeys("connect", options, CONNECT_KEYS);
    checkOptionValues(options);
    checkTimeout("connect", options.timeoutMs);
    requireLeases(options.leasesPerStream);
    options.signal?.throwIfAborted();
    const target = parseAddress(address);
    const local = options.localAddress === undefined ? null : numericAddress(options.localAddress);
    const scope = this.#scope;
    const network = this.#network;
    if (isHostPort(target)) {
      const name = `${target.name}:${target.port}`;
      return await withDeadline(network, scope, options, name, async (bounded) => {
        try {
          return await connectName(network, scope, target, local, bounded);
        } catch (error) {
          if (error instanceof Deno.errors.NotCapable) this.#count();
          throw error;
        }
      });
    }
    const transport = target.family === "unix" ? "unix" : "tcp";
    const remote = canonicalize(target, "destination");
    const denial = scope.authority.check(transport, "connect", remote);
    if (denial !== null) throw this.#denied(denial, "connect");
    return await withDeadline(
      network,
      scope,
      options,
      remote.toString(),
      (bounded) => connectAddress(network, scope, remote, local, bounded),
    );
  }

  /**
   * Resolves a name through the system's resolver, which honours the hosts file.
   *
   * @param name such as `"example.com"`; an address resolves to itself
   * @returns addresses with port 0, in the resolver's order
   */
  async resolve(name: string, options: ResolveOptions = {}): Promise<readonly SocketAddress[]> {
    this.#requireLive("resolve");
    checkKeys("resolve", options, ["signal", "timeoutMs", "family"]);
    checkTimeout("resolve", options.timeoutMs);
    const target = parseAddress(name.includes(":") ? `[${name}]:0` : `${name}:0`);
    if (!isHostPort(target)) return [target];
    const denial = this.#scope.authority.checkResolve(target.name);
    if (denial !== null) throw this.#denied(denial, "resolve");
    return await resolveName(this.#network, target.name, options);
  }

  /**
   * Makes a capability with fewer rights: every layer must allow, omitted rights are absent.
   *
   * @throws {Deno.errors.NotCapable} when it asks for more than this one has
   * @throws {TypeError} when a rule is malformed, with the position
   */
  derive(rights: NetworkRights): NetworkCapability {
    this.#requireLive("derive");
    try {
      const scope = new Scope(this.#scope.authority.derive(rights), this.#scope);
      return new NetworkCapability(this.#network, scope, false);
    } catch (error) {
      if (error instanceof AuthorityDenied) throw this.#denied(error, "derive");
      throw error;
    }
  }

  /**
   * Withdraws the capability and every one derived from it: what is in flight ends with
   * `NotCapable`, whose cause is the reason, and every socket is closed.
   *
   * @returns when nothing is left
   */
  revoke(reason?: unknown): Promise<RevokeReport> {
    this.#revoking ??= this.#end(
      notCapable({ right: "revoked", address: "" }, "revoke", reason),
      true,
    );
    return this.#revoking;
  }

  /** Closes every socket made under it, as an ordinary close. @returns when nothing is left */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = notCapable({ right: "closed", address: "" }, "use of a closed capability");
    this.#revoking ??= this.#end(closed, false);
    await this.#revoking;
  }

  /** The backend's counters. */
  stats(): NetworkStats {
    const { reactor } = this.#network;
    const { values } = reactor.counters;
    return {
      sockets: values[Counter.sockets],
      inFlight: reactor.inFlight,
      leases: this.#network.leases,
      bufferBytes: reactor.arena.usedBytes,
      accepted: values[Counter.accepted],
      refused: values[Counter.refused],
      denied: values[Counter.denied],
      bytesSent: values[Counter.bytesSent],
      bytesReceived: values[Counter.bytesReceived],
      sends: values[Counter.sends],
      receives: values[Counter.receives],
      enters: values[Counter.turns],
      wakes: values[Counter.wakes],
      cqOverflows: reactor.overflows,
      lateCompletions: reactor.slots.late,
    };
  }

  async #end(reason: Error, isRevoked: boolean): Promise<RevokeReport> {
    this.#scope.revoke(reason);
    const sockets = [...this.#scope.allSockets()];
    const why = isRevoked ? reason : undefined;
    const ending = [this.#scope.abortAttempts(reason)];
    for (const socket of sockets) ending.push(socket.terminate(why));
    await Promise.all(ending);
    if (this.#isRoot) await this.#network.reactor.close();
    return { sockets: sockets.length };
  }

  /** The address to bind: a name is resolved, and the rules judge what it stands for. */
  async #localAddress(input: AddressInput): Promise<SocketAddress> {
    const target = parseAddress(input);
    const { authority } = this.#scope;
    if (isHostPort(target)) {
      const admission = authority.admitName("tcp", "listen", target.name, target.port);
      if (isDenial(admission)) throw this.#denied(admission, "listen");
      const found = await resolveName(this.#network, target.name, {});
      const local = withPort(found[0], target.port);
      const denial = admission.check(local);
      if (denial !== null) throw this.#denied(denial, "listen");
      return local;
    }
    const local = canonicalize(target, "listen");
    const transport = local.family === "unix" ? "unix" : "tcp";
    const denial = authority.check(transport, "listen", local);
    if (denial !== null) throw this.#denied(denial, "listen");
    return local;
  }

  /** Sets the options of a listener and binds it. */
  async #prepareListener(fd: number, local: SocketAddress, options: ListenOptions): Promise<void> {
    const isUnix = local.family === "unix";
    const values = { ...(isUnix ? {} : { reuseAddress: true, noDelay: true }), ...options };
    // Any free port must be free indeed: bound with SO_REUSEADDR, two sockets may be given the
    // same one. Set afterwards, it still lets the port be listened on again at once.
    const isAnyPort = !isUnix && local.port === 0 && values.reuseAddress === true;
    for (const name of OPTION_NAMES) {
      const value = isAnyPort && name === "reuseAddress" ? undefined : values[name];
      if (value !== undefined) await setOption(this.#network, fd, name, value, false, "listen");
    }
    this.#expect(await this.#network.bind(fd, local), local);
    if (isAnyPort) await setOption(this.#network, fd, "reuseAddress", true, false, "listen");
  }

  #expect(result: number, local: SocketAddress): void {
    if (result < 0) throw netError(result, { operation: "listen", local: local.toString() });
  }

  #requireLive(operation: string): void {
    const { revokedBy } = this.#scope;
    if (revokedBy === null) return;
    throw notCapable({ right: "revoked", address: "" }, operation, revokedBy.cause);
  }

  #denied(denial: Pick<Denial, "right" | "address">, operation: string): Error {
    this.#count();
    return notCapable(denial, operation);
  }

  #count(): void {
    this.#network.reactor.counters.add(Counter.denied, 1);
  }
}

/** The address to connect from; which rules would a name be judged by? */
function numericAddress(input: AddressInput): SocketAddress {
  const address = parseAddress(input);
  if (!isHostPort(address)) return address;
  throw new TypeError(`localAddress must be an address, not the name "${address.name}"`);
}

function requireInteger(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`);
  }
  return value;
}

function requireLeases(value: number | undefined): number {
  return requireInteger("leasesPerStream", value ?? LEASES_PER_STREAM, 1, LEASES_MAX);
}
