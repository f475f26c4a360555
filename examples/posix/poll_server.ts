/**
 * An echo server with one thread and `poll`: all sockets are non-blocking, and the only call that
 * waits is `poll` itself.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/posix/poll_server.ts 7777
 * ```
 *
 * Arguments: a port or an address, and the seconds to serve; for ever unless given. Without
 * `--allow-ffi` it runs on plain Deno, whose calls a Worker makes: that takes `--allow-read`.
 *
 * Each call of `poll` hands over all descriptors: good for some hundred of them, for more there is
 * `epoll_level.ts`. At the end it stops accepting, ends its side of every connection, and waits
 * until the clients have ended theirs, within a limit.
 *
 * @module
 */

import { NetworkCapability } from "../../mod.ts";
import { type Pollfd, Posix } from "../../posix/mod.ts";
import { EchoConnection } from "./echo_connection.ts";
import { Step } from "./step.ts";
import { greet, listen, orInterrupted, readArguments, Stop, tryAccept } from "./support.ts";

/** Connections accepted in a row, so that the others get their turn. */
const ACCEPTS_MAX = 64;
/** How long to leave new connections alone when there are no more descriptors, in milliseconds. */
const FULL_MS = 100;

const { address, seconds } = readArguments(Deno.args);
await using capability = await NetworkCapability.request();
await using posix = Posix.open(capability);
using stop = new Stop(seconds);

const { POLLIN, POLLOUT } = posix;
const connections: EchoConnection[] = [];
/** The listener comes first, then the connections in the order of their list. */
const fds: Pollfd[] = [];
let fullUntilMs = 0;

function acceptSome(listener: number): void {
  for (let count = 0; count < ACCEPTS_MAX; count++) {
    const fd = tryAccept(posix, listener, posix.SOCK_NONBLOCK);
    if (fd === "full") fullUntilMs = performance.now() + FULL_MS;
    if (typeof fd === "string") return;
    connections.push(new EchoConnection(posix, fd));
  }
}

function closeAt(index: number): void {
  connections[index].close();
  connections[index] = connections[connections.length - 1];
  connections.pop();
}

/** Fills the list for `poll`: what each waits for now. */
function prepare(listener: number): void {
  fds.length = connections.length + 1;
  const isFull = performance.now() < fullUntilMs;
  fds[0] = { fd: isFull ? -1 : listener, events: POLLIN, revents: 0 };
  for (const [index, { fd, wantsWrite }] of connections.entries()) {
    fds[index + 1] = { fd, events: wantsWrite ? POLLOUT : POLLIN, revents: 0 };
  }
}

/** Backwards, since the last one takes the place of one that is closed. */
function serveReady(): void {
  const now = performance.now();
  for (let index = connections.length - 1; index >= 0; index--) {
    const connection = connections[index];
    const isReady = fds[index + 1].revents !== 0;
    const isOver = isReady ? connection.step() === Step.ENDED : now > connection.deadlineMs;
    if (isOver) closeAt(index);
  }
}

const listener = listen(posix, address, { nonblocking: true });
greet("poll", posix, listener, capability);
while (!stop.isRequested) {
  prepare(listener);
  orInterrupted(() => posix.poll(fds, stop.waitMs));
  // Before the list of connections changes.
  serveReady();
  if (fds[0].revents !== 0) acceptSome(listener);
  await stop.look();
}
posix.close(listener);
for (const connection of connections) connection.finish();
while (connections.length > 0) {
  prepare(-1);
  orInterrupted(() => posix.poll(fds, 100));
  serveReady();
}
console.log("stopped");
