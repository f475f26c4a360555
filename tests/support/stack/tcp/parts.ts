/**
 * Halves of connections for tests: those of the stack, with a congestion control that tests can see
 * through unless they choose another one.
 *
 * @module
 */

import type { Environment } from "../../../../stack/environment.ts";
import { Counters } from "../../../../stack/statistics.ts";
import type { PartFactory } from "../../../../stack/tcp/context.ts";
import {
  DEFAULT_RECEIVER_OPTIONS,
  Receiver,
  ReceiverCounter,
  type ReceiverOptions,
  ReceiverSettings,
} from "../../../../stack/tcp/receive/mod.ts";
import {
  type MakeCongestionControl,
  SendCounter,
  Sender,
  type SenderOptions,
  SenderSettings,
  SERVER_SENDER,
} from "../../../../stack/tcp/send/mod.ts";
import type { CongestionControl } from "../../../../stack/tcp/types.ts";

/** What tests may choose about halves of connections. */
export interface TestPartOptions {
  readonly sender?: Partial<SenderOptions>;
  readonly receiver?: Partial<ReceiverOptions>;
  /** Makes the congestion control; a window that stays as it is if nothing is said. */
  readonly congestionControl?: MakeCongestionControl;
}

/** A congestion control whose window does not change. */
export class FixedWindow implements CongestionControl {
  readonly name = "fixed";
  readonly window: number;
  readonly threshold = Infinity;
  readonly pacingRate = Infinity;
  readonly ownsRecovery = true;

  /** @param window bytes in flight at most */
  constructor(window: number) {
    this.window = window;
  }

  /** See `CongestionControl`. */
  onAcknowledgment(): void {}
  /** See `CongestionControl`. */
  onCongestion(): void {}
  /** See `CongestionControl`. */
  onRecovered(): void {}
  /** See `CongestionControl`. */
  onTimeout(): void {}
  /** See `CongestionControl`. */
  onSpurious(): void {}
  /** See `CongestionControl`. */
  onRestart(): void {}
  /** See `CongestionControl`. */
  onSent(): void {}
  /** See `CongestionControl`. */
  onSegmentSize(): void {}
}

const FIXED_WINDOW = 1 << 20;

/** Makes halves of connections. */
export function createTestParts(
  environment: Environment,
  options: TestPartOptions = {},
): PartFactory {
  const makeCongestionControl: MakeCongestionControl = options.congestionControl ??
    ((name) => name === "fixed" || name === "cubic" ? new FixedWindow(FIXED_WINDOW) : null);
  const sendSettings = new SenderSettings(
    environment,
    new Counters(SendCounter, new Float64Array(Object.keys(SendCounter).length)),
    { ...SERVER_SENDER, ...options.sender },
    "cubic",
    makeCongestionControl,
  );
  const receiveSettings = new ReceiverSettings(
    environment.arena,
    new Counters(ReceiverCounter, new Float64Array(Object.keys(ReceiverCounter).length)),
    { ...DEFAULT_RECEIVER_OPTIONS, ...options.receiver },
  );
  return {
    defaultBuffers: {
      send: sendSettings.options.bufferBytes,
      receive: receiveSettings.options.bufferBytes,
    },
    hasCongestionControl: (name) => makeCongestionControl(name, 1460, environment) !== null,
    sender: (host) => new Sender(host, sendSettings),
    receiver: (host) => new Receiver(host, receiveSettings),
  };
}
