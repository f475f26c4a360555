/**
 * What tshark sees in packets that were made here: another reader than our own.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { formatIpv6, ipv6Of } from "../../../../stack/wire/addresses.ts";
import { hasProgram, skipUnless } from "../../skip.ts";

/** The values of a field, in the order of the packet; numbers in any notation are numbers. */
export type Values = readonly (number | string)[];

/** A frame and what is expected of it, by the names of tshark's fields. */
export interface Expected {
  readonly frame: Uint8Array;
  readonly fields: Readonly<Record<string, Values>>;
}

/** Nothing is put together from several packets, and checksums are looked at. */
const PREFERENCES = [
  "ip.check_checksum:TRUE",
  "ip.defragment:FALSE",
  "ipv6.defragment:FALSE",
  "udp.check_checksum:TRUE",
  "tcp.check_checksum:TRUE",
  "tcp.analyze_sequence_numbers:FALSE",
  "tcp.relative_sequence_numbers:FALSE",
];

/** Protocols that guess what a payload is: whatever they see in random bytes is not there. */
const DISABLED = ["--disable-protocol", "mptcp"];

const ETHERNET = 1;
const GLOBAL_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;

/** Names a test that needs tshark. */
export function withTshark(name: string): ReturnType<typeof skipUnless> {
  return skipUnless(name, hasProgram("tshark"), "needs tshark");
}

/** Frames as a file of libpcap's first format. */
function pcap(frames: readonly Uint8Array[]): Uint8Array {
  const bytes = frames.reduce((sum, frame) => sum + RECORD_HEADER_BYTES + frame.length, 0);
  const file = new Uint8Array(GLOBAL_HEADER_BYTES + bytes);
  const view = new DataView(file.buffer);
  [0xa1b2c3d4, 2 << 16 | 4, 0, 0, 65535, ETHERNET].forEach((word, i) =>
    view.setUint32(4 * i, word)
  );
  let at = GLOBAL_HEADER_BYTES;
  frames.forEach((frame, i) => {
    [i, 0, frame.length, frame.length].forEach((word, k) => view.setUint32(at + 4 * k, word));
    file.set(frame, at + RECORD_HEADER_BYTES);
    at += RECORD_HEADER_BYTES + frame.length;
  });
  return file;
}

/**
 * Proves that tshark reads frames as they were meant.
 *
 * @param all Frames, all with expectations for the same fields.
 */
export async function assertTsharkAgrees(all: readonly Expected[]): Promise<void> {
  const names = Object.keys(all[0].fields);
  const file = await Deno.makeTempFile({ suffix: ".pcap" });
  try {
    await Deno.writeFile(file, pcap(all.map(({ frame }) => frame)));
    const { success, stdout, stderr } = await new Deno.Command("tshark", {
      args: [
        ...["-n", "-r", file, ...DISABLED, "-T", "fields", "-E", "occurrence=a"],
        ...["-E", "aggregator=;", ...PREFERENCES.flatMap((preference) => ["-o", preference])],
        ...names.flatMap((name) => ["-e", name]),
      ],
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(`tshark: ${decoder.decode(stderr)}`);
    const lines = decoder.decode(stdout).trimEnd().split("\n");
    assertEquals(lines.length, all.length);
    all.forEach(({ frame, fields }, i) => {
      const columns = lines[i].split("\t");
      const seen = names.map((name, k) => [name, readValues(columns[k] ?? "")]);
      const meant = names.map((name) => [name, fields[name].map(canonical)]);
      assertEquals(Object.fromEntries(seen), Object.fromEntries(meant), frame.toHex());
    });
  } finally {
    await Deno.remove(file);
  }
}

function readValues(text: string): (number | string)[] {
  return text === "" ? [] : text.split(";").map(canonical);
}

function canonical(value: number | string): number | string {
  if (value === "True") return 1;
  if (value === "False") return 0;
  // tshark writes the last bytes of `::5780:f77d` as an address of IPv4.
  if (typeof value === "string" && value.startsWith("::")) return formatIpv6(ipv6Of(value));
  if (typeof value === "string" && /^(0x[0-9a-f]+|-?[0-9]+)$/.test(value)) return Number(value);
  return value;
}
