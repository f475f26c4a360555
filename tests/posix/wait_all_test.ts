import { assertEquals } from "@std/assert";
import {
  AF_INET,
  AF_UNIX,
  MSG_OOB,
  MSG_PEEK,
  MSG_WAITALL,
  type Posix,
  SOCK_DGRAM,
  SOCK_STREAM,
} from "../../posix/mod.ts";
import { testPosix } from "./backends.ts";

const ANYWHERE = { family: AF_INET, address: "127.0.0.1", port: 0 } as const;

function connectedPair(posix: Posix): [number, number] {
  const listener = posix.socket(AF_INET, SOCK_STREAM);
  posix.bind(listener, ANYWHERE);
  posix.listen(listener);
  const client = posix.socket(AF_INET, SOCK_STREAM);
  posix.connect(client, posix.getsockname(listener));
  return [client, posix.accept(listener).fd];
}

/** Waits for more than comes before an urgent byte. */
async function receiveToMark(posix: Posix, sender: number, receiver: number): Promise<void> {
  for (const flags of [MSG_WAITALL, MSG_WAITALL | MSG_PEEK]) {
    posix.send(sender, new Uint8Array([1, 2, 3]));
    const buffer = new Uint8Array(8);
    const receiving = posix.promises.recv(receiver, buffer, 8, flags);
    posix.send(sender, new Uint8Array([4]), 1, MSG_OOB);
    assertEquals(await receiving, 3);
    assertEquals([...buffer], [1, 2, 3, 0, 0, 0, 0, 0]);
    if (flags !== MSG_WAITALL) assertEquals(posix.recv(receiver, buffer), 3);
    assertEquals(posix.recv(receiver, buffer, 1, MSG_OOB), 1);
  }
}

// Deno has no urgent data.
testPosix(
  "MSG_WAITALL ends at an urgent mark that comes while it waits",
  ["kernel", "stack"],
  async (posix, backend) => {
    await receiveToMark(posix, ...connectedPair(posix));
    if (backend === "kernel") await receiveToMark(posix, ...posix.socketpair(AF_UNIX, SOCK_STREAM));
  },
);

testPosix(
  "MSG_WAITALL takes one datagram, whenever it comes",
  ["kernel", "host", "stack"],
  async (posix) => {
    const receiver = posix.socket(AF_INET, SOCK_DGRAM);
    posix.bind(receiver, ANYWHERE);
    const receiving = posix.promises.recv(receiver, new Uint8Array(8), 8, MSG_WAITALL);
    const sender = posix.socket(AF_INET, SOCK_DGRAM);
    posix.connect(sender, posix.getsockname(receiver));
    posix.send(sender, new Uint8Array([1, 2, 3]));
    assertEquals(await receiving, 3);
  },
);
