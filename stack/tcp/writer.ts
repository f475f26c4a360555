/**
 * Writes segments and hands them to IP: one object for a whole stack, whose fields are filled in
 * before each segment, so that nothing is allocated.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { Environment } from "../environment.ts";
import type { Flow, IpOutput, IpParameters } from "../ip/types.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import { pseudoIpv4, pseudoIpv6 } from "../wire/checksum.ts";
import { Protocol } from "../wire/numbers.ts";
import * as tcp from "../wire/tcp.ts";
import { OptionBit, TcpOptions } from "../wire/tcp_options.ts";
import * as optionsWrite from "../wire/tcp_options_write.ts";
import { TcpCounter } from "./counters.ts";
import type { Segment } from "./types.ts";

const { FIN, SYN, RST, ACK } = tcp.Flag;

/** The two bits of ECN in the header of IP: capable, in the only way that senders here use. */
export const ECT_0 = 2;

/** Writes segments. */
export class SegmentWriter {
  /** The options of the next segment: whoever writes one sets `present`. */
  readonly options: TcpOptions = new TcpOptions();
  /** What the header of IP says. */
  readonly parameters: IpParameters = {
    timeToLive: 0,
    typeOfService: 0,
    fragmentation: "forbidden",
    flowLabel: 0,
    options: null,
  };
  readonly #environment: Environment;
  readonly #output: IpOutput;
  readonly #counters: Counters<typeof TcpCounter>;

  /**
   * Makes a writer.
   *
   * @param environment where packets are taken from
   * @param output who sends them
   * @param counters where they are counted
   */
  constructor(
    environment: Environment,
    output: IpOutput,
    counters: Counters<typeof TcpCounter>,
  ) {
    this.#environment = environment;
    this.#output = output;
    this.#counters = counters;
  }

  /** Whether ECN is that of RFC 3168 for what is sent next, not the accurate one. */
  isEcnClassic = false;
  /** Whether what it sends finds out whether the path takes it: RFC 4821. */
  isProbe = false;

  /** What the header of IP says if nobody says otherwise. */
  resetParameters(): void {
    const { parameters } = this;
    parameters.timeToLive = 0;
    parameters.typeOfService = 0;
    parameters.fragmentation = "forbidden";
    parameters.flowLabel = 0;
  }

  /**
   * Writes one segment, with the options and parameters that stand here, and sends it.
   *
   * @param flow whose path is set
   * @param window as it stands in the header
   * @param urgentPointer as it stands there
   * @param payload a chain whose hold is handed over, or -1; who has others hold it, too, passes
   * slices
   * @param bytes how long that is
   * @param segmentBytes the payload of each segment it is to be taken apart into, or 0
   * @returns 0 or `-errno`
   */
  send(
    flow: Flow,
    sequence: number,
    acknowledgment: number,
    flags: number,
    window: number,
    urgentPointer: number,
    payload: number,
    bytes: number,
    segmentBytes: number,
  ): number {
    const { arena, packets } = this.#environment;
    const { options } = this;
    const header = tcp.HEADER_BYTES + headerOptionBytes(options);
    // In front of a payload that is a packet of its own there is room for headers.
    const isOne = payload >= 0 && arena.headroom(payload) >= header;
    const packet = isOne ? payload : arena.take(header);
    if (packet < 0) {
      if (payload >= 0) arena.release(payload);
      this.#counters.add(TcpCounter.OUTPUT_NO_MEMORY);
      return -Errno.ENOBUFS;
    }
    const at = isOne ? arena.prepend(packet, header) : arena.start(packet);
    const { memory } = arena;
    tcp.put(
      memory,
      at,
      flow.localPort,
      flow.remotePort,
      sequence,
      acknowledgment,
      header,
      flags,
      window,
      urgentPointer,
    );
    if (header > tcp.HEADER_BYTES) optionsWrite.write(memory, at, options);
    packets.clear(packet);
    packets.transport[packet] = at;
    packets.flags[packet] = PacketFlag.CHECKSUM_PARTIAL;
    // RFC 9293 section 3.1 (MUST-2): every segment has a checksum; who sends it on completes it.
    tcp.putChecksum(memory, at, pseudoSum(flow, header + bytes));
    if (segmentBytes > 0 && bytes > segmentBytes) {
      const kind = typeof flow.remote === "number" ? Segmentation.TCP_IPV4 : Segmentation.TCP_IPV6;
      // RFC 3168 section 6.1.2: CWR is for the first segment; in accurate ECN, where it is a bit of
      // a counter, it is for all of them.
      const isOnce = this.isEcnClassic && (flags & tcp.Flag.CWR) !== 0;
      packets.segmentation[packet] = isOnce ? kind | Segmentation.ECN : kind;
      packets.segmentBytes[packet] = segmentBytes;
    }
    if (payload >= 0 && !isOne) arena.append(packet, payload);
    const result = this.#output.send(flow, packet, Protocol.TCP, this.parameters);
    const { values } = this.#counters;
    if (result < 0) values[TcpCounter.OUTPUT_REFUSED]++;
    else values[TcpCounter.SEGMENTS_SENT]++;
    return result;
  }

  /** Sends a segment that is nothing but flags and numbers, without options. */
  sendBare(
    flow: Flow,
    sequence: number,
    acknowledgment: number,
    flags: number,
    window: number,
  ): number {
    this.options.present = 0;
    if ((flags & RST) !== 0) this.#counters.add(TcpCounter.RESETS_SENT);
    return this.send(flow, sequence, acknowledgment, flags, window, 0, -1, 0, 0);
  }

  /**
   * Answers a segment that nobody wanted by a reset. RFC 9293 section 3.10.7.1.
   *
   * @param flow its ends as we see them; a path is found if it has none
   */
  sendReset(flow: Flow, segment: Segment): void {
    if (flow.path === null && this.#output.route(flow) < 0) return;
    const { flags } = segment;
    // RFC 9293 section 3.5.2, group 1: a reset takes its number from the acknowledgment field, and
    // otherwise has number 0 and acknowledges what arrived.
    if ((flags & ACK) !== 0) {
      this.sendBare(flow, segment.acknowledgment, 0, RST, 0);
      return;
    }
    this.sendBare(flow, 0, segmentEnd(segment), RST | ACK, 0);
  }
}

/** The number behind all of a segment: SEG.SEQ + SEG.LEN. */
export function segmentEnd(segment: Segment): number {
  return segment.sequence + segment.payloadBytes + ((segment.flags & FIN) !== 0 ? 1 : 0) | 0;
}

/** SEG.SEQ: a SYN comes before what {@linkcode Segment.sequence} says. */
export function segmentStart(segment: Segment): number {
  return (segment.flags & SYN) !== 0 ? segment.sequence - 1 | 0 : segment.sequence;
}

function headerOptionBytes(options: TcpOptions): number {
  if (options.present === OptionBit.TIMESTAMPS) return 12;
  return options.present === 0 ? 0 : optionsWrite.writtenBytes(options);
}

function pseudoSum(flow: Flow, bytes: number): number {
  const { local, remote } = flow;
  return typeof remote === "number"
    ? pseudoIpv4(local as number, remote, Protocol.TCP, bytes)
    : pseudoIpv6(local as Exclude<typeof local, number>, remote, Protocol.TCP, bytes);
}
