/**
 * Tests of TCP by segments that are made by hand, as packetdrill's scripts are. One stack is
 * tested; the other end is the test.
 *
 * ```ts
 * const script = new Script();
 * const listener = script.listen();
 * script.inject("S seq 0 win 1000 mss 1460");
 * script.expect("S. seq 0 ack 1");
 * script.inject(". seq 1 ack 1 win 1000");
 * const socket = listener.accept() as TcpSocket;
 * script.inject("P. seq 1 ack 1 win 1000 len 10"); // bytes 1, 2, 3 ... of a pattern
 * script.run(40_000); // time goes by, in microseconds
 * script.expect(". ack 11");
 * script.expectNothing();
 * ```
 *
 * `Script.established()` begins behind a handshake, from either side and with any options.
 *
 * A segment is a word of flags (`S` SYN, `F` FIN, `R` RST, `P` PSH, `U` URG, `.` ACK, `E` ECE, `W`
 * CWR, `A` AE, `-` none), and pairs of a name and a value in any order:
 *
 * | pair | meaning |
 * | `seq 1` | relative to the initial number of whoever sends it |
 * | `ack 1` | relative to that of the other end |
 * | `win 100` | the field, not shifted |
 * | `len 10` | bytes of payload: those of {@linkcode patternByte} at their sequence numbers |
 * | `urg 3` | the urgent pointer |
 * | `mss 1460`, `wscale 7`, `sackok` | options of a SYN |
 * | `ts 5 ecr 7` | timestamps: those of the peer as they are, ours relative to our first one |
 * | `sack 10:20,30:40` | blocks, relative like acknowledgments |
 * | `fo 0102030405060708`, `fo ask` | Fast Open: a cookie, or a request for one |
 * | `uto 30` | the user timeout, as it stands in the option |
 * | `acc 1:2:3` | counters of accurate ECN: ECT(0), CE, ECT(1) |
 * | `ip ce` | the code point: `ce`, `ect0`, `ect1`, `no` |
 * | `hops 255` | the hops that the peer's segment has left, 64 if nothing is said |
 *
 * `expect` looks at the flags and at those pairs that it is given; `no NAME` says that an option is
 * not there, and `len 0` that there is no payload. The peer's initial sequence number is such that
 * numbers wrap around soon.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { IpAddress } from "../../../../stack/ip/types.ts";
import { PacketBytes } from "../../../../stack/wire/packet_bytes.ts";
import * as tcp from "../../../../stack/wire/tcp.ts";
import { OptionBit, scan, TcpOptions } from "../../../../stack/wire/tcp_options.ts";
import * as optionsWrite from "../../../../stack/wire/tcp_options_write.ts";
import type { TcpSettings } from "../../../../stack/tcp/settings.ts";
import type { TcpSocket } from "../../../../stack/tcp/socket.ts";
import {
  sealFrame,
  type TestFrame,
  type TestHost,
  TestNetwork,
  type TestNetworkOptions,
} from "./network.ts";
import type { TestPartOptions } from "./parts.ts";

/** The peer begins here: numbers wrap around after 1000 bytes. */
const PEER_INITIAL = -1000;
const PEER_PORT = 40000;
const PORT = 80;
const PEER_ADDRESS = 0x0a000002;
const PEER_ADDRESS_6: IpAddress = [0xfd000000 | 0, 0, 0, 2];

const FLAGS: readonly (readonly [string, number])[] = [
  ["S", tcp.Flag.SYN],
  ["F", tcp.Flag.FIN],
  ["R", tcp.Flag.RST],
  ["P", tcp.Flag.PSH],
  ["U", tcp.Flag.URG],
  ["E", tcp.Flag.ECE],
  ["W", tcp.Flag.CWR],
  ["A", tcp.Flag.AE],
  [".", tcp.Flag.ACK],
];
const CODE_POINTS: Readonly<Record<string, number>> = { no: 0, ect1: 1, ect0: 2, ce: 3 };

/** What a script is made of. */
export interface ScriptOptions extends TestNetworkOptions {
  readonly settings?: Partial<TcpSettings>;
  readonly parts?: TestPartOptions;
  readonly isIpv6?: boolean;
}

/** How {@linkcode Script.established} gets there. */
export interface EstablishedOptions extends ScriptOptions {
  /** Who connects: the stack, or the peer. */
  readonly from?: "here" | "there";
  /** The options of the peer's SYN, such as `mss 1460 sackok wscale 7 ts 1 ecr 0`. */
  readonly options?: string;
  /** The window of the peer, in its SYN and behind it. */
  readonly window?: number;
}

/** The byte of the pattern that has a sequence number, relative to the initial one. */
export function patternByte(sequence: number): number {
  return sequence * 7 & 0xff;
}

/** Bytes of the pattern. */
export function pattern(sequence: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => patternByte(sequence + at));
}

/** One stack, and a peer made by hand. */
export class Script {
  readonly network: TestNetwork;
  readonly host: TestHost;
  readonly isIpv6: boolean;
  /** The ports of both ends. */
  port: number = PORT;
  peerPort: number = PEER_PORT;
  /** Our initial sequence number, once a SYN was seen. */
  initial = 0;
  /** Our first timestamp. */
  firstTimestamp = 0;
  #hasTimestamp = false;
  readonly #unseen: TestFrame[] = [];

  /** Makes a stack without sockets. */
  constructor(options: ScriptOptions = {}) {
    this.network = new TestNetwork({ delay: 0, ...options });
    this.host = this.network.addHost(options.settings, options.parts);
    this.isIpv6 = options.isIpv6 ?? false;
    this.network.rule = (frame) => {
      this.#unseen.push(frame);
      return Infinity;
    };
  }

  /** A connection behind its handshake. */
  static established(
    options: EstablishedOptions = {},
  ): { script: Script; socket: TcpSocket; listener: TcpSocket | null } {
    const script = new Script(options);
    const { from = "there", options: syn = "mss 1460", window = 65535 } = options;
    if (from === "here") {
      const socket = script.connect();
      script.expectSyn();
      script.inject(`S. seq 0 ack 1 win ${window} ${syn}`);
      script.expect(". seq 1 ack 1 len 0");
      return { script, socket, listener: null };
    }
    const listener = script.listen();
    script.inject(`S seq 0 win ${window} ${syn}`);
    script.expect("S. seq 0 ack 1");
    script.inject(`. seq 1 ack 1 win ${window}${script.#echoes(syn)}`);
    const socket = listener.accept();
    assert(typeof socket !== "number", "nothing was established");
    return { script, socket, listener };
  }

  #echoes(syn: string): string {
    const value = /\bts (\d+)/.exec(syn)?.[1];
    return value === undefined ? "" : ` ts ${value} ecr 0`;
  }

  /** Listens at the port that the peer talks to. */
  listen(backlog = 16): TcpSocket {
    return this.host.listen(this.port, backlog, this.isIpv6);
  }

  /** Connects to the peer. @param prepare is given the socket before that */
  connect(prepare: (socket: TcpSocket) => void = () => {}): TcpSocket {
    const socket = this.host.tcp.createSocket(this.isIpv6);
    prepare(socket);
    const address = this.isIpv6 ? PEER_ADDRESS_6 : PEER_ADDRESS;
    assertEquals(socket.connect(address, this.peerPort, 0), -115);
    return socket;
  }

  /** Lets time go by. */
  run(microseconds: number): void {
    this.network.run(microseconds);
  }

  /** Sends a segment to the stack. */
  inject(text: string): void {
    const frame = this.compose(text);
    this.host.environment.now = this.network.now;
    this.host.deliver(frame);
  }

  /** Makes a segment of the peer's. */
  compose(text: string): TestFrame {
    const parts = new Parts(text);
    const packets = new PacketBytes(new ArrayBuffer(2048 + parts.number("len", 0)));
    const options = this.#composeOptions(parts);
    const header = tcp.HEADER_BYTES + optionsWrite.writtenBytes(options);
    const payload = parts.number("len", 0);
    const relative = parts.number("seq", 0);
    const acknowledgment = parts.has("ack") ? parts.number("ack") + this.initial : 0;
    const sequence = relative + PEER_INITIAL | 0;
    tcp.put(
      packets,
      0,
      this.peerPort,
      this.port,
      sequence,
      acknowledgment,
      header,
      parts.flags,
      parts.number("win", 0),
      parts.number("urg", 0),
    );
    optionsWrite.write(packets, 0, options);
    const first = (parts.flags & tcp.Flag.SYN) === 0 ? relative : relative + 1;
    packets.bytes.set(pattern(first, payload), header);
    const bytes = packets.bytes.slice(0, header + payload) as Uint8Array<ArrayBuffer>;
    const [source, destination] = this.isIpv6
      ? [PEER_ADDRESS_6, this.host.address6]
      : [PEER_ADDRESS, this.host.address];
    sealFrame(bytes, source, destination);
    const typeOfService = CODE_POINTS[parts.text("ip", "no")];
    return {
      from: null,
      source,
      destination,
      bytes,
      typeOfService,
      hops: parts.number("hops", 64),
      segmentBytes: 0,
      sentAt: 0,
      number: 0,
    };
  }

  #composeOptions(parts: Parts): TcpOptions {
    const options = new TcpOptions();
    const set = (name: string, bit: number, fill: () => void) => {
      if (!parts.has(name)) return;
      options.present |= bit;
      fill();
    };
    set("mss", OptionBit.MAXIMUM_SEGMENT, () => options.maximumSegment = parts.number("mss"));
    set("wscale", OptionBit.WINDOW_SCALE, () => options.windowScale = parts.number("wscale"));
    set("sackok", OptionBit.SACK_PERMITTED, () => {});
    set("ts", OptionBit.TIMESTAMPS, () => {
      options.timestampValue = parts.number("ts") | 0;
      options.timestampEcho = parts.has("ecr") ? parts.number("ecr") + this.firstTimestamp | 0 : 0;
    });
    set("sack", OptionBit.SACK, () => {
      const blocks = parts.text("sack").split(",").map((block) => block.split(":").map(Number));
      options.sackBlocks = blocks.length;
      for (const [index, [left, right]] of blocks.entries()) {
        options.sackEdges[2 * index] = left + this.initial | 0;
        options.sackEdges[2 * index + 1] = right + this.initial | 0;
      }
    });
    set("fo", OptionBit.FAST_OPEN, () => {
      const text = parts.text("fo");
      const bytes = text === "ask" ? [] : text.match(/../g)!.map((byte) => parseInt(byte, 16));
      options.cookieBytes = bytes.length;
      options.cookie.set(bytes);
    });
    set("uto", OptionBit.USER_TIMEOUT, () => options.userTimeout = parts.number("uto"));
    set("acc", OptionBit.ACCURATE_ECN, () => {
      const [zero, marked, one] = parts.text("acc").split(":").map(Number);
      options.ecnBytes0 = zero;
      options.ecnBytesCe = marked;
      options.ecnBytes1 = one;
    });
    return options;
  }

  /** Takes the SYN that begins a connection from here: its port and its numbers are learnt. */
  expectSyn(text = "S seq 0"): TestFrame {
    const frame = this.#unseen[0];
    assert(frame !== undefined, `nothing was sent, expected "${text}"`);
    this.port = tcp.sourcePort(new PacketBytes(frame.bytes.buffer), 0);
    return this.expect(text);
  }

  /** Takes the oldest segment that was sent and not looked at, and compares it. */
  expect(text: string): TestFrame {
    const frame = this.#unseen.shift();
    assert(frame !== undefined, `nothing was sent, expected "${text}"`);
    const shown = this.show(frame);
    const wanted = new Parts(text);
    const found = new Parts(shown);
    const message = `sent "${shown}", expected "${text}"`;
    assertEquals(found.flags, wanted.flags, message);
    for (const [name, value] of wanted.pairs) {
      if (name === "no") assert(!found.has(value), message);
      else assertEquals(found.text(name, name === "len" ? "0" : "none"), value, message);
    }
    return frame;
  }

  /** What was sent and not looked at. */
  get unseen(): readonly TestFrame[] {
    return this.#unseen;
  }

  /** Forgets what was sent and not looked at. @returns how much that was */
  skip(): number {
    return this.#unseen.splice(0).length;
  }

  /** Says that nothing was sent that was not looked at. */
  expectNothing(): void {
    assertEquals(this.#unseen.map((frame) => this.show(frame)), []);
  }

  /** Writes a segment of the stack's as text. */
  show(frame: TestFrame): string {
    const packets = new PacketBytes(frame.bytes.buffer);
    const flags = tcp.flags(packets, 0);
    const header = tcp.headerBytes(packets, 0);
    const options = new TcpOptions();
    scan(packets, 0, header, options);
    if ((flags & tcp.Flag.SYN) !== 0) this.initial = tcp.sequence(packets, 0);
    const words = [FLAGS.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name).join("")];
    words.push(`seq ${tcp.sequence(packets, 0) - this.initial | 0}`);
    if ((flags & tcp.Flag.ACK) !== 0) {
      words.push(`ack ${tcp.acknowledgment(packets, 0) - PEER_INITIAL | 0}`);
    }
    words.push(`win ${tcp.window(packets, 0)}`);
    const payload = frame.bytes.length - header;
    if (payload > 0) words.push(`len ${payload}`);
    if ((flags & tcp.Flag.URG) !== 0) words.push(`urg ${tcp.urgentPointer(packets, 0)}`);
    words.push(...this.#showOptions(options));
    const codePoint = frame.typeOfService & 3;
    const [name] = Object.entries(CODE_POINTS).find(([, value]) => value === codePoint)!;
    words.push(`ip ${name}`);
    return words.join(" ");
  }

  #showOptions(options: TcpOptions): string[] {
    const { present } = options;
    const words: string[] = [];
    if ((present & OptionBit.MAXIMUM_SEGMENT) !== 0) words.push(`mss ${options.maximumSegment}`);
    if ((present & OptionBit.WINDOW_SCALE) !== 0) words.push(`wscale ${options.windowScale}`);
    if ((present & OptionBit.SACK_PERMITTED) !== 0) words.push("sackok");
    if ((present & OptionBit.TIMESTAMPS) !== 0) {
      if (!this.#hasTimestamp) this.firstTimestamp = options.timestampValue;
      this.#hasTimestamp = true;
      const value = options.timestampValue - this.firstTimestamp | 0;
      words.push(`ts ${value}`, `ecr ${options.timestampEcho}`);
    }
    if ((present & OptionBit.SACK) !== 0) {
      const blocks = Array.from({ length: options.sackBlocks }, (_, index) => {
        const left = options.sackEdges[2 * index] - PEER_INITIAL | 0;
        return `${left}:${options.sackEdges[2 * index + 1] - PEER_INITIAL | 0}`;
      });
      words.push(`sack ${blocks.join(",")}`);
    }
    if ((present & OptionBit.FAST_OPEN) !== 0) {
      const bytes = options.cookie.subarray(0, options.cookieBytes);
      const text = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      words.push(`fo ${text || "ask"}`);
    }
    if ((present & OptionBit.USER_TIMEOUT) !== 0) words.push(`uto ${options.userTimeout}`);
    if ((present & OptionBit.ACCURATE_ECN) !== 0) {
      words.push(`acc ${options.ecnBytes0}:${options.ecnBytesCe}:${options.ecnBytes1}`);
    }
    return words;
  }
}

/** The words of a segment. */
class Parts {
  readonly flags: number;
  readonly pairs: readonly (readonly [string, string])[];
  readonly #values: ReadonlyMap<string, string>;

  constructor(text: string) {
    const [flags, ...words] = text.trim().split(/\s+/);
    this.flags = 0;
    for (const letter of flags) {
      const flag = FLAGS.find(([name]) => name === letter);
      assert(flag !== undefined || letter === "-", `"${letter}" is no flag, in "${text}"`);
      this.flags |= flag?.[1] ?? 0;
    }
    const pairs: (readonly [string, string])[] = [];
    while (words.length > 0) {
      const name = words.shift()!;
      pairs.push([name, name === "sackok" ? "yes" : words.shift() ?? ""]);
    }
    this.pairs = pairs;
    this.#values = new Map(pairs);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string, otherwise = ""): string {
    return this.#values.get(name) ?? otherwise;
  }

  number(name: string, otherwise = NaN): number {
    const text = this.#values.get(name);
    const value = text === undefined ? otherwise : Number(text);
    assert(!Number.isNaN(value), `${name} is no number`);
    return value;
  }
}
