/**
 * Socket options by name: what each is called below, what values it takes, and when it may be set.
 *
 * @module
 */

import type { Network } from "./network.ts";
import { netError, unsupported } from "./errors.ts";
import { Errno } from "../ring/abi/errno.ts";
import { SockOpt } from "../ring/abi/opcodes.ts";

/** The options and the types of their values; each names its source (`socket(7)`, `tcp(7)`). */
export interface OptionValues {
  /** `TCP_NODELAY`: send small segments at once; on by default. */
  noDelay: boolean;
  /** `SO_KEEPALIVE`: probe an idle peer. */
  keepAlive: boolean;
  /** `SO_REUSEADDR`: bind although older connections linger; on by default for listeners. */
  reuseAddress: boolean;
  /** `SO_REUSEPORT`: let several sockets share the port; set it before binding. */
  reusePort: boolean;
  /** `SO_LINGER`: seconds to wait for unsent data at close; 0 resets; null is the default. */
  lingerSeconds: number | null;
  /** `SO_RCVBUF` in bytes; Linux doubles it for its own book-keeping, and so it reads back. */
  receiveBufferBytes: number;
  /** `SO_SNDBUF` in bytes; Linux doubles it too. */
  sendBufferBytes: number;
}

/** The name of an option. */
export type OptionName = keyof OptionValues;
/** The value of an option. */
export type OptionValue<K extends OptionName> = OptionValues[K];
/** The options that a listener takes; connections inherit what the kernel lets them. */
export type ListenOptionName = OptionName;

interface OptionRow {
  readonly level: number;
  readonly name: number;
  readonly words: number;
  readonly isBindTime: boolean;
  readonly check: (value: unknown) => boolean;
  readonly wants: string;
  readonly encode: (value: unknown, words: Int32Array) => void;
  readonly decode: (words: Int32Array) => unknown;
}

const BYTES_MAX = 0x3fffffff;
const LINGER_MAX = 32767;

function flag(level: number, name: number, isBindTime = false): OptionRow {
  return {
    level,
    name,
    words: 1,
    isBindTime,
    check: (value) => typeof value === "boolean",
    wants: "a boolean",
    encode: (value, words) => words[0] = value === true ? 1 : 0,
    decode: (words) => words[0] !== 0,
  };
}

function byteCount(name: number): OptionRow {
  return {
    level: SockOpt.SOL_SOCKET,
    name,
    words: 1,
    isBindTime: false,
    check: (value) => Number.isInteger(value) && Number(value) > 0 && Number(value) <= BYTES_MAX,
    wants: `an integer from 1 to ${BYTES_MAX}`,
    encode: (value, words) => words[0] = Number(value),
    decode: (words) => words[0],
  };
}

const LINGER: OptionRow = {
  level: SockOpt.SOL_SOCKET,
  name: SockOpt.SO_LINGER,
  words: 2,
  isBindTime: false,
  check: (value) =>
    value === null ||
    (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= LINGER_MAX),
  wants: `null or an integer from 0 to ${LINGER_MAX}`,
  encode: (value, words) => {
    words[0] = value === null ? 0 : 1;
    words[1] = Number(value ?? 0);
  },
  decode: (words) => words[0] === 0 ? null : words[1],
};

const ROWS: Readonly<Record<OptionName, OptionRow>> = {
  noDelay: flag(SockOpt.IPPROTO_TCP, SockOpt.TCP_NODELAY),
  keepAlive: flag(SockOpt.SOL_SOCKET, SockOpt.SO_KEEPALIVE),
  reuseAddress: flag(SockOpt.SOL_SOCKET, SockOpt.SO_REUSEADDR, true),
  reusePort: flag(SockOpt.SOL_SOCKET, SockOpt.SO_REUSEPORT, true),
  lingerSeconds: LINGER,
  receiveBufferBytes: byteCount(SockOpt.SO_RCVBUF),
  sendBufferBytes: byteCount(SockOpt.SO_SNDBUF),
};

/** All option names. */
export const OPTION_NAMES: readonly OptionName[] = Object.keys(ROWS) as OptionName[];

function rowOf(name: string): OptionRow {
  if (!Object.hasOwn(ROWS, name)) {
    throw new TypeError(
      `option ${JSON.stringify(name)} is unknown; there are ${OPTION_NAMES.join(", ")}`,
    );
  }
  return ROWS[name as OptionName];
}

function checkValue(name: string, row: OptionRow, value: unknown): void {
  if (!row.check(value)) {
    const Class = typeof value === "number" ? RangeError : TypeError;
    throw new Class(`option ${name} must be ${row.wants}, not ${String(value)}`);
  }
}

/** Proves that the values of an options object fit, before anything is opened. */
export function checkOptionValues(options: Partial<OptionValues>): void {
  for (const name of OPTION_NAMES) {
    const value = options[name];
    if (value !== undefined) checkValue(name, ROWS[name], value);
  }
}

/**
 * Proves that an options object has no key beyond those known.
 *
 * @throws {TypeError} naming the unknown key
 */
export function checkKeys(what: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new TypeError(`${what}: ${JSON.stringify(key)} is no option; ${known.join(", ")} are`);
    }
  }
}

/** Sets one option. @param isBound whether options that count at bind time come too late */
export async function setOption(
  network: Network,
  fd: number,
  name: string,
  value: unknown,
  isBound: boolean,
  operation = "setOption",
): Promise<void> {
  const row = rowOf(name);
  checkValue(name, row, value);
  if (isBound && row.isBindTime) {
    const detail = `${name} counts when the socket is bound; pass it when the socket is made`;
    throw netError(Errno.EINVAL, { operation, detail });
  }
  const words = new Int32Array(row.words);
  row.encode(value, words);
  const result = await network.setOption(fd, row.level, row.name, words);
  if (result < 0) throw optionError(network, -result, name, operation);
}

/** Reads one option. */
export async function getOption(network: Network, fd: number, name: string): Promise<unknown> {
  const row = rowOf(name);
  const words = new Int32Array(row.words);
  const result = await network.getOption(fd, row.level, row.name, words);
  if (result < 0) throw optionError(network, -result, name, "getOption");
  return row.decode(words);
}

function optionError(network: Network, errno: number, name: string, operation: string): Error {
  const isUnsupported = errno === Errno.ENOTSUP || errno === Errno.ENOPROTOOPT;
  if (isUnsupported) return unsupported(network.kind, `the option ${name}`, operation);
  return netError(errno, { operation, detail: `the option ${name}` });
}
