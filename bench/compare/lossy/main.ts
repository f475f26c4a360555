/**
 * One flow over 100 Mbit/s, 50 ms round trip and 1 % loss in each direction: our pair of stacks, in
 * virtual time, and a Linux pair that crosses the same simulated link, in real time.
 *
 * `deno run -A bench/compare/lossy/main.ts [--seeds N] [--seconds S] [--control cubic]`. Needs root,
 * TUN devices and python3.
 */
import { argument } from "../peers/arguments.ts";
import { median } from "../statistics.ts";
import { measureLinuxPair } from "./linux_pair.ts";
import { measureOurPair } from "./our_pair.ts";

const LINK = { bandwidth: "100Mbit/s", delayMs: 25, loss: 0.01, queue: { packets: 1000 } } as const;
/** What the median goodput is to be, against Linux'. */
const GOAL = 0.9;

const seeds = Number(argument("seeds", "20"));
const seconds = Number(argument("seconds", "10"));
const control = argument("control", "cubic");

const ours: number[] = [];
const theirs: number[] = [];
for (let seed = 1; seed <= seeds; seed++) {
  ours.push(measureOurPair(seed, seconds, LINK, control));
  theirs.push(await measureLinuxPair(seed, seconds, LINK, control));
  const [one, other] = [ours, theirs].map((all) => all[seed - 1].toFixed(2));
  console.log(`seed ${seed}: Millrace ${one}, Linux ${other} Mbit/s`);
}
const [one, other] = [median(ours) ?? 0, median(theirs) ?? 0];
const ratio = one / other;
console.log(`${control}: median Millrace ${one.toFixed(2)}, Linux ${other.toFixed(2)} Mbit/s`);
console.log(`${ratio >= GOAL ? "MET" : "MISSED"}  >= ${GOAL} of Linux: ${ratio.toFixed(2)}`);
