/** What each peer runs in each role: the commands, and the tools they need. */
import { type Found, pathOf, type Tools } from "./compile.ts";
import type { Load, PeerName } from "./row.ts";

/** What a peer does in a row. */
export type Role = "echo" | "udpReceive" | "udpSend" | "file";

/** How a peer appears in tables and charts. */
export const TITLES: Readonly<Record<PeerName, string>> = {
  millrace: "Millrace",
  millraceHost: "Millrace host",
  millraceSmallHeap: "Millrace, small heap",
  posix: "Millrace posix",
  posixEpoll: "Millrace posix epoll",
  libcFfi: "libc by FFI",
  cSockets: "C",
  cUring: "C io_uring",
  cEpoll: "C epoll",
  bun: "Bun",
  bunDgram: "Bun node:dgram",
  deno: "Deno",
  denoListen: "Deno.listen",
  node: "Node.js",
  nodeNet: "node:net",
};

/**
 * Room for young objects that does not grow: V8 takes up to 16 MB twice while many connections
 * arrive, and keeps it.
 */
const SMALL_HEAP = "--v8-flags=--max-semi-space-size=1";

/** Files and addresses a peer may use beside 127.0.0.1. */
export interface Grants {
  readonly read?: string;
  readonly unix?: string;
}

/** The role that peers have under a load. */
export function roleOf(load: Load): Role {
  switch (load.kind) {
    case "udpReceive":
    case "udpSend":
    case "file":
      return load.kind;
    default:
      return "echo";
  }
}

/** The tool that a peer needs beside Deno, or null. */
export function toolOf(tools: Tools, peer: PeerName): Tools[keyof Tools] | null {
  switch (peer) {
    case "cSockets":
    case "cUring":
    case "cEpoll":
      return tools.c;
    case "bun":
    case "bunDgram":
      return tools.bun;
    case "node":
    case "nodeNet":
      return tools.node;
    default:
      return null;
  }
}

/**
 * The command of a peer, without the options of its role.
 *
 * @throws {Error} if a tool is missing, or the peer has no such role
 */
export function commandOf(
  tools: Tools,
  peer: PeerName,
  role: Role,
  grants: Grants,
): readonly string[] {
  const deno = denoCommand(grants);
  const millrace = [...deno, "--allow-ffi"];
  const c = (): Record<string, string> => present(tools.c);
  const bun = (file: string): string[] => [present(tools.bun), pathOf(`peers/${file}`)];
  const node = (file: string): string[] => [present(tools.node), pathOf(`peers/${file}`)];
  switch (`${role} ${peer}`) {
    case "echo millrace":
      return [...millrace, pathOf("peers/millrace.ts"), "--backend", "kernel"];
    case "echo millraceSmallHeap":
      return [...millrace, SMALL_HEAP, pathOf("peers/millrace.ts"), "--backend", "kernel"];
    case "echo millraceHost":
      return [...deno, pathOf("peers/millrace.ts"), "--backend", "host"];
    case "echo posix":
      return [...millrace, pathOf("peers/millrace_posix.ts"), "--style", "blocking"];
    case "echo posixEpoll":
      return [...millrace, pathOf("peers/millrace_posix.ts"), "--style", "epoll"];
    case "echo libcFfi":
      return [...millrace, pathOf("peers/libc_ffi.ts")];
    case "echo denoListen":
      return [...deno, pathOf("peers/deno_listen.ts")];
    case "echo cUring":
      return [c().echo_uring];
    case "echo cEpoll":
      return [c().echo_epoll];
    case "echo bun":
      return bun("bun_server.ts");
    case "echo nodeNet":
      return node("node_net.mjs");
    case "udpReceive millrace":
      return [...millrace, pathOf("peers/millrace_udp_receive.ts")];
    case "udpReceive cSockets":
      return [c().udp_receive];
    case "udpReceive deno":
      return [...deno, "--unstable-net", pathOf("peers/deno_udp_receive.ts")];
    case "udpSend millrace":
      return [...millrace, pathOf("peers/millrace_udp_send.ts")];
    case "udpSend cSockets":
      return [c().udp_batch];
    case "udpSend deno":
      return [...deno, "--unstable-net", pathOf("peers/deno_udp_send.ts")];
    case "udpSend bun":
      return bun("bun_udp_send.ts");
    case "udpSend bunDgram":
      return [...bun("bun_udp_send.ts"), "--api", "dgram"];
    case "file millrace":
      return [...millrace, pathOf("peers/millrace_file.ts")];
    case "file cSockets":
      return [c().file_sendfile];
    case "file deno":
      return [...deno, pathOf("peers/deno_file.ts")];
    case "file bun":
      return bun("bun_file.ts");
    case "file node":
      return node("node_file.mjs");
  }
  throw new Error(`${TITLES[peer]} has no program for ${role}`);
}

function denoCommand({ read, unix }: Grants): readonly string[] {
  const reads = [read, unix].filter((path) => path !== undefined);
  return [
    Deno.execPath(),
    "run",
    "--no-prompt",
    "--no-config",
    `--allow-net=${["127.0.0.1", ...(unix === undefined ? [] : [`unix:${unix}`])].join(",")}`,
    ...(reads.length === 0 ? [] : [`--allow-read=${reads.join(",")}`]),
    ...(unix === undefined ? [] : [`--allow-write=${unix}`]),
  ];
}

function present<T>(tool: Found<T>): T {
  if ("why" in tool) throw new Error(tool.why);
  return tool.value;
}
