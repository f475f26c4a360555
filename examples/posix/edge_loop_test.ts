import { assert, assertEquals } from "@std/assert";
import { NetworkCapability } from "../../mod.ts";
import { Posix, SOCK_STREAM } from "../../posix/mod.ts";
import { kernelRefusal } from "../../tests/support/kernel.ts";
import { skipUnless } from "../../tests/support/skip.ts";
import { EchoConnection } from "./echo_connection.ts";
import { EdgeLoop, type LoopConnection } from "./edge_loop.ts";
import { listen } from "./support.ts";

const REFUSAL = kernelRefusal();

/** A loop, and clients that are in the same table. */
async function withLoop(
  make: (posix: Posix, fd: number) => LoopConnection,
  body: (posix: Posix, loop: EdgeLoop, connect: () => number) => void,
): Promise<void> {
  await using capability = await NetworkCapability.request({ backend: "kernel" });
  await using posix = Posix.open(capability);
  const listener = listen(posix, "127.0.0.1:0", { nonblocking: true });
  const address = posix.getsockname(listener);
  const loop = new EdgeLoop(posix, listener, (fd) => make(posix, fd));
  body(posix, loop, () => {
    const fd = posix.socket(posix.AF_INET, SOCK_STREAM);
    posix.connect(fd, address);
    return fd;
  });
  loop.close();
}

function testLoop(name: string, body: () => Promise<void>): void {
  Deno.test(skipUnless(name, REFUSAL === undefined, REFUSAL ?? ""), body);
}

testLoop("the loop closes a connection that is past its deadline, and no other", () => {
  const made: EchoConnection[] = [];
  return withLoop((posix, fd) => {
    made.push(new EchoConnection(posix, fd));
    return made[made.length - 1];
  }, (posix, loop, connect) => {
    const slow = connect();
    const other = connect();
    while (loop.accepted < 2) loop.turn(100);
    made[0].deadlineMs = 0;
    const pollfd = { fd: slow, events: posix.POLLIN, revents: 0 };
    while (posix.poll([pollfd], 0) === 0) loop.turn(50);
    assertEquals(posix.recv(slow, new Uint8Array(1)), 0);
    posix.send(other, new Uint8Array(3));
    loop.turn(100);
    assertEquals(posix.recv(other, new Uint8Array(8)), 3);
  });
});

testLoop("a connection that always has more to do leaves the others their turn", () => {
  return withLoop((posix, fd) => new EchoConnection(posix, fd), (posix, loop, connect) => {
    const [greedy, modest] = [connect(), connect()];
    while (loop.accepted < 2) loop.turn(100);
    posix.setsockopt(greedy, posix.SOL_SOCKET, posix.SO_RCVBUF, 1 << 20);
    const flags = posix.MSG_DONTWAIT;
    const flood = new Uint8Array(1 << 20);
    posix.send(greedy, flood, flags);
    posix.send(modest, new Uint8Array(1));
    let echoed = 0;
    for (let turns = 0; echoed === 0 && turns < 3; turns++) {
      loop.turn(100);
      const pollfd = { fd: modest, events: posix.POLLIN, revents: 0 };
      if (posix.poll([pollfd], 0) > 0) echoed = posix.recv(modest, flood);
    }
    assertEquals(echoed, 1);
    assert(posix.recv(greedy, flood, flags) > 0);
  });
});

testLoop("finish() ends this side at once, and the loop when the clients have ended theirs", () => {
  return withLoop((posix, fd) => new EchoConnection(posix, fd), (posix, loop, connect) => {
    const client = connect();
    posix.send(client, new Uint8Array(5));
    while (posix.ioctl(client, posix.FIONREAD) < 5) loop.turn(100);
    loop.finish();
    const buffer = new Uint8Array(8);
    assertEquals([posix.recv(client, buffer), posix.recv(client, buffer)], [5, 0]);
    assertEquals(loop.isIdle, false);
    posix.close(client);
    while (!loop.isIdle) loop.turn(100);
  });
});
