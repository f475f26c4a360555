/**
 * The text of a golden packet: its bytes in hexadecimal, cut into the fields that tshark finds,
 * with their names and values.
 *
 * ```text
 * # An echo request (Linux 6.18)
 * 45                                       ip.version = 4
 *                                          ip.hdr_len = 20
 * ```
 *
 * A line without bytes is another field of the bytes above it, or one that contains the next ones.
 *
 * @module
 */

/** The bytes of a line of hexadecimal. */
const BYTES_PER_LINE = 16;
const VALUE_MAX = 80;

/** Fields that only repeat others in other words. */
const REDUNDANT = new RegExp(
  [
    String.raw`^eth\.(addr|(src|dst|addr)[._](lg|ig|oui).*|(src|dst|addr)_resolved|stream)`,
    String.raw`^ip(v6)?\.(addr|host|src_host|dst_host|(src|dst|geoip).*_resolved|stream)$`,
    String.raw`^ipv6\.(addr|host|src_host|dst_host|(src|dst)_(slaac_mac|sa_mac|host).*)$`,
    String.raw`^(tcp|udp)\.(port|stream|len|nxtseq|pdu|time_.*|analysis.*|completeness.*)$`,
    String.raw`^(frame|_ws|icmp\.(ident|seq)_le|icmp\.(resp|respto|resptime|data_time.*))`,
    String.raw`\.(str|status|checksum_calculated|checksum_good|checksum_bad)$`,
  ].join("|"),
);

/** A field as tshark found it. */
export interface Field {
  readonly name: string;
  readonly value: string;
  /** Where it lies in the frame, in bytes. */
  readonly at: number;
  readonly bytes: number;
}

/** A frame and its fields, in the order of tshark. */
export interface Frame {
  readonly bytes: Uint8Array;
  readonly fields: readonly Field[];
}

/** Runs tshark over a capture with absolute sequence numbers and nothing put together. */
async function tshark(file: string, ...args: string[]): Promise<string> {
  const preferences = [
    "tcp.relative_sequence_numbers:FALSE",
    "tcp.analyze_sequence_numbers:FALSE",
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.try_heuristic_first:FALSE",
  ].flatMap((preference) => ["-o", preference]);
  const { success, stdout, stderr } = await new Deno.Command("tshark", {
    args: ["-n", "-r", file, ...preferences, ...args],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`tshark: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** The numbers of the frames of a capture that a display filter lets through. */
export async function readNumbers(file: string, filter: string): Promise<number[]> {
  const text = await tshark(file, "-Y", filter, "-T", "fields", "-e", "frame.number");
  return text.split("\n").filter((line) => line !== "").map(Number);
}

/** Reads frames of a capture by their numbers. */
export async function readFrames(
  file: string,
  numbers: readonly number[],
): Promise<Map<number, Frame>> {
  const filter = numbers.map((number) => `frame.number == ${number}`).join(" || ");
  const raw = await tshark(file, "-Y", filter, "-T", "jsonraw", "--no-duplicate-keys");
  const xml = await tshark(file, "-Y", filter, "-T", "pdml");
  const sorted = numbers.toSorted((a, b) => a - b);
  const hex = (JSON.parse(raw) as { _source: { layers: { frame_raw: [string] } } }[])
    .map((packet) => packet._source.layers.frame_raw[0]);
  const packets = xml.split("</packet>").slice(0, -1);
  if (hex.length !== sorted.length || packets.length !== sorted.length) {
    throw new Error(`tshark found ${hex.length} and ${packets.length} of ${sorted.length} frames`);
  }
  return new Map(sorted.map((number, i) => {
    return [number, { bytes: Uint8Array.fromHex(hex[i]), fields: readFields(packets[i]) }];
  }));
}

/** Reads the fields of a packet of PDML. */
function readFields(xml: string): Field[] {
  const body = xml.slice(xml.indexOf('<proto name="frame"'));
  const fields: Field[] = [];
  for (const [tag] of body.matchAll(/<(?:field|proto) [^>]*>/g)) {
    const attributes = new Map(
      [...tag.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, decode(value)]),
    );
    const name = attributes.get("name") ?? "";
    const at = Number(attributes.get("pos"));
    const bytes = Number(attributes.get("size"));
    if (name === "" || bytes === 0 || tag.startsWith("<proto")) continue;
    if (REDUNDANT.test(name) || attributes.get("hide") === "yes") continue;
    fields.push({ name, value: attributes.get("show") ?? "", at, bytes });
  }
  return fields;
}

function decode(text: string): string {
  const names: Record<string, string> = { quot: '"', lt: "<", gt: ">", apos: "'", amp: "&" };
  return text.replaceAll(/&(\w+);/g, (whole, name) => names[name] ?? whole);
}

/**
 * Writes the text of a golden packet.
 *
 * @param title What it is.
 * @param frame The frame.
 * @returns The text.
 */
export function formatGolden(title: string, { bytes, fields }: Frame): string {
  const lines = [`# ${title}`];
  const queue = fields.map((field, order) => ({ field, order }))
    .sort((a, b) => a.field.at - b.field.at || a.order - b.order).map(({ field }) => field);
  let at = 0;
  while (at < bytes.length) {
    // Of the fields that begin here the shortest has the bytes; the others are named around it.
    const here = queue.filter((field) => field.at === at);
    const shortest = Math.min(...here.map((field) => field.bytes));
    const next = queue.find((field) => field.at > at)?.at ?? bytes.length;
    const owner = here.find((field) => field.bytes === shortest);
    const end = Math.min(owner === undefined ? next : at + shortest, bytes.length);
    for (const field of here.slice(0, owner === undefined ? 0 : here.indexOf(owner))) {
      lines.push(formatLine([], field));
    }
    lines.push(...formatBytes(bytes.subarray(at, end), owner));
    for (const field of owner === undefined ? [] : here.slice(here.indexOf(owner) + 1)) {
      lines.push(formatLine([], field));
    }
    for (const field of queue.filter((field) => field.at > at && field.at < end)) {
      lines.push(formatLine([], field));
    }
    at = end;
  }
  return lines.join("\n") + "\n";
}

function formatBytes(bytes: Uint8Array, field: Field | undefined): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    const hex = [...bytes.subarray(at, at + BYTES_PER_LINE)];
    lines.push(formatLine(hex, at === 0 ? field : undefined));
  }
  return lines;
}

function formatLine(bytes: readonly number[], field: Field | undefined): string {
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  if (field === undefined) return hex;
  const value = field.value.length > VALUE_MAX
    ? `${field.value.slice(0, VALUE_MAX)}...`
    : field.value;
  const clean = value.replaceAll(/[^ -~]/g, "?");
  return `${hex.padEnd(BYTES_PER_LINE * 3 + 1)}${field.name} = ${clean}`;
}
