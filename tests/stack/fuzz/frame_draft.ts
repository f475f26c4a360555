/**
 * A frame that is being changed: where its headers are, as a receiver would find them, and
 * checksums that are right, or surely wrong, again afterwards.
 *
 * @module
 */

import { complement, PlainChecksummer } from "../../../stack/wire/checksum.ts";
import { pseudoIpv4At, pseudoIpv6At } from "../../../stack/wire/checksum.ts";
import * as ipv4 from "../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import { EtherType, Protocol } from "../../../stack/wire/numbers.ts";
import { PacketBytes } from "../../../stack/wire/packet_bytes.ts";
import * as udp from "../../../stack/wire/udp.ts";

/** The longest frame that is kept or made. */
export const FRAME_ROOM = 2048;
/** Where IP begins: no tags are looked for. */
export const IP_AT = 14;
/** Headers of any length that a broken field names must be readable behind the longest frame. */
const SLACK = 4096;
const TYPE_AT = 12;
const FRAGMENT_BITS = 0x3fff;
/** The checksum of a header of IPv4. */
const HEADER_CHECKSUM_AT = IP_AT + 10;
/** Extension headers that are skipped: more do not matter here. */
const EXTENSIONS: ReadonlySet<number> = new Set([
  Protocol.HOP_BY_HOP,
  Protocol.ROUTING,
  Protocol.DESTINATION_OPTIONS,
]);
const MOST_EXTENSIONS = 8;
/** What a fragment header of IPv6 has, and what of it is not 0 in fragments that are no whole. */
const FRAGMENT_BYTES = 8;
const PART_BITS = 0xfff9;
/** Where a datagram of UDP says how long it is. */
const UDP_LENGTH_AT = 4;
/** Where the checksum of each protocol is. */
const CHECKSUM_AT: Readonly<Record<number, number>> = {
  [Protocol.TCP]: 16,
  [Protocol.UDP]: 6,
  [Protocol.ICMPV4]: 2,
  [Protocol.ICMPV6]: 2,
  [Protocol.IGMP]: 2,
};

/** A frame in memory of its own. */
export class FrameDraft {
  readonly packets: PacketBytes = new PacketBytes(new ArrayBuffer(FRAME_ROOM + SLACK));
  readonly summer: PlainChecksummer = new PlainChecksummer(this.packets);
  /** Bytes of the frame. */
  length = 0;
  /** The version of IP, or 0. */
  version = 0;
  /** What IP carries, -1 where that is not known. */
  protocol = -1;
  /** Where that is, -1 where it is not known, or only a part is here. */
  transportAt = -1;
  /** Where the fragment header of IPv6 is, -1 where the packet is whole. */
  fragmentAt = -1;
  /** The end of the packet of IP, as its header says, but within the frame. */
  end = 0;

  /** Begins with a frame. */
  load(bytes: Uint8Array): void {
    this.length = Math.min(bytes.length, FRAME_ROOM);
    this.packets.bytes.fill(0);
    this.packets.bytes.set(bytes.subarray(0, this.length));
    this.locate();
  }

  /** The frame as it is now. */
  bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.packets.bytes.subarray(0, this.length));
  }

  /** Finds the headers. */
  locate(): void {
    const { view } = this.packets;
    this.version = 0;
    this.protocol = -1;
    this.transportAt = -1;
    this.fragmentAt = -1;
    const type = view.getUint16(TYPE_AT);
    if (type === EtherType.IPV4 && this.length >= IP_AT + ipv4.HEADER_BYTES) this.#locateIpv4();
    else if (type === EtherType.IPV6 && this.length >= IP_AT + ipv6.HEADER_BYTES) {
      this.#locateIpv6();
    }
    if (this.transportAt > this.end) this.transportAt = -1;
  }

  #locateIpv4(): void {
    const { view } = this.packets;
    this.version = 4;
    this.protocol = view.getUint8(IP_AT + 9);
    this.end = Math.min(this.length, IP_AT + view.getUint16(IP_AT + 2));
    if ((view.getUint16(IP_AT + 6) & FRAGMENT_BITS) !== 0) return;
    this.transportAt = IP_AT + Math.max(5, view.getUint8(IP_AT) & 15) * 4;
  }

  #locateIpv6(): void {
    const { view } = this.packets;
    this.version = 6;
    this.end = Math.min(this.length, IP_AT + ipv6.HEADER_BYTES + view.getUint16(IP_AT + 4));
    let next = view.getUint8(IP_AT + 6);
    let at = IP_AT + ipv6.HEADER_BYTES;
    for (let count = 0; EXTENSIONS.has(next) || next === Protocol.FRAGMENT; count++) {
      if (count === MOST_EXTENSIONS || at + 8 > this.end) return;
      if (next === Protocol.FRAGMENT && (view.getUint16(at + 2) & PART_BITS) !== 0) {
        this.protocol = next;
        this.fragmentAt = at;
        return;
      }
      // A fragment that is all of its packet is one header more.
      const bytes = next === Protocol.FRAGMENT ? FRAGMENT_BYTES : 8 + view.getUint8(at + 1) * 8;
      next = view.getUint8(at);
      at += bytes;
    }
    this.protocol = next;
    this.transportAt = at;
  }

  /** Makes the lengths of IP and UDP agree with the frame's. */
  fitLengths(): void {
    const { view } = this.packets;
    this.locate();
    if (this.version === 4) view.setUint16(IP_AT + 2, this.length - IP_AT);
    else if (this.version === 6) {
      view.setUint16(IP_AT + 4, this.length - IP_AT - ipv6.HEADER_BYTES);
    }
    this.end = this.length;
    if (this.protocol === Protocol.UDP && this.transportAt >= 0) {
      view.setUint16(this.transportAt + UDP_LENGTH_AT, this.end - this.transportAt);
    }
  }

  /** Makes all checksums right. */
  repair(): void {
    this.locate();
    if (this.version === 4) {
      this.packets.view.setUint16(HEADER_CHECKSUM_AT, this.#rightHeaderChecksum());
    }
    const at = this.#checksumAt();
    if (at >= 0) this.packets.view.setUint16(at, this.#rightChecksum(at));
  }

  /**
   * Makes sure that a packet which was changed does not get past all checksums.
   *
   * That of its transport is wrong then, or where it is a fragment of IPv4, that of its header. A
   * fragment of IPv6 has neither. Where it stands for the one that was seen, it adds 1 to what the
   * packet's checksum is about: however many fragments of a packet are changed, the sum is wrong.
   * Any other one belongs to a packet of its own, which nothing completes.
   *
   * @param seen the frame before it was changed
   * @param identification one that no packet has
   */
  spoil(seen: Uint8Array, identification: number): void {
    this.locate();
    if (this.fragmentAt >= 0) {
      this.#spoilFragment(seen, identification);
      return;
    }
    const { view } = this.packets;
    const at = this.#checksumAt();
    if (at >= 0) {
      const said = view.getUint16(at);
      const isUnsummed = said === 0 && this.protocol === Protocol.UDP;
      const right = this.#rightChecksum(at);
      view.setUint16(at, isUnsummed ? wrongOf(right, right) : wrongOf(said, right));
    } else if (this.version === 4) {
      const said = view.getUint16(HEADER_CHECKSUM_AT);
      view.setUint16(HEADER_CHECKSUM_AT, wrongOf(said, this.#rightHeaderChecksum()));
    }
  }

  #spoilFragment(seen: Uint8Array, identification: number): void {
    const { view } = this.packets;
    const before = new FrameDraft();
    before.load(seen);
    if (!this.#standsFor(before)) {
      view.setUint32(this.fragmentAt + 4, identification);
      return;
    }
    const wordAt = this.fragmentAt + FRAGMENT_BYTES + (this.#fragmentBytes & ~1) - 2;
    const missing = before.#fragmentSum() + 1 - this.#fragmentSum() + 0xffff;
    view.setUint16(wordAt, (view.getUint16(wordAt) + missing) % 0xffff);
  }

  /** Whether a fragment has its place in the packet that another one has its place in. */
  #standsFor(before: FrameDraft): boolean {
    if (before.fragmentAt < 0 || this.#fragmentBytes !== before.#fragmentBytes) return false;
    if (this.#fragmentBytes < UDP_LENGTH_AT + 2) return false;
    return this.#isSame(before, () => IP_AT + 8, 32) &&
      this.#isSame(before, ({ fragmentAt }) => fragmentAt, FRAGMENT_BYTES) &&
      // How much a sum is about is said in the first one.
      this.#isSame(before, ({ fragmentAt }) => fragmentAt + FRAGMENT_BYTES + UDP_LENGTH_AT, 2);
  }

  #isSame(other: FrameDraft, at: (draft: FrameDraft) => number, bytes: number): boolean {
    const [own, its] = [at(this), at(other)];
    const { packets: { bytes: memory } } = other;
    return this.packets.bytes.subarray(own, own + bytes).every((byte, nth) =>
      byte === memory[its + nth]
    );
  }

  get #fragmentBytes(): number {
    return this.end - this.fragmentAt - FRAGMENT_BYTES;
  }

  #fragmentSum(): number {
    return this.summer.sum(this.fragmentAt + FRAGMENT_BYTES, this.#fragmentBytes) % 0xffff;
  }

  /** Whether the packet has a checksum of its transport. */
  get hasChecksum(): boolean {
    return this.#checksumAt() >= 0;
  }

  #checksumAt(): number {
    const offset = CHECKSUM_AT[this.protocol];
    if (this.transportAt < 0 || offset === undefined) return -1;
    const at = this.transportAt + offset;
    return at + 2 <= this.end ? at : -1;
  }

  #rightChecksum(at: number): number {
    const { view } = this.packets;
    const said = view.getUint16(at);
    const bytes = this.#summedBytes;
    view.setUint16(at, 0);
    const right = complement(this.summer.sum(this.transportAt, bytes) + this.#pseudo(bytes));
    view.setUint16(at, said);
    return right === 0 && this.protocol === Protocol.UDP ? 0xffff : right;
  }

  /** A datagram of UDP may be shorter than what IP carries. */
  get #summedBytes(): number {
    const bytes = this.end - this.transportAt;
    if (this.protocol !== Protocol.UDP) return bytes;
    const said = this.packets.view.getUint16(this.transportAt + UDP_LENGTH_AT);
    return said >= udp.HEADER_BYTES && said < bytes ? said : bytes;
  }

  #rightHeaderChecksum(): number {
    const { view } = this.packets;
    const said = view.getUint16(HEADER_CHECKSUM_AT);
    view.setUint16(HEADER_CHECKSUM_AT, 0);
    const right = complement(this.summer.sum(IP_AT, (view.getUint8(IP_AT) & 15) * 4));
    view.setUint16(HEADER_CHECKSUM_AT, said);
    return right;
  }

  #pseudo(bytes: number): number {
    const { protocol } = this;
    if (this.version === 6) return pseudoIpv6At(this.packets, IP_AT, protocol, bytes);
    if (protocol === Protocol.ICMPV4 || protocol === Protocol.IGMP) return 0;
    return pseudoIpv4At(this.packets, IP_AT, protocol, bytes);
  }
}

/** A checksum that is wrong: what was said if that is, else another one. */
function wrongOf(said: number, right: number): number {
  // 0 and 0xffff are the same number, and 0 in UDP is none at all.
  if (said % 0xffff !== right % 0xffff) return said;
  const wrong = (right + 1) & 0xffff;
  return wrong % 0xffff === 0 ? 0x1234 : wrong;
}
