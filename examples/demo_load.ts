/**
 * The load of the demo: runs in a Worker and drives an echo server, whichever it is, with real
 * connections of plain Deno. It imports nothing: the demo starts it from its text, which needs no
 * permission to read files.
 *
 * @module
 */

/** What the demo asks for. */
interface Order {
  readonly port: number;
  readonly connections: number;
  readonly messageBytes: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** Progress is told so often. */
const REPORT_MS = 100;
/** Buckets of the histogram of round trips in microseconds; each is 0.4 % wide. */
const BUCKETS = 6144;

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Order>) => void;
  postMessage(message: unknown): void;
};

const histogram = new Uint32Array(BUCKETS);
let exchanged = 0;

scope.onmessage = ({ data }) => {
  run(data).catch((error) => scope.postMessage({ error: String(error) }));
};

async function run(order: Order): Promise<void> {
  histogram.fill(0);
  exchanged = 0;
  const connections = await Promise.all(
    Array.from({ length: order.connections }, () => Deno.connect({ port: order.port })),
  );
  const start = performance.now();
  const from = start + order.warmUpMs;
  const report = setInterval(() => {
    scope.postMessage({ exchanged, elapsedMs: performance.now() - start });
  }, REPORT_MS);
  try {
    const drives = connections.map((connection) => drive(connection, order, from));
    const counts = await Promise.all(drives);
    const messages = counts.reduce((sum, count) => sum + count, 0);
    scope.postMessage({ messages, exchanged, histogram });
  } finally {
    clearInterval(report);
    for (const connection of connections) connection.close();
  }
}

/** One message after the other, each with a number that has to come back. */
async function drive(connection: Deno.TcpConn, order: Order, from: number): Promise<number> {
  connection.setNoDelay(true);
  const out = new Uint8Array(order.messageBytes);
  const back = new Uint8Array(order.messageBytes);
  const [outNumber, backNumber] = [new DataView(out.buffer), new DataView(back.buffer)];
  const until = from + order.measureMs;
  let messages = 0;
  let sent = performance.now();
  for (let number = 1; sent < until; number++) {
    outNumber.setUint32(0, number);
    for (let count = 0; count < out.length;) count += await connection.write(out.subarray(count));
    for (let count = 0; count < back.length;) {
      const more = await connection.read(back.subarray(count));
      if (more === null) throw new Error("the server closed a connection");
      count += more;
    }
    if (backNumber.getUint32(0) !== number) throw new Error("the server sent back something else");
    const received = performance.now();
    exchanged++;
    if (sent >= from && received < until) {
      messages++;
      histogram[bucketOf((received - sent) * 1000)]++;
    }
    sent = received;
  }
  return messages;
}

/** Exact to 512 microseconds, then 256 buckets for each doubling; the demo reads it back. */
function bucketOf(microseconds: number): number {
  const shift = Math.max(0, 23 - Math.clz32(microseconds));
  return shift * 256 + (microseconds >>> shift);
}
