/** What the UDP peers in TypeScript share: the counted time of a receiver, and that of a sender. */
import { argument } from "./arguments.ts";

/** The size of every datagram, in bytes. */
export const DATAGRAM_BYTES: number = Number(argument("bytes", "64"));

const WARMUP_MS = Number(argument("warmup", "0.5")) * 1000;
const COUNTED_MS = Number(argument("seconds", "2")) * 1000;

/**
 * Notes how much a receiver has by now. The first note begins the warm-up; the one that ends the
 * counted time prints one line of JSON, and later ones do nothing.
 *
 * @returns a function to call with all datagrams and bytes so far, every few dozen datagrams
 */
export function receivedSoFar(): (datagrams: number, bytes: number) => void {
  let start = 0;
  let begun = 0;
  let before = { datagrams: 0, bytes: 0 };
  let done = false;
  return (datagrams, bytes) => {
    if (done) return;
    const now = performance.now();
    if (start === 0) {
      start = now + WARMUP_MS;
    } else if (begun === 0 && now >= start) {
      begun = now;
      before = { datagrams, bytes };
    } else if (begun !== 0 && now >= begun + COUNTED_MS) {
      const counted = datagrams - before.datagrams;
      console.log(JSON.stringify({
        datagramsPerSecond: counted * 1000 / (now - begun),
        datagrams: counted,
        bytes: bytes - before.bytes,
      }));
      done = true;
    }
  };
}

/** The ports of the sink, in the order it named them. */
export function sinkPorts(): number[] {
  return argument("ports", "").split(",").map(Number);
}

/**
 * Sends until the counted time is over, says when it begins, and prints one line of JSON. The
 * process then stays, so that what it used can be read.
 *
 * @param send sends one burst and gives the number of datagrams that were accepted
 */
export async function sendForTheTime(send: () => Promise<number>): Promise<void> {
  console.log("sending");
  const first = performance.now();
  const start = first + WARMUP_MS;
  let [sent, before, begun, now] = [0, 0, 0, first];
  while (begun === 0 || now < begun + COUNTED_MS) {
    if (begun === 0 && now >= start) [before, begun] = [sent, now];
    sent += await send();
    now = performance.now();
  }
  console.log(JSON.stringify({
    datagramsPerSecond: (sent - before) * 1000 / (now - begun),
    allMessages: sent,
    activeSeconds: (now - first) / 1000,
  }));
  setInterval(() => {}, 60_000);
}
