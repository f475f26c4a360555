/**
 * Capabilities: the authority to use the network, as an object.
 *
 * @module
 */

import { Authorization } from "./authorization.ts";
import { connect } from "./stream/connect.ts";
import { notCapable, unsupported } from "./errors.ts";
import { listen } from "./listener/listen.ts";
import type { ListenOptions } from "./listener/listen_options.ts";
import { Network } from "./network.ts";
import { checkTimeout } from "./operation.ts";
import { checkKeys } from "./options/options.ts";
import { resolveName, type ResolveOptions } from "./resolver.ts";
import { ledgerPlanOf, type RingOptions } from "./ring_options.ts";
import { Scope } from "./scope.ts";
import type { TcpEndpoint } from "./tcp/tcp_endpoint.ts";
import type { ConnectOptions, TcpStream } from "./tcp/tcp_stream.ts";
import type { UnixDatagramEndpoint } from "./datagram/datagram_unix.ts";
import type { UdpEndpoint } from "./datagram/udp.ts";
import type { BindOptions } from "./datagram/datagram_options.ts";
import { bindDatagrams } from "./datagram/udp_open.ts";
import type { UnixEndpoint, UnixListenOptions } from "./unix/unix_endpoint.ts";
import type { UnixConnectOptions, UnixStream } from "./unix/unix_stream.ts";
import {
  type BackendName,
  openDriver,
  openPrivateDriver,
  type StackOptions,
} from "../drivers/mod.ts";
import type { SocketAddress } from "../ring/abi/address.ts";
import {
  type AddressInput,
  isHostPort,
  parseAddress,
  type UnixAddressInput,
} from "../ring/abi/address_input.ts";
import { Authority, AuthorityDenied, type NetworkRights } from "../ring/authority/mod.ts";
import { Counter } from "../ring/counters.ts";
import type { LedgerHandle } from "../ring/descriptor_table.ts";
import type { RingDriver } from "../ring/driver.ts";
import type { MemoryPlan } from "../ring/memory.ts";

/** What {@linkcode NetworkCapability.request} takes. */
export interface CapabilityRequest {
  /**
   * Who consumes the ring: "kernel" (io_uring), "host" (plain Deno), "stack" (this library's own
   * TCP/IP stack), or "auto": the better one of the first two.
   */
  readonly backend?: BackendName;
  /** What may be done; without it all but `raw`, `ring`, `adopt` and `files`. */
  readonly rights?: NetworkRights;
  /** Sizes of the ring. */
  readonly ring?: RingOptions;
  /** Run the driver in a Worker of its own: of "host" and "stack". */
  readonly worker?: boolean;
  /** How the stack of the backend "stack" is set up; it has loopback only unless said otherwise. */
  readonly stack?: StackOptions;
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

const REQUEST_KEYS: readonly string[] = [
  "backend",
  "rights",
  "ring",
  "worker",
  "ledger",
  "stack",
];
const BACKENDS: readonly string[] = ["auto", "kernel", "host", "stack"];

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
  readonly #authorization: Authorization;
  readonly #isRoot: boolean;
  #revoking: Promise<RevokeReport> | null = null;

  private constructor(network: Network, scope: Scope, isRoot: boolean) {
    this.#network = network;
    this.#scope = scope;
    this.#authorization = new Authorization(network, scope);
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
    // A malformed rule is found before anything is opened.
    Authority.root(request.rights);
    const { ledger } = request;
    const { plan, without, poison } = ledgerPlanOf(ledger, request.ring ?? {});
    const { stack } = request;
    if (stack !== undefined && backend !== "stack") {
      throw new TypeError(`request: stack is for the backend "stack", not for ${backend}`);
    }
    if (request.worker !== undefined && (stack?.worker ?? request.worker) !== request.worker) {
      throw new TypeError(
        `request: worker is ${request.worker}, but stack.worker ${stack?.worker}`,
      );
    }
    // A stack has a thread of its own unless it is told to share this one.
    const worker = request.worker ?? backend === "stack";
    const outcome = await openDriver({ backend, plan, worker, without, ledger, stack });
    if ("refusal" in outcome) throw unsupported(backend, `a start: ${outcome.refusal}`, "request");
    return NetworkCapability.over(outcome.driver, request.rights, poison);
  }

  /**
   * Grants rights to a backend that is open already; closing the capability closes it.
   *
   * @ignore For `NetworkStack`, whose rings are opened by it.
   */
  static over(driver: RingDriver, rights?: NetworkRights, poison = false): NetworkCapability {
    const authority = Authority.root(rights);
    const network = new Network(driver);
    network.reactor.buffers.poison = poison;
    network.reactor.datagramBuffers.poison = poison;
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

  /** @ignore What opens sockets for it works with. */
  get authorization(): Authorization {
    return this.#authorization;
  }

  /**
   * Opens a ring beside the capability's own, which a thread may block on.
   *
   * @ignore For `posix/`, which judges with {@linkcode NetworkCapability.authorization}.
   * @param plan the sizes of the ring
   * @throws {Error} when there can be none, saying why
   */
  openPrivateDriver(plan: MemoryPlan): RingDriver {
    return openPrivateDriver(this.#network.reactor.driver, plan);
  }

  /** Listens on a Unix socket: see {@linkcode UnixEndpoint.create}. */
  listen(address: UnixAddressInput, options?: UnixListenOptions): Promise<UnixEndpoint>;
  /** Listens on an address: see {@linkcode TcpEndpoint.create}. */
  listen(address: AddressInput, options?: ListenOptions): Promise<TcpEndpoint>;
  listen(
    address: AddressInput,
    options: ListenOptions = {},
  ): Promise<TcpEndpoint | UnixEndpoint> {
    return listen(this.#authorization, address, options);
  }

  /** Connects to a Unix socket: see {@linkcode UnixStream.connect}. */
  connect(address: UnixAddressInput, options?: UnixConnectOptions): Promise<UnixStream>;
  /** Connects to an address: see {@linkcode TcpStream.connect}. */
  connect(address: AddressInput, options?: ConnectOptions): Promise<TcpStream>;
  connect(address: AddressInput, options: ConnectOptions = {}): Promise<TcpStream | UnixStream> {
    return connect(this.#authorization, address, options);
  }

  /** Binds a Unix socket of datagrams: see {@linkcode UnixDatagramEndpoint.bind}. */
  bind(address: UnixAddressInput, options?: BindOptions): Promise<UnixDatagramEndpoint>;
  /** Binds a UDP socket: see {@linkcode UdpEndpoint.bind}. */
  bind(address: AddressInput, options?: BindOptions): Promise<UdpEndpoint>;
  bind(
    address: AddressInput,
    options: BindOptions = {},
  ): Promise<UdpEndpoint | UnixDatagramEndpoint> {
    return bindDatagrams(this.#authorization, address, options);
  }

  /**
   * Resolves a name through the system's resolver, which honours the hosts file.
   *
   * @param name such as `"example.com"`; an address resolves to itself
   * @returns addresses with port 0, in the resolver's order
   */
  async resolve(name: string, options: ResolveOptions = {}): Promise<readonly SocketAddress[]> {
    this.#authorization.requireLive("resolve");
    checkKeys("resolve", options, ["signal", "timeoutMs", "family"]);
    checkTimeout("resolve", options.timeoutMs);
    const target = parseAddress(name.includes(":") ? `[${name}]:0` : `${name}:0`);
    if (!isHostPort(target)) return [target];
    const denial = this.#scope.authority.checkResolve(target.name);
    if (denial !== null) throw this.#authorization.denied(denial, "resolve");
    return await resolveName(this.#network, target.name, options);
  }

  /**
   * Makes a capability with fewer rights: every layer must allow, omitted rights are absent.
   *
   * @throws {Deno.errors.NotCapable} when it asks for more than this one has
   * @throws {TypeError} when a rule is malformed, with the position
   */
  derive(rights: NetworkRights): NetworkCapability {
    this.#authorization.requireLive("derive");
    try {
      const scope = new Scope(this.#scope.authority.derive(rights), this.#scope);
      return new NetworkCapability(this.#network, scope, false);
    } catch (error) {
      if (error instanceof AuthorityDenied) throw this.#authorization.denied(error, "derive");
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
}
