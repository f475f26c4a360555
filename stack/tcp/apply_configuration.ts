/**
 * Tells the halves of a connection what the socket's options say.
 *
 * @module
 */

import type { Connection } from "./connection.ts";

/** More than any buffer holds. */
const NO_LIMIT = 0x7fff_ffff;

/** Tells both halves everything. */
export function applyConfiguration(connection: Connection): void {
  const { configuration, context, sender, receiver } = connection;
  if (configuration === context.defaults) return;
  if (configuration.sendBuffer > 0) sender.bufferLimit = configuration.sendBuffer;
  if (configuration.receiveBuffer > 0) receiver.bufferLimit = configuration.receiveBuffer;
  sender.noDelay = configuration.noDelay;
  sender.cork = configuration.cork;
  // 0 stands for the default, which is no limit: tcp(7).
  const { notSentLowWater } = configuration;
  sender.notSentLowWater = notSentLowWater === 0 ? NO_LIMIT : notSentLowWater;
  // RFC 9293 section 3.8.3 (MUST-21): the program may say when a connection is given up.
  sender.userTimeout = configuration.userTimeout;
  sender.maximumPacingRate = configuration.maximumPacingRate;
  if (configuration.congestionControl !== sender.congestionControl) {
    sender.setCongestionControl(configuration.congestionControl);
  }
  receiver.windowClamp = configuration.windowClamp;
  receiver.lowWater = configuration.receiveLowWater;
  receiver.isUrgentInline = configuration.isUrgentInline;
}
