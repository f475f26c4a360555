/**
 * glibc's own calls about names, by FFI: what tests compare with.
 *
 * @module
 */

import { inet_ntop, inet_pton } from "../../posix/names/inet.ts";
import { decodeName, encodeName } from "../../posix/names/sockaddr.ts";
import { AF_INET, AF_INET6, SOCK_DGRAM } from "../../posix/constants/sockets.ts";
import type { AddrInfo, AddrInfoHints, NameInfo, Sockaddr } from "../../posix/types.ts";

const SYMBOLS = {
  inet_pton: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  inet_ntop: { parameters: ["i32", "buffer", "buffer", "u32"], result: "pointer" },
  inet_aton: { parameters: ["buffer", "buffer"], result: "i32" },
  inet_addr: { parameters: ["buffer"], result: "u32" },
  htonl: { parameters: ["u32"], result: "u32" },
  htons: { parameters: ["u16"], result: "u16" },
  strerror: { parameters: ["i32"], result: "pointer" },
  gai_strerror: { parameters: ["i32"], result: "pointer" },
  // int getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **)
  getaddrinfo: { parameters: ["buffer", "buffer", "buffer", "buffer"], result: "i32" },
  freeaddrinfo: { parameters: ["pointer"], result: "void" },
  // int getnameinfo(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int)
  getnameinfo: {
    parameters: ["buffer", "u32", "buffer", "u32", "buffer", "u32", "i32"],
    result: "i32",
  },
  // struct servent *getservbyname(const char *name, const char *proto)
  getservbyname: { parameters: ["buffer", "buffer"], result: "pointer" },
  getservbyport: { parameters: ["i32", "buffer"], result: "pointer" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Bytes of `struct addrinfo`, and where its fields are. Source: `netdb.h` on x86-64. */
const ADDRINFO = {
  SIZE: 48,
  FLAGS: 0,
  FAMILY: 4,
  SOCKTYPE: 8,
  PROTOCOL: 12,
  ADDRLEN: 16,
  ADDR: 24,
  CANONNAME: 32,
  NEXT: 40,
} as const;

/** Where the name and the port of a `struct servent` are. */
const SERVENT_NAME = 0;
const SERVENT_PORT = 16;

/** Room for `sockaddr_storage`. */
const NAME_BYTES = 128;

/** Room for a host or a service, in bytes: more than any of them has. */
const TEXT_BYTES = 2048;

/** glibc's calls, with text and numbers in place of pointers. */
export interface LibcNames {
  inet_pton(family: number, text: string): Uint8Array | null;
  inet_ntop(family: number, bytes: Uint8Array<ArrayBuffer>): string;
  inet_aton(text: string): Uint8Array | null;
  inet_addr(text: string): number;
  htonl(value: number): number;
  htons(value: number): number;
  strerror(errno: number): string;
  gai_strerror(code: number): string;
  /** @returns the results, or the number of the error */
  getaddrinfo(
    node: string | null,
    service: string | null,
    hints: AddrInfoHints | null,
  ): AddrInfo[] | number;
  /** @returns the names, or the number of the error */
  getnameinfo(address: Sockaddr, flags: number, length?: number): NameInfo | number;
  /** @returns the port, -1 for none */
  getservbyname(name: string, protocol: string): number;
  getservbyport(port: number, protocol: string): string | null;
  if_nametoindex(name: string): number;
  /** The address that the kernel would send datagrams from, or null where it has no way. */
  sourceFor(destination: Uint8Array, scopeId: number): Uint8Array | null;
  /** Binds a socket to an address. @returns the name that it has then, as it lies in memory */
  boundName(type: number, address: Sockaddr): Uint8Array | null;
}

/** Opens glibc. It stays open as long as the process runs: tests share it. */
export function openLibcNames(): LibcNames {
  const { symbols } = library ??= Deno.dlopen("libc.so.6", SYMBOLS);
  return {
    inet_pton(family, text) {
      const bytes = new Uint8Array(family === AF_INET ? 4 : 16);
      return symbols.inet_pton(family, cString(text), bytes) === 1 ? bytes : null;
    },
    inet_ntop(family, bytes) {
      // Read from the array itself: the pointer that comes back does not keep it where it is.
      const text = new Uint8Array(NAME_BYTES);
      if (symbols.inet_ntop(family, bytes, text, NAME_BYTES) === null) throw new Error("inet_ntop");
      return textIn(text);
    },
    inet_aton(text) {
      const bytes = new Uint8Array(4);
      return symbols.inet_aton(cString(text), bytes) === 0 ? null : bytes;
    },
    inet_addr: (text) => symbols.inet_addr(cString(text)),
    htonl: (value) => symbols.htonl(value),
    htons: (value) => symbols.htons(value),
    strerror: (errno) => textAt(symbols.strerror(errno))!,
    gai_strerror: (code) => textAt(symbols.gai_strerror(code))!,
    getaddrinfo,
    getnameinfo,
    getservbyname(name, protocol) {
      const entry = symbols.getservbyname(cString(name), cString(protocol));
      if (entry === null) return -1;
      return symbols.htons(new Deno.UnsafePointerView(entry).getInt32(SERVENT_PORT));
    },
    getservbyport(port, protocol) {
      const entry = symbols.getservbyport(symbols.htons(port), cString(protocol));
      return entry === null
        ? null
        : textAt(new Deno.UnsafePointerView(entry).getPointer(SERVENT_NAME));
    },
    if_nametoindex: (name) => symbols.if_nametoindex(cString(name)),
    sourceFor(destination, scopeId) {
      const family = destination.length === 4 ? AF_INET : AF_INET6;
      const name = new Uint8Array(NAME_BYTES);
      const fields = { family, address: inet_ntop(family, destination), port: 0, scopeId };
      const length = encodeName(fields, name);
      const local = nameOf(family, SOCK_DGRAM, (fd) => symbols.connect(fd, name, length));
      const { address } = local === null ? {} : decodeName(local, local.length)!;
      return address === undefined ? null : inet_pton(family, address);
    },
    boundName(type, address) {
      const name = new Uint8Array(NAME_BYTES);
      const length = encodeName(address, name);
      return nameOf(address.family, type, (fd) => symbols.bind(fd, name, length));
    },
  };
}

/** Opens a socket, does something to it and reads the name that it has then. */
function nameOf(family: number, type: number, run: (fd: number) => number): Uint8Array | null {
  const { symbols } = library!;
  const fd = symbols.socket(family, type, 0);
  if (fd < 0) return null;
  try {
    const name = new Uint8Array(NAME_BYTES);
    const length = new Uint32Array([NAME_BYTES]);
    if (run(fd) !== 0) return null;
    if (symbols.getsockname(fd, name, new Uint8Array(length.buffer)) !== 0) return null;
    return name.subarray(0, length[0]);
  } finally {
    symbols.close(fd);
  }
}

let library: Deno.DynamicLibrary<typeof SYMBOLS> | null = null;

function getaddrinfo(
  node: string | null,
  service: string | null,
  hints: AddrInfoHints | null,
): AddrInfo[] | number {
  const { symbols } = library!;
  const raw = new Uint8Array(ADDRINFO.SIZE);
  const view = new DataView(raw.buffer);
  view.setInt32(ADDRINFO.FLAGS, hints?.flags ?? 0, true);
  view.setInt32(ADDRINFO.FAMILY, hints?.family ?? 0, true);
  view.setInt32(ADDRINFO.SOCKTYPE, hints?.socktype ?? 0, true);
  view.setInt32(ADDRINFO.PROTOCOL, hints?.protocol ?? 0, true);
  const head = new BigUint64Array(1);
  const error = symbols.getaddrinfo(
    node === null ? null : cString(node),
    service === null ? null : cString(service),
    hints === null ? null : raw,
    new Uint8Array(head.buffer),
  );
  if (error !== 0) return error;
  const list = Deno.UnsafePointer.create(head[0]);
  const results: AddrInfo[] = [];
  for (let entry = list; entry !== null;) {
    const fields = new Deno.UnsafePointerView(entry);
    const length = fields.getUint32(ADDRINFO.ADDRLEN);
    const bytes = new Uint8Array(length);
    new Deno.UnsafePointerView(fields.getPointer(ADDRINFO.ADDR)!).copyInto(bytes);
    const canonname = textAt(fields.getPointer(ADDRINFO.CANONNAME));
    results.push({
      flags: fields.getInt32(ADDRINFO.FLAGS),
      family: fields.getInt32(ADDRINFO.FAMILY),
      socktype: fields.getInt32(ADDRINFO.SOCKTYPE),
      protocol: fields.getInt32(ADDRINFO.PROTOCOL),
      addr: decodeName(bytes, length)!,
      ...(canonname === null ? {} : { canonname }),
    });
    entry = fields.getPointer(ADDRINFO.NEXT);
  }
  symbols.freeaddrinfo(list);
  return results;
}

function getnameinfo(address: Sockaddr, flags: number, length?: number): NameInfo | number {
  const bytes = new Uint8Array(NAME_BYTES);
  const encoded = encodeName(address, bytes);
  const host = new Uint8Array(TEXT_BYTES);
  const service = new Uint8Array(TEXT_BYTES);
  const error = library!.symbols.getnameinfo(
    bytes,
    length ?? encoded,
    host,
    TEXT_BYTES,
    service,
    TEXT_BYTES,
    flags,
  );
  if (error !== 0) return error;
  return { host: textIn(host), service: textIn(service) };
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

function textAt(pointer: Deno.PointerValue): string | null {
  return pointer === null ? null : new Deno.UnsafePointerView(pointer).getCString();
}

function textIn(bytes: Uint8Array<ArrayBuffer>): string {
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
