/**
 * Raw sockets: whole messages of a protocol above IP, `raw(7)`.
 *
 * @module
 */

import type { NetworkCapability } from "../capability.ts";
import type { BatchReport, DatagramData, DatagramToSend } from "../datagram/datagram_jobs.ts";
import { DatagramSocket } from "../datagram/datagram_socket.ts";
import type { DatagramOptionName, DatagramOptionValues, OptionValue } from "../options/options.ts";
import { judgeHeader } from "./raw_guard.ts";
import { hostAddress, type OpenedRaw, openRaw, withoutPort } from "./raw_open.ts";
import type { OpOptions } from "../operation.ts";
import type { SocketAddress } from "../../ring/abi/address.ts";
import { type AddressInput, isHostPort, parseAddress } from "../../ring/abi/address_input.ts";
import { canonicalizeHost } from "../../ring/abi/ip_text.ts";

/** Options of a raw socket: those of datagrams, and what is particular to it. */
export interface RawOptions extends Partial<DatagramOptionValues> {
  /** The family of IP, "IPv4" unless said otherwise. */
  readonly family?: "IPv4" | "IPv6";
  /** The address to bind, such as `"192.0.2.1"`: only what is sent to it arrives. */
  readonly localAddress?: string;
  /**
   * What is sent begins with an IPv4 header of the program's own (`IP_HDRINCL`), always so with
   * protocol 255. Its destination is judged by `connect`; its source, unless it is 0.0.0.0, by
   * `listen`; source routes are refused.
   */
  readonly headerIncluded?: boolean;
  /**
   * The types of ICMP or ICMPv6 that arrive (`ICMP_FILTER`, 0 to 31; of ICMPv6 0 to 255); all
   * unless said otherwise.
   */
  readonly messageTypes?: readonly number[];
  /** Messages that the program may hold at a time, those of a batch aside; 256, up to 65536. */
  readonly leasesPerEndpoint?: number;
  /** Tell how many routers each message might still have passed. */
  readonly receiveTimeToLive?: boolean;
  /** Tell the byte with DSCP and ECN of each message. */
  readonly receiveTrafficClass?: boolean;
}

/**
 * A raw socket. What arrives begins with the IP header in IPv4, and behind all headers in IPv6.
 *
 * The system delivers a copy of every message of the protocol that this host receives; nothing is
 * taken away from others. Addresses have no ports: `"192.0.2.1"`, or port 0. Names are not
 * resolved.
 *
 * Only on the kernel backend, and the process needs CAP_NET_RAW.
 *
 * @example
 * ```ts
 * import { NetworkCapability, RawEndpoint } from "../../mod.ts";
 * const rights = { raw: true, connect: ["raw://127.0.0.0/8"], listen: ["raw://127.0.0.0/8"] };
 * await using capability = await NetworkCapability.request({ rights });
 * try {
 *   await using raw = await RawEndpoint.open(253, capability, { localAddress: "127.0.0.1" });
 *   await raw.send(new TextEncoder().encode("hello"), "127.0.0.1");
 *   using message = await raw.receive();
 *   console.log(message.length); // 25: the header of IPv4 has 20 bytes
 * } catch (error) {
 *   const { PermissionDenied, NotSupported } = Deno.errors;
 *   if (!(error instanceof PermissionDenied || error instanceof NotSupported)) throw error;
 *   console.log(error.message);
 * }
 * ```
 */
export class RawEndpoint extends DatagramSocket<Deno.NetAddr> {
  /** Whether the program writes the headers, which are judged. */
  readonly #hasHeader: boolean;

  /** @ignore Made by {@linkcode RawEndpoint.open}. */
  constructor({ parts, hasHeader }: OpenedRaw) {
    super(parts);
    this.#hasHeader = hasHeader;
  }

  /**
   * Opens a raw socket.
   *
   * @param protocol its number, 1 to 255: 1 is ICMP, 58 ICMPv6. Source: protocols(5)
   * @param capability must hold `raw`, `listen` for the local address (`"raw://0.0.0.0"` or
   * `"raw://[::]"` when there is none), and `connect` for each destination
   * @throws {NetError} EPERM without CAP_NET_RAW, EADDRNOTAVAIL, EMFILE, ENOTSUP on other backends
   * and for `headerIncluded` with IPv6
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   * @throws {TypeError} or {RangeError} for bad arguments, naming value and position
   */
  static async open(
    protocol: number,
    capability: NetworkCapability,
    options: RawOptions = {},
  ): Promise<RawEndpoint> {
    return new RawEndpoint(await openRaw(capability.authorization, protocol, options));
  }

  /**
   * Sends one message: see {@linkcode DatagramSocket.send}.
   *
   * @throws {TypeError} for a name or a port, and with `headerIncluded` for data without a header
   */
  override send(data: DatagramData, to?: AddressInput, options?: OpOptions): Promise<number> {
    try {
      if (to !== undefined) requireHost("send", to);
      return super.send(this.#hasHeader ? this.#judged(data) : data, to, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends many messages, in their order: see {@linkcode DatagramSocket.sendBatch}. */
  override async sendBatch(
    batch: readonly DatagramToSend[],
    options?: OpOptions,
  ): Promise<BatchReport> {
    if (!Array.isArray(batch)) return await super.sendBatch(batch, options);
    const passed: DatagramToSend[] = [];
    const places: number[] = [];
    const failed: { index: number; error: unknown }[] = [];
    for (const [index, { data, to }] of batch.entries()) {
      try {
        if (to !== undefined) requireHost("sendBatch", to);
        // What is judged is a copy: nobody can change it before it leaves.
        passed.push({ data: this.#hasHeader ? this.#judged(data) : data, to });
        places.push(index);
      } catch (error) {
        failed.push({ index, error });
      }
    }
    const report = await super.sendBatch(passed, options);
    for (const { index, error } of report.failed) failed.push({ index: places[index], error });
    return { sent: report.sent, failed: failed.sort((one, other) => one.index - other.index) };
  }

  /**
   * Connects the socket: it sends there unless it is told otherwise, and receives from there alone.
   *
   * @param address an address without a port, such as `"192.0.2.1"`
   * @throws {NetError} ENETUNREACH, EAFNOSUPPORT for an address of another family, EBADF
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   * @throws {TypeError} for a name or a port
   */
  override async connect(address: AddressInput, options?: OpOptions): Promise<void> {
    await super.connect(requireHost("connect", address), options);
  }

  /** Sets an option: see {@linkcode Socket.setOption}. */
  override setOption<K extends DatagramOptionName>(name: K, value: OptionValue<K>): Promise<void> {
    return super.setOption(name, value);
  }

  /** Reads an option: see {@linkcode Socket.getOption}. */
  override getOption<K extends DatagramOptionName>(name: K): Promise<OptionValue<K>> {
    return super.getOption(name) as Promise<OptionValue<K>>;
  }

  /** A copy of data whose header may leave. @throws {Deno.errors.NotCapable} when it may not */
  #judged(data: DatagramData): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(data instanceof Uint8Array ? data : data.bytes);
    const denial = judgeHeader(copy, this.owner.authority);
    if (denial !== null) throw this.destinations.denied(denial);
    return copy;
  }
}

/** Proves that an address is one of a host. @throws {TypeError} for a name or a port */
function requireHost(operation: string, input: AddressInput): SocketAddress {
  if (typeof input === "string" && canonicalizeHost(input) !== undefined) {
    return hostAddress("address", input);
  }
  const target = parseAddress(input);
  if (isHostPort(target)) {
    throw new TypeError(`${operation}: "${target.name}" is a name: resolve() it first`);
  }
  if (target.family === "unix" || target.port !== 0) {
    throw new TypeError(`${operation}: a raw socket has no ports, as ${target} has`);
  }
  return withoutPort(target);
}
