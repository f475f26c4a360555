/**
 * A client that expects the worst: every call has a deadline, what fails for the moment is tried
 * again after a pause that grows, and what fails for good is not.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/posix/robust_client.ts 127.0.0.1:7777 hello
 * ```
 *
 * It sends a line to an echo server and prints what comes back. Arguments: an address, the line,
 * and how often to try, 5 times unless given. Without `--allow-ffi` it runs on plain Deno, whose
 * calls a Worker makes: that takes `--allow-read`.
 *
 * @module
 */

import { NetworkCapability } from "../../mod.ts";
import { Posix, PosixError, Socket } from "../../posix/mod.ts";

/** How long one call may take, and how long an attempt, in milliseconds. */
const CALL_MS = 2000;
const ATTEMPT_MS = 5000;
/** The pause before the second attempt; it doubles from then on, up to the limit. */
const PAUSE_MS = 100;
const PAUSE_MOST_MS = 5000;

/**
 * Errors that another attempt may not have. EAGAIN and EINPROGRESS are deadlines of one call; all
 * others say that the program or its rights are wrong.
 */
const PASSING: ReadonlySet<string> = new Set([
  "EAGAIN",
  "EINPROGRESS",
  "EINTR",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "ENOBUFS",
  "EPIPE",
  "ETIMEDOUT",
]);

/** The peer ended the connection before its answer was whole. */
class CutShort extends Error {}

/** Sends a line and waits for one: as often as asked, this must do no harm. */
function exchange(posix: Posix, address: string, line: string): string {
  const untilMs = performance.now() + ATTEMPT_MS;
  const family = address.startsWith("[") ? "IPv6" : "IPv4";
  using socket = Socket.create("stream", posix, { family });
  socket.setTimeout(CALL_MS);
  socket.connect(address);
  sendAll(socket, new TextEncoder().encode(`${line}\n`));
  const buffer = new Uint8Array(4096);
  const decoder = new TextDecoder();
  let answer = "";
  while (!answer.includes("\n")) {
    const count = socket.recv(buffer);
    if (count === 0) throw new CutShort("the connection ended before the answer");
    answer += decoder.decode(buffer.subarray(0, count), { stream: true });
    // A peer that sends a byte now and then keeps every deadline of the calls.
    if (performance.now() > untilMs) throw new CutShort("the answer takes too long");
  }
  socket.shutdown("write");
  return answer.slice(0, answer.indexOf("\n"));
}

/** `send` may take less than it was given. */
function sendAll(socket: Socket, data: Uint8Array): void {
  for (let sent = 0; sent < data.length;) {
    sent += socket.send(data.subarray(sent), socket.posix.MSG_NOSIGNAL);
  }
}

/** Tries again as long as there is hope. @throws {Error} what the last attempt failed with */
async function persist<Result>(attempts: number, attempt: () => Result): Promise<Result> {
  for (let count = 1;; count++) {
    try {
      return attempt();
    } catch (error) {
      const isPassing = error instanceof CutShort ||
        (error instanceof PosixError && PASSING.has(error.code));
      if (!isPassing || count === attempts) throw error;
      const longest = Math.min(PAUSE_MOST_MS, PAUSE_MS * 2 ** (count - 1));
      // At random, or clients that failed together would come back together.
      const pauseMs = longest * (0.5 + Math.random() / 2);
      const { message } = error as Error;
      console.error(`attempt ${count}: ${message}; again in ${Math.round(pauseMs)} ms`);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

const [address, line, attempts = "5"] = Deno.args;
if (line === undefined || !/^[1-9]\d*$/.test(attempts)) {
  console.error("usage: robust_client.ts address line [attempts]");
  Deno.exit(2);
}
await using capability = await NetworkCapability.request({ rights: { tcp: true, connect: true } });
await using posix = Posix.open(capability);
try {
  console.log(await persist(Number(attempts), () => exchange(posix, address, line)));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  Deno.exitCode = 1;
}
