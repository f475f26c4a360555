/**
 * Socket options by name: setting and reading them, on streams, listeners and datagram sockets.
 *
 * @module
 */

import type { Network } from "../network.ts";
import { netError, unsupported } from "../errors.ts";
import { checkKeepAlive, readKeepAlive, writeNumbers } from "./option_keep_alive.ts";
import { type OptionRow, PRIVILEGES, ROWS, TWINS, When } from "./option_rows.ts";
import type {
  AnyOptionName,
  AnyOptionValues,
  DatagramOptionName,
  KeepAlive,
  ListenOptionValues,
  SocketKind,
  StreamOptionValues,
} from "./option_values.ts";
import type { AddressFamily, SocketAddress } from "../../ring/abi/address.ts";
import { Errno, errnoSentence } from "../../ring/abi/errno.ts";

export type {
  AnyOptionName,
  AnyOptionValues,
  DatagramOnlyValues,
  DatagramOptionName,
  DatagramOptionValues,
  KeepAlive,
  ListenOptionName,
  ListenOptionValues,
  MtuDiscovery,
  OptionName,
  OptionValue,
  OptionValues,
  SocketKind,
  StreamOptionValues,
} from "./option_values.ts";

/** A socket whose options are set or read. */
export interface OptionTarget {
  readonly network: Network;
  readonly descriptor: number;
  /** Which of the tables holds. */
  readonly kind: SocketKind;
  /** The family of its packets: a stream from an IPv4-mapped address is IPv4. */
  readonly family: AddressFamily;
  /** The local address as text, for errors. */
  readonly localName?: string;
  /** The peer's address as text, for errors. */
  readonly remoteName?: string;
}

type Table = ReadonlyMap<string, readonly OptionRow[]>;

/** The rows of sockets of one kind by name, in the order in which options are set. */
function tableOf(kind: SocketKind): Table {
  const rows = ROWS.filter(({ kinds }) => kinds.includes(kind));
  return Map.groupBy(rows, ({ option }) => option);
}

const TABLES: Readonly<Record<SocketKind, Table>> = {
  stream: tableOf("stream"),
  listener: tableOf("listener"),
  datagram: tableOf("datagram"),
};

function namesOf<Name extends AnyOptionName>(kind: SocketKind): readonly Name[] {
  return [...TABLES[kind].keys()] as Name[];
}

/** All option names. */
export const OPTION_NAMES: readonly AnyOptionName[] = [
  ...new Set(ROWS.map(({ option }) => option)),
];
/** The options of streams, in the order in which they are set. */
export const STREAM_OPTIONS: readonly (keyof StreamOptionValues)[] = namesOf("stream");
/** The options of listeners, in the order in which they are set. */
export const LISTEN_OPTIONS: readonly (keyof ListenOptionValues)[] = namesOf("listener");
/** The options of datagram sockets, in the order in which they are set. */
export const DATAGRAM_OPTIONS: readonly DatagramOptionName[] = namesOf("datagram");

/** `ENOTSUPP`, a number of the kernel's own that some options let through. */
const ENOTSUPP = 524;
const UNSUPPORTED: readonly number[] = [
  Errno.ENOTSUP,
  Errno.ENOPROTOOPT,
  Errno.ENOSYS,
  ENOTSUPP,
];

/** The family of the packets that a socket with this address sends. */
export function packetFamily(address: SocketAddress): AddressFamily {
  return address.isIPv4Mapped ? "IPv4" : address.family;
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

/**
 * Proves that the values of an options object fit, before anything is opened.
 *
 * @throws {TypeError} or RangeError, naming the option
 */
export function checkOptionValues(kind: SocketKind, options: Partial<AnyOptionValues>): void {
  for (const [name, rows] of TABLES[kind]) {
    const value = options[name as AnyOptionName];
    if (value !== undefined) checkValue(rows, value);
  }
}

/**
 * Sets what an options object has for a new socket, in the table's order. Of an option and its
 * counterpart for the other family (`timeToLive`, `hopLimit`) both may be there, as the family of a
 * name is not known: the one for this family counts.
 */
export async function setOptions(
  target: OptionTarget,
  options: Partial<AnyOptionValues>,
  operation: string,
): Promise<void> {
  for (const [key, rows] of TABLES[target.kind]) {
    const name = key as AnyOptionName;
    const value = options[name];
    if (value === undefined) continue;
    const twin = TWINS[name];
    const isOther = twin !== undefined && options[twin] !== undefined &&
      !rows.some(({ families }) => families.includes(target.family));
    if (!isOther) await setOption(target, name, value, false, operation);
  }
}

/**
 * Sets one option.
 *
 * @param isBound whether options that count when the socket is made come too late
 * @throws {TypeError} or RangeError for a name that does not exist or a value that does not fit
 * @throws {NetError} ENOTSUP where backend or socket have no such option, EINVAL where it is of the
 * other family or comes too late, EPERM without the privilege
 */
export async function setOption(
  target: OptionTarget,
  name: string,
  value: unknown,
  isBound: boolean,
  operation = "setOption",
): Promise<void> {
  const rows = rowsOn(target, name, operation);
  checkValue(rows, value);
  const row = rowFor(target, rows, operation);
  checkValue([row], value);
  requireTime(target, row, isBound, operation);
  const { network, descriptor } = target;
  if (isKeepAlive(row, value)) {
    const result = await writeNumbers(network, descriptor, value);
    if (result < 0) throw optionError(target, -result, "keepAlive with numbers", row, operation);
  }
  const words = new Int32Array(row.codec.words);
  row.codec.encode(value, words);
  const result = await network.setOption(descriptor, row.level, row.name, words);
  if (result < 0) throw optionError(target, -result, row.option, row, operation, value);
}

/** Reads one option. */
export async function getOption(target: OptionTarget, name: string): Promise<unknown> {
  const row = rowFor(target, rowsOn(target, name, "getOption"), "getOption");
  const { network, descriptor } = target;
  const words = new Int32Array(row.codec.words);
  const result = await network.getOption(descriptor, row.level, row.name, words);
  if (result < 0) throw optionError(target, -result, row.option, row, "getOption");
  const value = row.codec.decode(words, result);
  if (row.option !== "keepAlive" || value === false) return value;
  return await readKeepAlive(network, descriptor);
}

/** The rows of an option on sockets of a kind, whatever their family. */
function rowsOn(target: OptionTarget, name: string, operation: string): readonly OptionRow[] {
  const { kind, network } = target;
  const rows = TABLES[kind].get(name);
  if (rows !== undefined) return rows;
  if (!OPTION_NAMES.includes(name as AnyOptionName)) {
    const known = namesOf(kind).join(", ");
    throw new TypeError(`option ${JSON.stringify(name)} is unknown; there are ${known}`);
  }
  throw unsupported(network.kind, `the option ${name} on a ${kind} socket`, operation);
}

/** The row among them for the socket's family. */
function rowFor(target: OptionTarget, rows: readonly OptionRow[], operation: string): OptionRow {
  const row = rows.find(({ families }) => families.includes(target.family));
  if (row === undefined) throw familyError(target, rows[0], operation);
  return row;
}

/** Proves that a value fits one of the rows of an option. */
function checkValue(rows: readonly OptionRow[], value: unknown): void {
  const { option } = rows[0];
  if (option === "keepAlive" && typeof value === "object" && value !== null) {
    return checkKeepAlive(value);
  }
  if (rows.some(({ codec }) => codec.accepts(value))) return;
  const isOutside = typeof value === "number" && rows.some(({ codec }) => codec.isNumeric);
  const Class = isOutside ? RangeError : TypeError;
  const wants = [...new Set(rows.map(({ codec }) => codec.wants))].join(", or ");
  throw new Class(`option ${option} must be ${wants}, not ${String(value)}`);
}

function isKeepAlive(row: OptionRow, value: unknown): value is KeepAlive {
  return row.option === "keepAlive" && typeof value === "object";
}

function requireTime(
  target: OptionTarget,
  { option, when }: OptionRow,
  isBound: boolean,
  operation: string,
): void {
  if (when === When.ALWAYS || (when === When.NEW && !isBound)) return;
  const detail = when === When.NEW
    ? `${option} counts when the socket is made; pass it to what makes it`
    : `${option} can only be read on a ${target.kind}`;
  throw netError(Errno.EINVAL, { operation, detail, ...addressesOf(target) });
}

function familyError(
  target: OptionTarget,
  { option, families }: OptionRow,
  operation: string,
): Error {
  const { family, network } = target;
  if (family === "unix") {
    return unsupported(network.kind, `the option ${option} on Unix sockets`, operation);
  }
  const twin = TWINS[option];
  const hint = twin === undefined ? "" : `; ${twin} is what it is called there`;
  const detail = `${option} is for ${families.join(" and ")}, the socket is ${family}${hint}`;
  return netError(Errno.EINVAL, { operation, detail, ...addressesOf(target) });
}

/** @param what what was set or read, beginning with the option's name */
function optionError(
  target: OptionTarget,
  errno: number,
  what: string,
  row: OptionRow,
  operation: string,
  value?: unknown,
): Error {
  if (UNSUPPORTED.includes(errno)) {
    return unsupported(target.network.kind, `the option ${what}`, operation);
  }
  const privilege = errno === Errno.EPERM ? PRIVILEGES[row.option] : undefined;
  const isName = (errno === Errno.ENODEV || errno === Errno.ENOENT) && typeof value === "string";
  let why = errnoSentence(errno);
  if (privilege !== undefined) why = `it needs ${privilege}`;
  else if (isName) why = `the system has no ${JSON.stringify(value)}`;
  const detail = `the option ${what}: ${why}`;
  return netError(errno, { operation, detail, ...addressesOf(target) });
}

function addressesOf({ localName, remoteName }: OptionTarget): { local?: string; remote?: string } {
  return { local: localName, remote: remoteName };
}
