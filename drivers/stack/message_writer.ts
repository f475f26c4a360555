/**
 * What comes back in a `msghdr`, as recvmsg(2) has it: a name, control messages, flags.
 *
 * @module
 */

import { MSGHDR } from "../../ring/abi/layout.ts";
import type { RingMemory } from "../../ring/memory.ts";
import type { IpAddress } from "../../stack/ip/types.ts";
import { isWithin, readLong } from "../machine/segments.ts";
import type { ControlWriter } from "./control_messages.ts";
import { isScoped, writeSockaddr } from "./names.ts";

/**
 * Writes a name where there is room for one.
 *
 * @param header the offset of the `msghdr`
 * @param address null for no name
 * @param link the interface that it came in by
 */
export function writeName(
  memory: RingMemory,
  header: number,
  family: number,
  address: IpAddress | null,
  port: number,
  link: number,
): void {
  const { words, bytes } = memory;
  const at = readLong(memory, header + MSGHDR.NAME);
  if (at === 0) return;
  const lengthAt = (header + MSGHDR.NAME_LENGTH) >> 2;
  const room = words[lengthAt];
  const isPlaced = address !== null && room >= 0 && isWithin(memory, at, room);
  const zone = isPlaced && isScoped(address) ? link : 0;
  words[lengthAt] = isPlaced ? writeSockaddr(bytes, at, room, family, address, port, zone) : 0;
}

/** Has control messages written to where a `msghdr` has room for them. */
export function beginControl(memory: RingMemory, header: number, control: ControlWriter): void {
  const at = readLong(memory, header + MSGHDR.CONTROL);
  const room = readLong(memory, header + MSGHDR.CONTROL_LENGTH);
  const hasRoom = at !== 0 && isWithin(memory, at, room);
  control.begin(memory.bytes, at, hasRoom ? room : 0);
}

/** Notes how many control messages were written, and flags. */
export function endMessage(
  { words }: RingMemory,
  header: number,
  control: ControlWriter,
  flags: number,
): void {
  words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = control.length;
  words[((header + MSGHDR.CONTROL_LENGTH) >> 2) + 1] = 0;
  words[(header + MSGHDR.FLAGS) >> 2] = flags;
}
