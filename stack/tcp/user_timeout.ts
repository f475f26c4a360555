/**
 * The user timeout option: how long each end keeps a connection whose data are not acknowledged.
 * RFC 5482.
 *
 * @module
 */

import { MINUTE, SECOND } from "../environment.ts";
import { MAX_OPTIONS_BYTES, OptionBit, type TcpOptions } from "../wire/tcp_options.ts";
import { writtenBytes } from "../wire/tcp_options_write.ts";
import type { Configuration } from "./configuration.ts";
import type { Connection } from "./connection.ts";
import type { TcpSettings } from "./settings.ts";

/** The highest bit says that the others count minutes. */
const MINUTES = 0x8000;
const MAXIMUM = 0x7fff;
/** L_LIMIT and U_LIMIT: no peer makes a connection shorter, or longer, than this. */
const LOWER_LIMIT = 100 * SECOND;
const UPPER_LIMIT = 60 * MINUTE;

/** Adds the option to those of a SYN, where a program has chosen a timeout and there is room. */
export function putUserTimeout(
  options: TcpOptions,
  settings: TcpSettings,
  { userTimeout }: Configuration,
): void {
  // RFC 5482 section 3.1 (MUST): ENABLED: the option is sent only where it is wanted.
  if (!settings.userTimeoutOption || userTimeout === 0) return;
  const seconds = Math.ceil(userTimeout / SECOND);
  options.present |= OptionBit.USER_TIMEOUT;
  // RFC 5482 section 3 (MUST): zero is no timeout; what is too long for seconds is told in minutes.
  options.userTimeout = seconds <= MAXIMUM
    ? seconds
    : MINUTES | Math.min(MAXIMUM, Math.ceil(seconds / 60));
  if (writtenBytes(options) > MAX_OPTIONS_BYTES) options.present &= ~OptionBit.USER_TIMEOUT;
}

/** The timeout that an option tells in microseconds, 0 for none. */
export function toldTimeout(options: TcpOptions): number {
  if ((options.present & OptionBit.USER_TIMEOUT) === 0) return 0;
  const { userTimeout } = options;
  return (userTimeout & MAXIMUM) * ((userTimeout & MINUTES) === 0 ? SECOND : MINUTE);
}

/** The other end has told its timeout. */
export function adoptUserTimeout(connection: Connection, told: number): void {
  const { settings } = connection.context;
  // RFC 5482 section 3.1 (MUST): CHANGEABLE, until a program chooses for itself; and ignored where
  // the option is not wanted.
  if (told === 0 || !settings.userTimeoutOption || connection.configuration.userTimeout > 0) return;
  // RFC 5482 section 3.1 (MUST): USER_TIMEOUT = min(U_LIMIT, max(REMOTE_UTO, L_LIMIT)).
  connection.sender.userTimeout = Math.min(UPPER_LIMIT, Math.max(told, LOWER_LIMIT));
}
