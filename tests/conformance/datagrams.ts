/**
 * Datagram sockets of a ring, entry by entry: messages, names and control data in ring memory.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Completion, type Entry, NAMES_LOCAL, type Raw, type RawOperation } from "./raw.ts";
import { SocketAddress } from "../../mod.ts";
import { CMSGHDR, IOVEC, MSGHDR, RECVMSG_OUT } from "../../ring/abi/layout.ts";
import { CqeFlag, IoPrio, Op, Sock, SqeFlag } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6, decodeSockaddr } from "../../ring/abi/sockaddr.ts";
import { controlSpace, writeControl } from "../../ring/abi/control.ts";
import { DATAGRAM_GROUP } from "../../ring/buffers.ts";

/** The fields of a multishot receive of datagrams. */
export const MULTISHOT: Entry = {
  flags: SqeFlag.BUFFER_SELECT,
  ioprio: IoPrio.RECV_MULTISHOT,
  bufferGroup: DATAGRAM_GROUP,
};
/** Room for any address of the internet. */
export const NAME_ROOM = 28;
const NAME_CAPACITY = 128;

/** A range of ring memory. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** What a `msghdr` has beside its vector. */
export interface MessageFields {
  readonly parts?: readonly Range[];
  /** Where the name is, or goes; left out for none. */
  readonly name?: number;
  readonly nameLength?: number;
  readonly control?: Range;
}

/** A socket and its name. */
export interface BoundSocket {
  readonly fd: number;
  readonly address: SocketAddress;
}

/** What a provided buffer of a multishot RECVMSG held. */
export interface Received {
  readonly name: string;
  readonly nameLength: number;
  readonly controlLength: number;
  readonly payloadLength: number;
  readonly flags: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function setLong(raw: Raw, offset: number, value: number): void {
  const { words } = raw.reactor.memory;
  words[offset >> 2] = value | 0;
  words[(offset >> 2) + 1] = Math.floor(value / 4294967296);
}

/** A new datagram socket, closed at the end. */
export async function datagramSocket(raw: Raw, family: number = AF_INET): Promise<number> {
  const fd = await raw.run(Op.SOCKET, { fd: family, offset: Sock.DGRAM | Sock.CLOEXEC });
  if (fd < 0) throw new Error(`no socket: errno ${-fd}`);
  raw.closeLater(fd);
  return fd;
}

/** A datagram socket on a free port of loopback. */
export async function boundSocket(raw: Raw, address = "127.0.0.1:0"): Promise<BoundSocket> {
  const wanted = SocketAddress.parse(address);
  const fd = await datagramSocket(raw, wanted.family === "IPv6" ? AF_INET6 : AF_INET);
  assertEquals(await raw.bind(fd, wanted), 0, "bind");
  return { fd, address: await localName(raw, fd) };
}

/** The local name of a socket. */
export async function localName(raw: Raw, fd: number): Promise<SocketAddress> {
  const names = await raw.names(fd, NAMES_LOCAL);
  if (typeof names === "number") throw new Error(`no name: errno ${-names}`);
  return SocketAddress.parse(names.local);
}

/** A block with a `msghdr`. @returns its offset */
export function messageHeader(raw: Raw, fields: MessageFields): number {
  const { parts = [], name, nameLength = 0, control } = fields;
  const { base, words } = raw.reactor.memory;
  const vector = raw.block(Math.max(1, parts.length) * IOVEC.SIZE);
  for (const [index, { offset, length }] of parts.entries()) {
    setLong(raw, vector + index * IOVEC.SIZE + IOVEC.BASE, base + offset);
    setLong(raw, vector + index * IOVEC.SIZE + IOVEC.LENGTH, length);
  }
  const header = raw.block(MSGHDR.SIZE);
  raw.bytes.fill(0, header, header + MSGHDR.SIZE);
  if (name !== undefined) setLong(raw, header + MSGHDR.NAME, base + name);
  words[(header + MSGHDR.NAME_LENGTH) >> 2] = nameLength;
  setLong(raw, header + MSGHDR.IOV, base + vector);
  setLong(raw, header + MSGHDR.IOV_LENGTH, parts.length);
  if (control === undefined) return header;
  if (control.offset !== 0) setLong(raw, header + MSGHDR.CONTROL, base + control.offset);
  setLong(raw, header + MSGHDR.CONTROL_LENGTH, control.length);
  return header;
}

/** Ring memory with these bytes. */
export function rangeOf(raw: Raw, bytes: Uint8Array): Range {
  // The arena gives no block of no bytes.
  const offset = raw.block(Math.max(1, bytes.length));
  raw.bytes.set(bytes, offset);
  return { offset, length: bytes.length };
}

/** Sends bytes to an address. @returns the result of SENDMSG */
export function sendTo(
  raw: Raw,
  fd: number,
  to: SocketAddress,
  bytes: Uint8Array,
  control?: Range,
): Promise<number> {
  const { pointer: name, length: nameLength } = raw.sockaddr(to);
  const parts = [rangeOf(raw, bytes)];
  const pointer = messageHeader(raw, { parts, name, nameLength, control });
  return raw.run(Op.SENDMSG, { fd, pointer, length: 1 });
}

/** A control message with UDP_SEGMENT. */
export function segmentControl(raw: Raw, segmentBytes: number): Range {
  const length = controlSpace(2);
  const offset = raw.block(length);
  raw.bytes.fill(0, offset, offset + length);
  const data = writeControl(raw.reactor.memory.words, offset, 17, 103, 2);
  raw.bytes[data] = segmentBytes & 0xff;
  raw.bytes[data + 1] = segmentBytes >> 8;
  return { offset, length: Math.max(length, CMSGHDR.SIZE) };
}

/** What a plain RECVMSG left in its header. */
export interface MessageResult {
  readonly result: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly name: string;
  readonly nameLength: number;
  readonly controlLength: number;
  readonly flags: number;
}

/** Receives one message with its name. */
export async function receiveMessage(
  raw: Raw,
  fd: number,
  room: number,
  { nameRoom = NAME_CAPACITY, ...entry }: Entry & { readonly nameRoom?: number } = {},
): Promise<MessageResult> {
  const name = raw.block(NAME_CAPACITY);
  raw.bytes.fill(0, name, name + NAME_CAPACITY);
  const into = { offset: raw.block(Math.max(1, room)), length: room };
  const pointer = messageHeader(raw, { parts: [into], name, nameLength: nameRoom });
  const result = await raw.run(Op.RECVMSG, { fd, pointer, length: 1, ...entry });
  const { words } = raw.reactor.memory;
  const nameLength = words[(pointer + MSGHDR.NAME_LENGTH) >> 2];
  const isWhole = nameLength > 0 && nameLength <= nameRoom && result >= 0;
  return {
    result,
    bytes: raw.read(into.offset, Math.min(room, Math.max(0, result))),
    name: isWhole ? decodeSockaddr(raw.bytes, name, nameLength).toString() : "",
    nameLength,
    controlLength: words[(pointer + MSGHDR.CONTROL_LENGTH) >> 2],
    flags: words[(pointer + MSGHDR.FLAGS) >> 2],
  };
}

/** Begins a multishot RECVMSG. */
export function receiveMany(
  raw: Raw,
  fd: number,
  fields: MessageFields & { readonly controlRoom?: number } = {},
  entry: Entry = {},
): RawOperation {
  const { controlRoom = 0, ...message } = fields;
  const control = { offset: 0, length: controlRoom };
  const pointer = messageHeader(raw, { nameLength: NAME_ROOM, control, ...message });
  return raw.start(Op.RECVMSG, { fd, pointer, length: 1, ...MULTISHOT, ...entry });
}

/** Takes the buffer of a multishot RECVMSG's completion, and gives it back. */
export function takeReceived(
  raw: Raw,
  { result, flags }: Completion,
  nameRoom: number = NAME_ROOM,
  controlRoom = 0,
): Received {
  assertEquals(flags & CqeFlag.BUFFER, CqeFlag.BUFFER, `result ${result}`);
  const whole = takeBytes(raw, { result, flags });
  const view = new DataView(whole.buffer);
  const number = (offset: number) => view.getUint32(offset, true);
  const nameLength = number(RECVMSG_OUT.NAME_LENGTH);
  const isWhole = nameLength > 0 && nameLength <= nameRoom;
  return {
    name: isWhole ? decodeSockaddr(whole, RECVMSG_OUT.SIZE, nameLength).toString() : "",
    nameLength,
    controlLength: number(RECVMSG_OUT.CONTROL_LENGTH),
    payloadLength: number(RECVMSG_OUT.PAYLOAD_LENGTH),
    flags: number(RECVMSG_OUT.FLAGS),
    bytes: whole.slice(RECVMSG_OUT.SIZE + nameRoom + controlRoom),
  };
}

/** Takes a provided buffer of the datagrams' group, and gives it back. @returns its bytes */
export function takeBytes(raw: Raw, { result, flags }: Completion): Uint8Array<ArrayBuffer> {
  const buffers = raw.reactor.datagramBuffers;
  const id = flags >>> 16;
  buffers.arrive(id);
  const bytes = raw.read(buffers.offsetOf(id), Math.max(0, result));
  buffers.release(id);
  return bytes;
}
