/**
 * What kind of address an IP address is, by the special-purpose registries of RFC 6890.
 *
 * @module
 */

/** The kinds of addresses that matter for authority. */
export type AddressClass =
  | "loopback"
  | "unspecified"
  | "private"
  | "multicast"
  | "link-local"
  | "public"
  | "special";

/** The kind of an address. */
export function classify(family: "IPv4" | "IPv6" | "unix", bytes: ArrayLike<number>): AddressClass {
  if (family === "unix") return "special";
  if (family === "IPv4") return classifyIpv4(bytes, 0);
  return isMapped(bytes) ? classifyIpv4(bytes, 12) : classifyIpv6(bytes);
}

/** IANA's IPv4 Special-Purpose Address Registry, RFC 6890 and its successors. */
function classifyIpv4(bytes: ArrayLike<number>, offset: number): AddressClass {
  const a = bytes[offset];
  const b = bytes[offset + 1];
  const c = bytes[offset + 2];
  const d = bytes[offset + 3];
  if (a === 0) return b === 0 && c === 0 && d === 0 ? "unspecified" : "special";
  if (a === 127) return "loopback";
  if (a === 10 || a === 172 && (b & 0xf0) === 16 || a === 192 && b === 168) return "private";
  if (a === 169 && b === 254) return "link-local";
  if (a >= 240) return "special"; // 240.0.0.0/4 and the limited broadcast address
  if (a >= 224) return "multicast";
  if (a === 100 && (b & 0xc0) === 64) return "special"; // shared address space, RFC 6598
  if (a === 192 && b === 0 && c === 0) return d === 9 || d === 10 ? "public" : "special";
  if (a === 192 && b === 0 && c === 2) return "special"; // documentation, RFC 5737
  if (a === 192 && b === 88 && c === 99) return "special"; // 6to4 relays, RFC 7526
  if (a === 198 && (b & 0xfe) === 18) return "special"; // benchmarks, RFC 2544
  if (a === 198 && b === 51 && c === 100) return "special";
  if (a === 203 && b === 0 && c === 113) return "special";
  return "public";
}

/** IANA's IPv6 Special-Purpose Address Registry; everything outside 2000::/3 is special. */
function classifyIpv6(bytes: ArrayLike<number>): AddressClass {
  const first = groupAt(bytes, 0);
  const second = groupAt(bytes, 1);
  if (isZero(bytes, 0, 15)) {
    if (bytes[15] === 0) return "unspecified";
    if (bytes[15] === 1) return "loopback";
  }
  if (first >= 0xff00) return "multicast";
  if ((first & 0xffc0) === 0xfe80) return "link-local";
  if ((first & 0xfe00) === 0xfc00) return "private";
  // NAT64 (RFC 6052) and 6to4 (RFC 3056) lead to the IPv4 address that they carry.
  if (first === 0x64 && second === 0xff9b && isZero(bytes, 4, 12)) return carried(bytes, 12);
  if (first === 0x2002) return carried(bytes, 2);
  if ((first & 0xe000) !== 0x2000) return "special";
  if (first === 0x2001 && second < 0x200) return isPublicAssignment(bytes) ? "public" : "special";
  if (first === 0x2001 && second === 0xdb8) return "special"; // documentation, RFC 3849
  if (first === 0x3fff && second < 0x1000) return "special"; // documentation, RFC 9637
  return "public";
}

/** Which of IETF's protocol assignments in 2001::/23 are globally reachable. */
function isPublicAssignment(bytes: ArrayLike<number>): boolean {
  const second = groupAt(bytes, 1);
  if (second === 1) return isZero(bytes, 4, 15) && bytes[15] >= 1 && bytes[15] <= 3;
  if (second === 3) return true; // AMT, RFC 7450
  if (second === 4) return groupAt(bytes, 2) === 0x112; // AS112, RFC 7535
  return (second & 0xfff0) === 0x20 || (second & 0xfff0) === 0x30; // ORCHIDv2, drone identities
}

function carried(bytes: ArrayLike<number>, offset: number): AddressClass {
  return classifyIpv4(bytes, offset) === "public" ? "public" : "special";
}

/** Whether 16 bytes are an IPv4-mapped IPv6 address. */
export function isMapped(bytes: ArrayLike<number>): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && isZero(bytes, 0, 10);
}

function isZero(bytes: ArrayLike<number>, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** One of the eight 16-bit groups of an IPv6 address. */
export function groupAt(bytes: ArrayLike<number>, index: number): number {
  return bytes[index * 2] << 8 | bytes[index * 2 + 1];
}
