/**
 * Checks TCP on the links of a virtual network, without asking the stacks: what each end sends is
 * judged by what it has sent before and what has been delivered to it.
 *
 * It sees frames where they leave their sender and where they reach their receiver, so that loss,
 * reordering and delay in between are nobody's fault.
 *
 * @module
 */

import { ADDRESS_WORDS, FrameFields, LinkType } from "../capture/mod.ts";
import type { PacketMemory } from "../memory/mod.ts";
import {
  Fault,
  faultName,
  formatIpv4,
  formatIpv6,
  ipv4,
  Protocol,
  tcp,
  tcpOptions,
} from "../wire/mod.ts";
import * as checksum from "../wire/checksum.ts";
import type { FrameStore } from "./frame_store.ts";
import { FlowState } from "./flow_state.ts";
import type { Link } from "./link.ts";
import type { LinkDirection, LinkTap } from "./link_direction.ts";
import type { Violations } from "./violations.ts";

/** Directions of connections that are watched at a time; the oldest ones are forgotten. */
export const MAXIMUM_WATCHED_FLOWS = 4096;

const { FIN, SYN, RST, ACK } = tcp.Flag;
const UDP_CHECKSUM = 6;

/** Judges every segment of the links that it watches. */
export class FlowChecker implements LinkTap {
  /** Segments that were judged. */
  segments = 0;
  readonly #memory: PacketMemory;
  readonly #frames: FrameStore;
  readonly #violations: Violations;
  readonly #fields = new FrameFields();
  readonly #options = new tcpOptions.TcpOptions();
  readonly #flows = new Map<string, FlowState>();
  /** Nodes that are ends: what others pass on is judged where it began and ends. */
  readonly #isEnd: (node: string) => boolean;

  /**
   * @param frames the network's
   * @param violations where they are noted
   * @param isEnd whether a node of a name sends and receives, rather than passing on
   */
  constructor(
    frames: FrameStore,
    violations: Violations,
    isEnd: (node: string) => boolean = () => true,
  ) {
    this.#frames = frames;
    this.#memory = frames.memory;
    this.#violations = violations;
    this.#isEnd = isEnd;
  }

  /** Watches a link from now on. */
  watch(link: Link): Disposable {
    return link.tap(this);
  }

  /** {@inheritDoc LinkTap.onSent} */
  onSent(direction: LinkDirection, packet: number, now: number): void {
    if (!this.#isEnd(direction.source.name)) return;
    const fault = this.#read(packet);
    if (fault !== "") {
      this.#violations.add(now, "well-formed", `${direction.source.name} sends a frame: ${fault}`);
      return;
    }
    if (this.#fields.protocol !== Protocol.TCP || this.#fields.isFragment) return;
    this.segments++;
    this.#judge(this.#flowOf(false), now);
  }

  /** {@inheritDoc LinkTap.onDelivered} */
  onDelivered(direction: LinkDirection, packet: number, _now: number): void {
    if (!this.#isEnd(direction.target.name) || this.#read(packet) !== "") return;
    if (this.#fields.protocol !== Protocol.TCP || this.#fields.isFragment) return;
    this.#learn(this.#flowOf(false));
  }

  /** @returns what is wrong with a frame, in words; "" when nothing is */
  #read(packet: number): string {
    const { arena } = this.#frames;
    const memory = this.#memory;
    const fields = this.#fields;
    const at = arena.start(packet);
    const fault = fields.read(memory, at, arena.length(packet), LinkType.ETHERNET);
    if (fault !== Fault.NONE) return faultName(fault);
    if (fields.network < 0) return "";
    if (!fields.isIpv6) {
      const sum = ipv4.verify(memory, fields.network);
      if (sum !== Fault.NONE) return faultName(sum);
    }
    if (fields.transport < 0 || fields.isFragment) return "";
    return this.#readTransport();
  }

  #readTransport(): string {
    const memory = this.#memory;
    const { protocol, transport, transportBytes } = this.#fields;
    if (protocol !== Protocol.TCP && protocol !== Protocol.UDP) return "";
    if (protocol === Protocol.TCP) {
      const fault = tcp.check(memory, transport, transportBytes);
      if (fault !== Fault.NONE) return faultName(fault);
      const header = tcp.headerBytes(memory, transport);
      const wrong = tcpOptions.scan(memory, transport, header, this.#options);
      if (wrong !== Fault.NONE) return faultName(wrong);
    } else if (
      transportBytes < 8 ||
      (!this.#fields.isIpv6 && memory.view.getUint16(transport + UDP_CHECKSUM) === 0)
    ) {
      return transportBytes < 8 ? "a datagram that is cut off" : "";
    }
    const sum = memory.checksummer.sum(transport, transportBytes) + this.#pseudo();
    return checksum.complement(sum) === 0 ? "" : "its checksum is wrong";
  }

  #pseudo(): number {
    const { source, destination, protocol, transportBytes, isIpv6 } = this.#fields;
    const last = ADDRESS_WORDS - 1;
    if (!isIpv6) {
      return checksum.pseudoIpv4(source[last], destination[last], protocol, transportBytes);
    }
    let sum = protocol + transportBytes;
    for (let word = 0; word < ADDRESS_WORDS; word++) {
      sum += (source[word] >>> 16) + (source[word] & 0xffff);
      sum += (destination[word] >>> 16) + (destination[word] & 0xffff);
    }
    return checksum.fold(sum);
  }

  /** The state of the flow that the segment belongs to, or of the one from the other end. */
  #flowOf(reversed: boolean): FlowState {
    const { source, destination, sourcePort, destinationPort } = this.#fields;
    const from = `${source.join(".")}:${sourcePort}`;
    const to = `${destination.join(".")}:${destinationPort}`;
    const key = reversed ? `${to} ${from}` : `${from} ${to}`;
    const known = this.#flows.get(key);
    if (known !== undefined) return known;
    const flow = new FlowState(this.#nameOf(reversed));
    this.#flows.set(key, flow);
    const other = this.#flows.get(reversed ? `${from} ${to}` : `${to} ${from}`);
    if (other !== undefined) [flow.peer, other.peer] = [other, flow];
    if (this.#flows.size > MAXIMUM_WATCHED_FLOWS) {
      const [oldest] = this.#flows.keys();
      this.#flows.delete(oldest);
    }
    return flow;
  }

  #nameOf(reversed: boolean): string {
    const { source, destination, sourcePort, destinationPort } = this.#fields;
    const one = `${this.#addressText(source)}:${sourcePort}`;
    const other = `${this.#addressText(destination)}:${destinationPort}`;
    return reversed ? `${other} to ${one}` : `${one} to ${other}`;
  }

  #addressText(words: Int32Array): string {
    if (!this.#fields.isIpv6) return formatIpv4(words[ADDRESS_WORDS - 1]);
    return `[${formatIpv6([words[0], words[1], words[2], words[3]])}]`;
  }

  /** A segment leaves its sender. */
  #judge(flow: FlowState, now: number): void {
    const memory = this.#memory;
    const { transport, transportBytes } = this.#fields;
    const flags = tcp.flags(memory, transport);
    const sequence = tcp.sequence(memory, transport);
    const header = tcp.headerBytes(memory, transport);
    const payload = transportBytes - header;
    if ((flags & RST) !== 0) {
      flow.isReset = true;
      return;
    }
    if ((flags & SYN) !== 0 && !(flow.isOpen && flow.initial === sequence)) {
      this.#open(flow, sequence);
    }
    if (!flow.isOpen || flow.isReset) return;
    const end = this.#judgeSequence(flow, now, flags, sequence, payload);
    if (payload > 0) {
      const first = (sequence + ((flags & SYN) !== 0 ? 1 : 0)) | 0;
      const differs = flow.compare(memory.bytes, transport + header, first, payload);
      if (differs >= 0) {
        this.#blame(flow, now, "streams equal", `sends ${differs} anew with other bytes`);
      }
      this.#judgeSize(flow, now, payload);
    }
    if (((end - flow.sentNext) | 0) > 0) flow.sentNext = end;
    if ((flags & ACK) !== 0) this.#judgeAcknowledgment(flow, now, flags);
  }

  #open(flow: FlowState, sequence: number): void {
    const { present, windowScale, maximumSegment } = this.#options;
    flow.open(sequence);
    if ((present & tcpOptions.OptionBit.WINDOW_SCALE) !== 0) flow.windowScale = windowScale;
    if ((present & tcpOptions.OptionBit.MAXIMUM_SEGMENT) !== 0) {
      flow.maximumSegment = maximumSegment;
    }
  }

  /** Numbers go on without gaps, and not beyond the window. @returns the number behind the segment */
  #judgeSequence(
    flow: FlowState,
    now: number,
    flags: number,
    sequence: number,
    payload: number,
  ): number {
    const hasFin = (flags & FIN) !== 0;
    const length = payload + ((flags & SYN) !== 0 ? 1 : 0) + (hasFin ? 1 : 0);
    const end = (sequence + length) | 0;
    if (((sequence - flow.sentNext) | 0) > 0) {
      this.#blame(
        flow,
        now,
        "sequence numbers",
        `leaves out ${flow.sentNext >>> 0}, sends ${sequence >>> 0}`,
      );
    }
    if (flow.hasFin && ((end - flow.fin - 1) | 0) > 0) {
      this.#blame(flow, now, "sequence numbers", `sends ${length} bytes behind its FIN`);
    }
    if (hasFin && !flow.hasFin) {
      flow.hasFin = true;
      flow.fin = (end - 1) | 0;
    }
    const { peer } = flow;
    // One byte more is allowed: a probe of a closed window, RFC 9293 section 3.8.6.1; a FIN, too.
    // Data in a SYN go by no window: RFC 7413.
    const goesByWindow = payload > 0 && (flags & SYN) === 0;
    if (goesByWindow && peer !== null && peer.hasDeliveredEdge) {
      const beyond = (sequence + payload - peer.deliveredEdge) | 0;
      if (beyond > 1) this.#blame(flow, now, "windows", `sends ${beyond} bytes beyond the window`);
    }
    return end;
  }

  /** RFC 9293 section 3.7.1: no segment is longer than the other end takes. */
  #judgeSize(flow: FlowState, now: number, payload: number): void {
    const { peer } = flow;
    if (peer === null || !peer.isOpen || payload <= peer.maximumSegment) return;
    const what = `sends ${payload} bytes in a segment, of ${peer.maximumSegment}`;
    this.#blame(flow, now, "segment size", what);
  }

  /** Acknowledgments never go back, and tell of nothing that never came; windows do not shrink. */
  #judgeAcknowledgment(flow: FlowState, now: number, flags: number): void {
    const acknowledgment = tcp.acknowledgment(this.#memory, this.#fields.transport);
    if (flow.hasAcknowledged && ((acknowledgment - flow.acknowledged) | 0) < 0) {
      const what = `acknowledges ${acknowledgment >>> 0} after ${flow.acknowledged >>> 0}`;
      this.#blame(flow, now, "acknowledgments", what);
    }
    if (flow.hasReceived && ((acknowledgment - flow.receivedNext) | 0) > 0) {
      const what = `acknowledges ${acknowledgment >>> 0}, but got up to ${flow.receivedNext >>> 0}`;
      this.#blame(flow, now, "acknowledgments", what);
    }
    flow.hasAcknowledged = true;
    flow.acknowledged = acknowledgment;
    const edge = this.#edgeOf(flow, flags, acknowledgment);
    // Rounding to the scale may take back less than one unit: RFC 7323 section 2.4.
    const unit = flow.windowScale > 0 ? 1 << flow.windowScale : 1;
    if (flow.hasAnnounced && ((edge - flow.announcedEdge) | 0) <= -unit) {
      const what = `takes back ${(flow.announcedEdge - edge) | 0} bytes of its window`;
      this.#blame(flow, now, "windows", what);
    }
    if (!flow.hasAnnounced || ((edge - flow.announcedEdge) | 0) > 0) flow.announcedEdge = edge;
    flow.hasAnnounced = true;
    this.#judgeTimestamp(flow, now);
  }

  /** RFC 7323 section 5.4: the clock of timestamps does not go back. */
  #judgeTimestamp(flow: FlowState, now: number): void {
    const { present, timestampValue } = this.#options;
    if ((present & tcpOptions.OptionBit.TIMESTAMPS) === 0) return;
    if (flow.hasTimestamp && ((timestampValue - flow.timestamp) | 0) < 0) {
      this.#blame(flow, now, "timestamps", `goes back from ${flow.timestamp} to ${timestampValue}`);
    }
    flow.hasTimestamp = true;
    flow.timestamp = timestampValue;
  }

  /** The right edge of the window that a segment announces. Those of SYNs are not scaled. */
  #edgeOf(flow: FlowState, flags: number, acknowledgment: number): number {
    const window = tcp.window(this.#memory, this.#fields.transport);
    const isScaled = (flags & SYN) === 0 && flow.windowScale > 0 && flow.peer !== null &&
      flow.peer.windowScale >= 0;
    return (acknowledgment + (isScaled ? window * 2 ** flow.windowScale : window)) | 0;
  }

  /** A segment reaches its receiver: what that may do from now on. */
  #learn(flow: FlowState): void {
    const memory = this.#memory;
    const { transport, transportBytes } = this.#fields;
    const flags = tcp.flags(memory, transport);
    const receiver = this.#flowOf(true);
    if ((flags & RST) !== 0) {
      receiver.isReset = true;
      return;
    }
    const payload = transportBytes - tcp.headerBytes(memory, transport);
    const length = payload + ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0);
    const end = (tcp.sequence(memory, transport) + length) | 0;
    if (!receiver.hasReceived || ((end - receiver.receivedNext) | 0) > 0) {
      receiver.receivedNext = end;
      receiver.hasReceived = true;
    }
    if ((flags & ACK) === 0) return;
    const edge = this.#edgeOf(flow, flags, tcp.acknowledgment(memory, transport));
    if (!flow.hasDeliveredEdge || ((edge - flow.deliveredEdge) | 0) > 0) flow.deliveredEdge = edge;
    flow.hasDeliveredEdge = true;
  }

  #blame(flow: FlowState, now: number, rule: string, what: string): void {
    this.#violations.add(now, rule, `${flow.name} ${what}`);
  }
}
