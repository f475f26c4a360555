import { assertEquals } from "@std/assert";
import { filterControl } from "./control_filter.ts";
import type { SocketKind } from "./ring_socket.ts";
import * as c from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

const TCP: SocketKind = { domain: c.AF_INET, type: c.SOCK_STREAM, protocol: c.IPPROTO_TCP };
const UDP: SocketKind = { domain: c.AF_INET, type: c.SOCK_DGRAM, protocol: c.IPPROTO_UDP };
const UNIX: SocketKind = { domain: c.AF_UNIX, type: c.SOCK_STREAM, protocol: 0 };

/** Pieces of control data with four bytes each. */
function control(...pieces: [level: number, kind: number][]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(pieces.length * 24));
  pieces.forEach(([level, kind], index) => {
    view.setUint32(index * 24, 20, true);
    view.setInt32(index * 24 + 8, level, true);
    view.setInt32(index * 24 + 12, kind, true);
  });
  return new Uint8Array(view.buffer);
}

function filter(
  kind: SocketKind,
  bytes: Uint8Array<ArrayBuffer>,
  length = bytes.length,
  hasStack = false,
) {
  const message = { name: null, iov: [], control: bytes, controlLength: length, flags: 0 };
  return filterControl(kind, message, hasStack);
}

Deno.test("what Linux passes over is left out", () => {
  assertEquals(filter(TCP, control([c.SOL_SOCKET, c.SCM_RIGHTS])), null);
  assertEquals(filter(TCP, control([c.SOL_IP, c.IP_TTL])), null);
  assertEquals(filter(UDP, control([999, 1])), null);
});

Deno.test("what can be obeyed is kept, and nothing else with it", () => {
  const kept = filter(UDP, control([999, 1], [c.SOL_UDP, c.UDP_SEGMENT]));
  assertEquals(kept, control([c.SOL_UDP, c.UDP_SEGMENT]));
});

Deno.test("what Linux would obey and nobody here can is refused", () => {
  assertEquals(filter(UDP, control([c.SOL_IP, c.IP_PKTINFO])), -Errno.EOPNOTSUPP);
  assertEquals(filter(UNIX, control([c.SOL_SOCKET, c.SCM_RIGHTS])), -Errno.EOPNOTSUPP);
  assertEquals(filter(TCP, control([c.SOL_SOCKET, c.SO_MARK])), -Errno.EOPNOTSUPP);
});

Deno.test("a stack obeys what chooses a source, hops or a class", () => {
  const chosen = control([c.SOL_IP, c.IP_PKTINFO], [c.SOL_IP, c.IP_TTL]);
  assertEquals(filter(UDP, chosen, chosen.length, true), chosen);
  assertEquals(filter(TCP, chosen, chosen.length, true), null);
  const mark = control([c.SOL_SOCKET, c.SO_MARK]);
  assertEquals(filter(UDP, mark, mark.length, true), -Errno.EOPNOTSUPP);
});

Deno.test("what is no control data is invalid", () => {
  assertEquals(filter(UDP, control([c.SOL_SOCKET, 99])), -Errno.EINVAL);
  assertEquals(filter(UDP, control([999, 1]), 19), -Errno.EINVAL);
  const short = control([999, 1]);
  short[0] = 3;
  assertEquals(filter(UDP, short), -Errno.EINVAL);
});
