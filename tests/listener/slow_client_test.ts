import { assert, assertEquals } from "@std/assert";
import { type BackendKind, REFUSALS } from "../support/backends.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { formatSkip } from "../support/skip.ts";
import { NetError, NetworkCapability, type TcpEndpoint, type TcpStream } from "../../mod.ts";

/** The window over which rates are averaged, and how late a stream may be ended beyond it. */
const WINDOW_MS = 5_000;
const LATE_MS = 20_000;
const LEAST = 1_000;
const PIECE_EVERY_MS = 100;

/**
 * A client that sends so many bytes every now and then until it is told, or the connection ends.
 */
async function trickle(
  { addr }: TcpEndpoint,
  bytes: number,
  isOver: { value: boolean },
): Promise<void> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: addr.port });
  try {
    while (!isOver.value) {
      await connection.write(new Uint8Array(bytes));
      await new Promise((resolve) => setTimeout(resolve, PIECE_EVERY_MS));
    }
  } catch {
    // It was ended, which is what the test is about.
  } finally {
    connection.close();
  }
}

/** Reads until the end. @returns why it ended, undefined for an ordinary end, and after how long */
async function readAll(stream: TcpStream): Promise<{ error: unknown; elapsedMs: number }> {
  const start = performance.now();
  let error: unknown;
  try {
    for await (const _ of stream.receiveMany());
  } catch (reason) {
    error = reason;
  }
  await stream.close();
  return { error, elapsedMs: performance.now() - start };
}

/** A client that asks once, is answered, and says nothing more until it is told. */
async function keepAlive({ addr }: TcpEndpoint, over: Promise<void>): Promise<void> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: addr.port });
  await connection.write(new Uint8Array(1));
  assertEquals(await connection.read(new Uint8Array(1)), 1);
  await over;
  connection.close();
}

async function holdToRate(backend: BackendKind): Promise<void> {
  await using capability = await NetworkCapability.request({ backend });
  await using endpoint = await capability.listen("127.0.0.1:0", {
    minimumReceiveBytesPerSecond: LEAST,
  });
  const isOver = { value: false };
  const over = Promise.withResolvers<void>();
  const piece = LEAST * PIECE_EVERY_MS / 1000;
  const slow = trickle(endpoint, piece / 10, isOver);
  const slowStream = await endpoint.accept();
  const fast = trickle(endpoint, piece * 10, isOver);
  const fastStream = await endpoint.accept();
  const quiet = keepAlive(endpoint, over.promise);
  const quietStream = await endpoint.accept();
  (await quietStream.receive())!.release();
  await quietStream.send(new Uint8Array(1));
  const [reading, waiting] = [readAll(fastStream), readAll(quietStream)];
  const { error, elapsedMs } = await readAll(slowStream);
  assert(error instanceof NetError && error instanceof Deno.errors.TimedOut, String(error));
  assertEquals(error.code, "ETIMEDOUT");
  assert(error.message.includes(`minimumReceiveBytesPerSecond, ${LEAST}`), error.message);
  assertEquals((await slowStream.closed).reason, error);
  assert(elapsedMs >= WINDOW_MS - PIECE_EVERY_MS, `ended after ${elapsedMs} ms`);
  assert(elapsedMs <= WINDOW_MS + LATE_MS, `ended after ${elapsedMs} ms`);
  assertEquals(endpoint.stats().slowCloses, 1);
  isOver.value = true;
  over.resolve();
  await Promise.all([slow, fast, quiet]);
  assertEquals([(await reading).error, (await waiting).error], [undefined, undefined]);
  assertEquals(endpoint.stats().slowCloses, 1);
}

Deno.test("who sends too slowly is ended, not who is fast or has nothing to say", () => {
  // On all backends at a time: it is mostly waiting.
  return assertNoLeaks(async () => {
    const held: Promise<void>[] = [];
    for (const [backend, refusal] of Object.entries(REFUSALS)) {
      if (refusal === undefined) held.push(holdToRate(backend as BackendKind));
      else console.error(formatSkip({ name: `slow clients [${backend}]`, reason: refusal }));
    }
    await Promise.all(held);
  });
});
