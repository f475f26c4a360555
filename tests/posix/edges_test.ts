import { assertEquals } from "@std/assert";
import { testPosix } from "./backends.ts";
import { type EpollEvent, type Posix, PosixError } from "../../posix/mod.ts";

const ROUNDS = 10;
/** Whoever waits longer has missed its edge. */
const EDGE_LIMIT_MS = 5000;

function testEdges(name: string, body: (posix: Posix) => void): void {
  testPosix(name, ["kernel", "host", "stack"], body);
}

/** Makes a call until it would have to wait. @returns the sum of its results */
function untilBlocked(call: () => number): number {
  let total = 0;
  while (true) {
    try {
      total += call();
    } catch (error) {
      if (error instanceof PosixError && error.code === "EAGAIN") return total;
      throw error;
    }
  }
}

/** A connection whose writing end is watched for edges. */
function connected(posix: Posix) {
  const { AF_INET, SOCK_STREAM } = posix;
  const listener = posix.socket(AF_INET, SOCK_STREAM);
  posix.bind(listener, { family: AF_INET, address: "127.0.0.1", port: 0 });
  posix.listen(listener);
  const reader = posix.socket(AF_INET, SOCK_STREAM);
  posix.connect(reader, posix.getsockname(listener));
  const writer = posix.accept4(listener, posix.SOCK_NONBLOCK).fd;
  const epoll = posix.epoll_create1();
  const events = posix.EPOLLIN | posix.EPOLLOUT | posix.EPOLLET;
  posix.epoll_ctl(epoll, posix.EPOLL_CTL_ADD, writer, { events, data: writer });
  const waited: EpollEvent[] = [];
  const wait = (timeoutMs: number): number => {
    const count = posix.epoll_wait(epoll, waited, 1, timeoutMs);
    return count === 0 ? 0 : waited[0].events;
  };
  return { reader, writer, wait };
}

testEdges("who was told EAGAIN for a send is told once there is room", (posix) => {
  const { reader, writer, wait } = connected(posix);
  const room = new Uint8Array(100_000);
  for (let round = 0; round < ROUNDS; round++) {
    while (wait(0) !== 0);
    // Small pieces, too: what is in the way is then gone at once, not bit by bit.
    const data = room.subarray(0, round % 2 === 0 ? 3000 : room.length);
    let left = untilBlocked(() => posix.send(writer, data));
    while (left > 0) left -= posix.recv(reader, room);
    let events = wait(EDGE_LIMIT_MS);
    while (events !== 0 && (events & posix.EPOLLOUT) === 0) events = wait(EDGE_LIMIT_MS);
    assertEquals(events & posix.EPOLLOUT, posix.EPOLLOUT, `round ${round}`);
  }
});

testEdges("who was told EAGAIN for a receive is told of the next bytes", (posix) => {
  const { reader, writer, wait } = connected(posix);
  const data = new Uint8Array(100_000);
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = 1 + round * 7000;
    posix.send(reader, data.subarray(0, bytes));
    for (let left = bytes; left > 0;) {
      const events = wait(EDGE_LIMIT_MS);
      assertEquals(events & posix.EPOLLIN, posix.EPOLLIN, `round ${round}, ${left} bytes left`);
      left -= untilBlocked(() => posix.recv(writer, data));
    }
  }
});
