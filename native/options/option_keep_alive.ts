/**
 * The one option that is four below: `keepAlive` is `SO_KEEPALIVE`, which turns probes on, and
 * `TCP_KEEPIDLE`, `TCP_KEEPINTVL` and `TCP_KEEPCNT`, which say how to probe (`tcp(7)`).
 *
 * @module
 */

import type { Network } from "../network.ts";
import type { KeepAlive } from "./option_values.ts";
import { AF_INET } from "../../ring/abi/sockaddr.ts";
import { Sock, SockOpt } from "../../ring/abi/opcodes.ts";

interface Part {
  readonly key: keyof KeepAlive;
  readonly name: number;
  readonly most: number;
}

/** `MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL` and `MAX_TCP_KEEPCNT` of Linux are the limits. */
const PARTS: readonly Part[] = [
  { key: "idleSeconds", name: SockOpt.TCP_KEEPIDLE, most: 32767 },
  { key: "intervalSeconds", name: SockOpt.TCP_KEEPINTVL, most: 32767 },
  { key: "count", name: SockOpt.TCP_KEEPCNT, most: 127 },
];

/**
 * Proves that a value of `keepAlive` that is an object is one.
 *
 * @throws {TypeError} for a key that is missing, unknown or no number
 * @throws {RangeError} for a number out of its range
 */
export function checkKeepAlive(value: object): void {
  for (const key of Object.keys(value)) {
    if (!PARTS.some((part) => part.key === key)) {
      const known = PARTS.map((part) => part.key).join(", ");
      throw new TypeError(`option keepAlive: ${JSON.stringify(key)} is none of ${known}`);
    }
  }
  for (const { key, most } of PARTS) {
    const number = (value as Partial<Record<string, unknown>>)[key];
    if (Number.isInteger(number) && Number(number) >= 1 && Number(number) <= most) continue;
    const Class = typeof number === "number" ? RangeError : TypeError;
    const what = `option keepAlive: ${key} must be an integer from 1 to ${most}`;
    throw new Class(`${what}, not ${String(number)}`);
  }
}

/**
 * Sets the three numbers, all or none: where one is refused, those before it are put back.
 *
 * @returns 0 or `-errno`
 */
export async function writeNumbers(
  network: Network,
  fd: number,
  numbers: KeepAlive,
): Promise<number> {
  const before = await readNumbers(network, fd);
  if (typeof before === "number") return before;
  for (let index = 0; index < PARTS.length; index++) {
    const result = await writePart(network, fd, PARTS[index], numbers);
    if (result >= 0) continue;
    for (const part of PARTS.slice(0, index)) await writePart(network, fd, part, before);
    return result;
  }
  return 0;
}

function writePart(
  network: Network,
  fd: number,
  { key, name }: Part,
  numbers: KeepAlive,
): Promise<number> {
  return network.setOption(fd, SockOpt.IPPROTO_TCP, name, Int32Array.of(numbers[key]));
}

/** Reads the three numbers. @returns them, or `-errno` */
async function readNumbers(network: Network, fd: number): Promise<KeepAlive | number> {
  const numbers: Record<string, number> = {};
  const word = new Int32Array(1);
  for (const { key, name } of PARTS) {
    const result = await network.getOption(fd, SockOpt.IPPROTO_TCP, name, word);
    if (result < 0) return result;
    numbers[key] = word[0];
  }
  return numbers as unknown as KeepAlive;
}

/**
 * Reads how a socket whose probes are on probes. A new socket tells what the system's numbers are.
 *
 * @returns true where it is as the system has it, or where the backend has no numbers
 */
export async function readKeepAlive(network: Network, fd: number): Promise<true | KeepAlive> {
  const numbers = await readNumbers(network, fd);
  if (typeof numbers === "number") return true;
  const fresh = await network.socket(AF_INET, Sock.STREAM | Sock.CLOEXEC, "getOption");
  if (fresh < 0) return numbers;
  const usual = await readNumbers(network, fresh);
  await network.close(fresh);
  if (typeof usual === "number") return numbers;
  return PARTS.every(({ key }) => usual[key] === numbers[key]) ? true : numbers;
}
