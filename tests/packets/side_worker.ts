/**
 * A thread with one side of a `ZeroCopyBuffer`; see `sides.ts`.
 *
 * @module
 */

import { runSide, type SideReport, type SideTask } from "./sides.ts";

const worker = self as unknown as {
  onmessage: ((event: MessageEvent<SideTask>) => void) | null;
  postMessage(outcome: SideReport | { readonly failure: string }): void;
};

worker.onmessage = async ({ data }) => {
  try {
    worker.postMessage(await runSide(data));
  } catch (error) {
    worker.postMessage({ failure: String(error) });
  }
};
