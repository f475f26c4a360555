/**
 * What `TCP_INFO` gives is what the native layer reads.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { decodeTcpInfo } from "../../native/tcp/tcp_info_layout.ts";
import { Script } from "../support/stack/tcp/script.ts";

const TCP = 6;

Deno.test("TCP_INFO is laid out as on Linux", () => {
  const { script, socket } = Script.established({ options: "mss 1400 wscale 3 sackok ts 1 ecr 0" });
  script.host.write(socket, new Uint8Array(100));
  const info = decodeTcpInfo(socket.getOption(TCP, 11) as Uint8Array);
  assertEquals([info.state, info.congestionState], ["established", "open"]);
  assertEquals([info.sendWindowScale, info.features.timestamps, info.features.windowScale], [
    3,
    true,
    true,
  ]);
  assertEquals([info.sendSegmentBytes, info.unacknowledgedSegments, info.pathMtuBytes], [
    1388,
    1,
    1500,
  ]);
  const closed = decodeTcpInfo(
    script.host.tcp.createSocket(false).getOption(TCP, 11) as Uint8Array,
  );
  assertEquals(closed.state, "closed");
});
