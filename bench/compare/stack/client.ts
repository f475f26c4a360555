/** What the clients of echoes share: the counted seconds, and the answers in them. */
import { argument } from "../peers/arguments.ts";
import { WARM_UP_MS } from "./sides.ts";

/** How long is counted: `--seconds 2`. */
export const SECONDS: number = Number(argument("seconds", "2"));

async function pass(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Has connections ask one after the other until the counted seconds are over.
 *
 * @param ask is told when it is over, and counts each answer
 * @returns answers a second, the warm-up not counted
 */
export async function countAnswers(
  connections: number,
  ask: (isOver: () => boolean, count: () => void) => Promise<void>,
): Promise<number> {
  let answers = 0;
  let isOver = false;
  const asking = Array.from({ length: connections }, () => ask(() => isOver, () => answers++));
  await pass(WARM_UP_MS);
  const [start, before] = [performance.now(), answers];
  await pass(SECONDS * 1000);
  const rate = (answers - before) / (performance.now() - start) * 1000;
  isOver = true;
  await Promise.all(asking);
  return rate;
}
