/**
 * The errors of one socket: the one that whoever calls next is told, and, for who asks for them by
 * `IP_RECVERR` or `IPV6_RECVERR`, each of them with what it is about. Source: ip(7), Linux
 * `ip_icmp_error`, `ip_recv_error`, `sock_dequeue_err_skb`.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { Environment } from "../environment.ts";
import type { IcmpError, IpAddress } from "../ip/types.ts";
import { type DatagramInfo, ErrorOrigin, type ErrorReport } from "../socket.ts";
import * as icmpv4 from "../wire/icmpv4.ts";
import { InfoReader } from "./info_reader.ts";

/** What a report counts for beside its payload: as a small packet does. */
const REPORT_BYTES = 512;
const NOTHING = new Uint8Array(0);

/** What happened to a socket's datagrams. */
export class SocketErrors {
  #pending = 0;
  #reports: ErrorReport[] = [];
  #charged = 0;

  /** Whether there is one to be told. */
  get isAny(): boolean {
    return this.#pending !== 0 || this.#reports.length > 0;
  }

  /** Keeps an error for whoever calls next. */
  set(errno: number): void {
    this.#pending = errno;
  }

  /** Takes that error. @returns it, or 0 */
  take(): number {
    const errno = this.#pending;
    this.#pending = 0;
    return errno;
  }

  /**
   * Keeps a report.
   *
   * @param room what reports may count for: as `SO_RCVBUF`, less what else waits there
   * @returns whether there was room
   */
  push(report: ErrorReport, room: number): boolean {
    const charge = REPORT_BYTES + report.payload.length;
    if (this.#charged + charge > room) return false;
    this.#charged += charge;
    this.#reports.push(report);
    return true;
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

/**
 * What is told of an error that came by ICMP.
 *
 * @param port of whom the datagram was for, 0 where it had none
 * @param quoteAt where in memory what it quotes begins, as far as it is shown
 */
export function reportOf(
  environment: Environment,
  error: IcmpError,
  port: number,
  quoteAt: number,
): ErrorReport {
  const { errno, type, code, packet, flow: { remote }, quote, quoteBytes } = error;
  const isIpv4 = typeof remote === "number";
  const info = noInfo();
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
export function reportOfLength(address: IpAddress, port: number, mtu: number): ErrorReport {
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

function noInfo(): DatagramInfo {
  return {
    source: 0,
    port: 0,
    destination: 0,
    interface: 0,
    timeToLive: 0,
    typeOfService: 0,
    bytes: 0,
    segmentBytes: 0,
  };
}
