/**
 * The errors of one socket: the one that whoever calls next is told, and, for who asks for them by
 * `IP_RECVERR` or `IPV6_RECVERR`, each of them with what it is about. Source: ip(7), Linux
 * `ip_icmp_error`, `ip_recv_error`, `sock_dequeue_err_skb`.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { Environment } from "../environment.ts";
import type { Flow, IcmpError, IpAddress } from "../ip/types.ts";
import { ErrorOrigin, type ErrorReport, unknownDatagram } from "../socket.ts";
import * as icmpv4 from "../wire/icmpv4.ts";
import { InfoReader } from "./info_reader.ts";
import { Slot } from "./option_rows.ts";
import type { ReceiveQueue } from "./receive_queue.ts";
import type { SocketOptions } from "./socket_options.ts";

/** What a report counts for beside its payload: as a small packet does. */
const REPORT_BYTES = 512;
const NOTHING = new Uint8Array(0);

/** Whose errors they are. */
export interface ErrorHost {
  readonly options: SocketOptions;
  readonly queue: ReceiveQueue;
  /** Whether it has a remote address. */
  readonly isConnected: boolean;
}

/** What happened to a socket's datagrams. */
export class SocketErrors {
  readonly #environment: Environment;
  readonly #host: ErrorHost;
  #pending = 0;
  #reports: ErrorReport[] = [];
  #charged = 0;

  /** Nothing has happened yet. */
  constructor(environment: Environment, host: ErrorHost) {
    this.#environment = environment;
    this.#host = host;
  }

  /** Whether there is one to be told. */
  get isAny(): boolean {
    return this.#pending !== 0 || this.#reports.length > 0;
  }

  /**
   * Takes an error that came by ICMP.
   *
   * @param port of whom the datagram was for, 0 where it had none
   * @param quoteAt where in memory what is shown of the datagram begins
   * @returns whether anybody is told
   */
  hear(error: IcmpError, port: number, quoteAt: number): boolean {
    const { options, isConnected } = this.#host;
    const { errno, isHard, flow: { remote } } = error;
    const isTooLong = errno === Errno.EMSGSIZE;
    if (isTooLong && !options.reportsPathMtu(typeof remote !== "number")) return false;
    const isKept = this.#isWanted(remote);
    // Linux: who did not ask is told only where it is clear whom it concerns, and of what lasts.
    if (!isKept && !(isConnected && (isHard || isTooLong))) return false;
    if (isKept) this.#keep(reportOf(this.#environment, error, port, quoteAt));
    this.#pending = errno;
    return true;
  }

  /** Notes that what was to go a way is longer than its MTU. @returns whether anybody is told */
  hearTooLong({ remote, remotePort, path }: Flow): boolean {
    if (!this.#isWanted(remote)) return false;
    this.#keep(reportOfLength(remote, remotePort, path?.mtu ?? 0));
    return true;
  }

  #isWanted(remote: IpAddress): boolean {
    const isIpv4 = typeof remote === "number";
    return this.#host.options.has(isIpv4 ? Slot.RECEIVE_ERRORS : Slot.RECEIVE_ERRORS_6);
  }

  /** Reports count as what was received does. */
  #keep(report: ErrorReport): void {
    const { queue, options } = this.#host;
    const charge = REPORT_BYTES + report.payload.length;
    if (this.#charged + charge + queue.charged > options.receiveBuffer) {
      queue.dropped++;
      return;
    }
    this.#charged += charge;
    this.#reports.push(report);
  }

  /** Takes the error that whoever calls next is told. @returns it, or 0 */
  take(): number {
    const errno = this.#pending;
    this.#pending = 0;
    return errno;
  }

  /** Takes the oldest report; the error that is told next is that of the one behind it. */
  shift(): ErrorReport | null {
    const report = this.#reports.shift();
    if (report === undefined) return null;
    this.#charged -= REPORT_BYTES + report.payload.length;
    const next = this.#reports.at(0);
    if (next !== undefined && next.packet !== null) this.#pending = next.errno;
    else if (report.packet !== null) this.#pending = 0;
    return report;
  }

  /** Forgets all reports. */
  clear(): void {
    this.#reports = [];
    this.#charged = 0;
  }
}

/** What is told of an error that came by ICMP. */
function reportOf(
  environment: Environment,
  error: IcmpError,
  port: number,
  quoteAt: number,
): ErrorReport {
  const { errno, type, code, packet, flow: { remote }, quote, quoteBytes } = error;
  const isIpv4 = typeof remote === "number";
  const info = unknownDatagram();
  new InfoReader(environment).read(packet, info);
  const end = quote + quoteBytes;
  return {
    errno,
    origin: isIpv4 ? ErrorOrigin.ICMP : ErrorOrigin.ICMP6,
    type,
    code,
    info: isIpv4 ? infoOf(error) : error.info,
    address: remote,
    port,
    packet: info,
    payload: environment.arena.memory.bytes.slice(Math.min(quoteAt, end), end),
  };
}

/** What is told of a datagram that is too long to leave. */
function reportOfLength(address: IpAddress, port: number, mtu: number): ErrorReport {
  return {
    errno: Errno.EMSGSIZE,
    origin: ErrorOrigin.LOCAL,
    type: 0,
    code: 0,
    info: mtu,
    address,
    port,
    packet: null,
    payload: NOTHING,
  };
}

/** Of what ICMPv4 says beside type and code, Linux tells the MTU and the place of what was wrong. */
function infoOf({ errno, type, info }: IcmpError): number {
  if (type === icmpv4.Type.PARAMETER_PROBLEM) return info >>> 24;
  return errno === Errno.EMSGSIZE ? info : 0;
}
