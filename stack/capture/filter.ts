/**
 * Which frames a capture keeps.
 *
 * @module
 */

import { EtherType, Fault, ipv4Of, ipv6Of, type PacketBytes, Protocol } from "../wire/mod.ts";
import { ADDRESS_WORDS, FrameFields } from "./frame_fields.ts";
import { LinkType } from "./pcapng_numbers.ts";

/** One end of a socket. */
export interface CaptureEnd {
  /** An address as text; any, where it is not given. */
  readonly address?: string;
  /** A port; any, where it is not given. */
  readonly port?: number;
}

/** What is kept: what fits all that is given. */
export interface CaptureFilterOptions {
  /** A protocol by name, or the number of one over IP. */
  readonly protocol?: "arp" | "ip" | "ip6" | "icmp" | "icmp6" | "tcp" | "udp" | number;
  /** Either end. */
  readonly host?: string;
  /** Either end. */
  readonly port?: number;
  /** One socket: what goes from one of these ends to the other one, both ways. */
  readonly socket?: { readonly local?: CaptureEnd; readonly remote?: CaptureEnd };
}

/** An end whose address is read. */
interface End {
  readonly words: Int32Array | null;
  readonly port: number;
}

const ANY: End = { words: null, port: 0 };
const KEYS = ["protocol", "host", "port", "socket"];

/** Decides about frames, one by one. */
export class CaptureFilter {
  /** What it keeps, in the words of pcap-filter(7). */
  readonly text: string;
  readonly #etherType: number;
  readonly #protocol: number;
  readonly #host: Int32Array | null;
  readonly #port: number;
  readonly #local: End;
  readonly #remote: End;
  /** Whether it asks for addresses or ports at all. */
  readonly #hasEnds: boolean;
  readonly #fields = new FrameFields();
  readonly #linkType: number;

  /**
   * Makes a filter.
   *
   * @param options what is kept; everything, where nothing is given
   * @param linkType what frames are: one of {@linkcode LinkType}; Ethernet
   * @throws {TypeError} when an address or a protocol is none, or a key is unknown
   */
  constructor(options: CaptureFilterOptions = {}, linkType: number = LinkType.ETHERNET) {
    for (const key of Object.keys(options)) {
      if (!KEYS.includes(key)) throw new TypeError(`a capture filter has no ${key}`);
    }
    [this.#etherType, this.#protocol] = protocolOf(options.protocol);
    this.#host = options.host === undefined ? null : wordsOf(options.host);
    this.#port = options.port ?? 0;
    this.#local = endOf(options.socket?.local);
    this.#remote = endOf(options.socket?.remote);
    this.#hasEnds = this.#host !== null || this.#port !== 0 || options.socket !== undefined;
    this.#linkType = linkType;
    this.text = textOf(options);
  }

  /** Whether a frame is kept. */
  matches(packets: PacketBytes, at: number, length: number): boolean {
    const fields = this.#fields;
    const isWhole = fields.read(packets, at, length, this.#linkType) === Fault.NONE;
    if (this.#etherType !== 0 && fields.etherType !== this.#etherType) return false;
    if (this.#protocol >= 0 && !(isWhole && fields.protocol === this.#protocol)) return false;
    if (!this.#hasEnds) return true;
    return fields.network >= 0 && this.#fitsEither(fields) && this.#fitsSocket(fields);
  }

  #fitsEither({ source, destination, sourcePort, destinationPort }: FrameFields): boolean {
    const host = this.#host;
    if (host !== null && !isSame(host, source) && !isSame(host, destination)) return false;
    const port = this.#port;
    return port === 0 || sourcePort === port || destinationPort === port;
  }

  #fitsSocket({ source, destination, sourcePort, destinationPort }: FrameFields): boolean {
    const local = this.#local;
    const remote = this.#remote;
    if (isEnd(local, source, sourcePort) && isEnd(remote, destination, destinationPort)) {
      return true;
    }
    return isEnd(remote, source, sourcePort) && isEnd(local, destination, destinationPort);
  }
}

function isSame(one: Int32Array, other: Int32Array): boolean {
  for (let word = 0; word < ADDRESS_WORDS; word++) if (one[word] !== other[word]) return false;
  return true;
}

function isEnd(end: End, address: Int32Array, port: number): boolean {
  return (end.port === 0 || end.port === port) &&
    (end.words === null || isSame(end.words, address));
}

function endOf(end: CaptureEnd | undefined): End {
  if (end === undefined || (end.address === undefined && end.port === undefined)) return ANY;
  const words = end.address === undefined ? null : wordsOf(end.address);
  return { words, port: end.port ?? 0 };
}

function wordsOf(address: string): Int32Array {
  if (address.includes(":")) return Int32Array.from(ipv6Of(address));
  return Int32Array.of(0, 0, 0, ipv4Of(address));
}

function protocolOf(
  protocol: CaptureFilterOptions["protocol"],
): readonly [etherType: number, protocol: number] {
  switch (protocol) {
    case undefined:
      return [0, -1];
    case "arp":
      return [EtherType.ARP, -1];
    case "ip":
      return [EtherType.IPV4, -1];
    case "ip6":
      return [EtherType.IPV6, -1];
    case "icmp":
      return [EtherType.IPV4, Protocol.ICMPV4];
    case "icmp6":
      return [EtherType.IPV6, Protocol.ICMPV6];
    case "tcp":
      return [0, Protocol.TCP];
    case "udp":
      return [0, Protocol.UDP];
    default:
      if (Number.isInteger(protocol) && protocol >= 0 && protocol <= 255) return [0, protocol];
      throw new TypeError(`${String(protocol)} is no protocol that a capture can be filtered by`);
  }
}

function textOf({ protocol, host, port, socket }: CaptureFilterOptions): string {
  const words: string[] = [];
  if (protocol !== undefined) {
    words.push(typeof protocol === "number" ? `proto ${protocol}` : protocol);
  }
  if (host !== undefined) words.push(`host ${host}`);
  if (port !== undefined) words.push(`port ${port}`);
  for (const end of [socket?.local, socket?.remote]) {
    if (end?.address !== undefined) words.push(`host ${end.address}`);
    if (end?.port !== undefined) words.push(`port ${end.port}`);
  }
  return words.join(" and ");
}
