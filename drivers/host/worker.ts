/**
 * Where the driver Worker starts; nothing else imports this.
 *
 * @module
 */

import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { consumeRing } from "./worker_loop.ts";

if (!isMainThread && parentPort !== null) await consumeRing(parentPort, workerData);
