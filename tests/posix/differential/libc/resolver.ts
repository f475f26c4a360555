/**
 * The oracle's calls on names of hosts and services.
 *
 * @module
 */

import { NULL } from "./memory.ts";
import { ReadinessCalls } from "./readiness.ts";
import { readSockaddr, sockaddrBytes } from "./structs.ts";
import { NI_MAXHOST, NI_MAXSERV } from "../../../../posix/constants/mod.ts";
import { PosixError } from "../../../../posix/errors.ts";
import type { AddrInfo, AddrInfoHints, NameInfo, Sockaddr } from "../../../../posix/types.ts";

const ADDRINFO_BYTES = 48;

/** getaddrinfo and getnameinfo. */
export class ResolverCalls extends ReadinessCalls {
  /** `getaddrinfo(3)`. */
  getaddrinfo(node: string | null, service: string | null, hints?: AddrInfoHints): AddrInfo[] {
    this.memory.reset();
    const asked = this.memory.room(ADDRINFO_BYTES);
    asked.view.setInt32(0, hints?.flags ?? 0, true);
    asked.view.setInt32(4, hints?.family ?? 0, true);
    asked.view.setInt32(8, hints?.socktype ?? 0, true);
    asked.view.setInt32(12, hints?.protocol ?? 0, true);
    const list = this.memory.room(8);
    const code = this.call.getaddrinfo(
      this.memory.text(node),
      this.memory.text(service),
      hints === undefined ? NULL : asked.address,
      list.address,
    );
    if (code !== 0) throw new PosixError(code, "getaddrinfo");
    const first = list.view.getBigUint64(0, true);
    try {
      return readList(first);
    } finally {
      this.call.freeaddrinfo(first);
    }
  }

  /** `getnameinfo(3)`. */
  getnameinfo(address: Sockaddr, flags = 0): NameInfo {
    this.memory.reset();
    const bytes = sockaddrBytes(address);
    const host = this.memory.room(NI_MAXHOST);
    const service = this.memory.room(NI_MAXSERV);
    const code = this.call.getnameinfo(
      this.memory.put(bytes),
      bytes.length,
      host.address,
      NI_MAXHOST,
      service.address,
      NI_MAXSERV,
      flags | 0,
    );
    if (code !== 0) throw new PosixError(code, "getnameinfo");
    return { host: cString(host.bytes), service: cString(service.bytes) };
  }
}

function readList(first: bigint): AddrInfo[] {
  const found: AddrInfo[] = [];
  for (let at = first; at !== 0n;) {
    const view = viewOf(at);
    const length = view.getUint32(16);
    const canonname = view.getBigUint64(32);
    const address = new Uint8Array(viewOf(view.getBigUint64(24)).getArrayBuffer(length)).slice();
    found.push({
      flags: view.getInt32(0),
      family: view.getInt32(4),
      socktype: view.getInt32(8),
      protocol: view.getInt32(12),
      addr: readSockaddr(address, length)!,
      ...(canonname === 0n ? {} : { canonname: viewOf(canonname).getCString() }),
    });
    at = view.getBigUint64(40);
  }
  return found;
}

function viewOf(address: bigint): Deno.UnsafePointerView {
  return new Deno.UnsafePointerView(Deno.UnsafePointer.create(address)!);
}

function cString(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
