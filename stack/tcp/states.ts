/**
 * The states of a connection, and what leads from one to another.
 *
 * ```text
 *                              +---------+ ---------\      CONNECT
 *                              |  CLOSED |            \    -----------
 *                              +---------+<---------\   \  snd SYN
 *                     LISTEN     |     ^              \   \
 *                    ---------   |     | CLOSE          \   \
 *                                V     |                 |    V
 *                              +---------+          CLOSE |    |
 *                              |  LISTEN |          ------|    |
 *                              +---------+                |    |
 *                   SYN          |     |                  |    |
 *                 -----------    |     | a connection     |    V
 * +---------+     snd SYN,ACK   /       \  of its own    +---------+
 * |         |<-----------------           -------------->|         |
 * |   SYN   |                    SYN                     |   SYN   |
 * | RECEIVED|<-------------------------------------------|   SENT  |
 * |         |                  snd SYN,ACK               |         |
 * |         |------------------           ---------------|         |
 * +---------+  SYN_ACKNOWLEDGED \       /   SYN_ACK      +---------+
 *   | |        ----------------  |     |   -----------
 *   | | FIN           x          |     |    snd ACK
 *   | |------------------------\ V     V
 *   | CLOSE                   +---------+
 *   | -------                 |  ESTAB  |
 *   | snd FIN                 +---------+
 *   V                 CLOSE    |  | |    FIN
 * +---------+        -------   |  | |   -------
 * |   FIN   |<-----------------   | | --------------->  +---------+
 * |  WAIT-1 |   FIN   snd FIN     |       snd ACK       |  CLOSE  |
 * |         |--------------       |                     |   WAIT  |
 * +---------+      snd ACK \      | RESET               +---------+
 *   | FIN_ACKNOWLEDGED      |     | from any state       CLOSE |
 *   | ----------------      |     V to CLOSED             -------|
 *   V        x              V                             snd FIN V
 * +---------+           +---------+                     +---------+
 * |FINWAIT-2|           | CLOSING |                     | LAST-ACK|
 * +---------+           +---------+                     +---------+
 *   |                FIN_ACKNOWLEDGED |      FIN_ACKNOWLEDGED |
 *   |  FIN           ---------------- |      ---------------- |
 *   |  -------              x         V             x         V
 *    \ snd ACK              +---------+  EXPIRED        +---------+
 *      -------------------->|TIME-WAIT|---------------->| CLOSED  |
 *                           +---------+                 +---------+
 * ```
 *
 * Source: RFC 9293 section 3.3.2, figure 5. A listener stays one: what a SYN leads to is a
 * connection of its own, which begins in SYN-RECEIVED.
 *
 * @module
 */

/** The states of RFC 9293 section 3.3.2. */
export const State = {
  CLOSED: 0,
  LISTEN: 1,
  SYN_SENT: 2,
  SYN_RECEIVED: 3,
  ESTABLISHED: 4,
  FIN_WAIT_1: 5,
  FIN_WAIT_2: 6,
  CLOSE_WAIT: 7,
  CLOSING: 8,
  LAST_ACK: 9,
  TIME_WAIT: 10,
} as const;
/** One of {@linkcode State}. */
export type State = typeof State[keyof typeof State];

/** What happens to a connection. */
export const StateEvent = {
  /** The program listens. */
  LISTEN: 0,
  /** The program connects: a SYN is sent. */
  CONNECT: 1,
  /** A SYN without ACK arrived. */
  SYN: 2,
  /** A SYN arrived that acknowledges ours. */
  SYN_ACK: 3,
  /** Our SYN is acknowledged by a segment without SYN. */
  SYN_ACKNOWLEDGED: 4,
  /** The program closes, or sends no more. */
  CLOSE: 5,
  /** The other end's FIN, and everything before it, arrived. */
  FIN: 6,
  /** Our FIN is acknowledged. */
  FIN_ACKNOWLEDGED: 7,
  /** Twice the maximum segment lifetime has passed. */
  EXPIRED: 8,
  /** It is given up: a reset, a timeout, an abort. */
  RESET: 9,
} as const;
/** One of {@linkcode StateEvent}. */
export type StateEvent = typeof StateEvent[keyof typeof StateEvent];

const STATES = Object.keys(State).length;
const EVENTS = Object.keys(StateEvent).length;
const UNREACHABLE = -1;

const TRANSITIONS = new Int8Array(STATES * EVENTS).fill(UNREACHABLE);

function leads(from: State, event: StateEvent, to: State): void {
  TRANSITIONS[from * EVENTS + event] = to;
}

leads(State.CLOSED, StateEvent.LISTEN, State.LISTEN);
leads(State.CLOSED, StateEvent.CONNECT, State.SYN_SENT);
// A connection that a listener makes is CLOSED until it has looked at the SYN.
leads(State.CLOSED, StateEvent.SYN, State.SYN_RECEIVED);
leads(State.LISTEN, StateEvent.CLOSE, State.CLOSED);
leads(State.SYN_SENT, StateEvent.CLOSE, State.CLOSED);
leads(State.SYN_SENT, StateEvent.SYN, State.SYN_RECEIVED);
leads(State.SYN_SENT, StateEvent.SYN_ACK, State.ESTABLISHED);
leads(State.SYN_RECEIVED, StateEvent.SYN_ACKNOWLEDGED, State.ESTABLISHED);
leads(State.SYN_RECEIVED, StateEvent.CLOSE, State.FIN_WAIT_1);
leads(State.SYN_RECEIVED, StateEvent.FIN, State.CLOSE_WAIT);
leads(State.ESTABLISHED, StateEvent.CLOSE, State.FIN_WAIT_1);
leads(State.ESTABLISHED, StateEvent.FIN, State.CLOSE_WAIT);
leads(State.FIN_WAIT_1, StateEvent.FIN_ACKNOWLEDGED, State.FIN_WAIT_2);
leads(State.FIN_WAIT_1, StateEvent.FIN, State.CLOSING);
leads(State.FIN_WAIT_2, StateEvent.FIN, State.TIME_WAIT);
leads(State.CLOSE_WAIT, StateEvent.CLOSE, State.LAST_ACK);
leads(State.CLOSING, StateEvent.FIN_ACKNOWLEDGED, State.TIME_WAIT);
leads(State.LAST_ACK, StateEvent.FIN_ACKNOWLEDGED, State.CLOSED);
leads(State.TIME_WAIT, StateEvent.EXPIRED, State.CLOSED);
for (const state of Object.values(State)) leads(state, StateEvent.RESET, State.CLOSED);

/**
 * The one transition function. RFC 9293 section 3.3.2.
 *
 * @returns the next state
 * @throws {Error} where the diagram has no such way: a mistake of ours, whatever a peer sends
 */
export function transition(from: State, event: StateEvent): State {
  const to = TRANSITIONS[from * EVENTS + event];
  if (to === UNREACHABLE) {
    throw new Error(`no way leads from ${stateName(from)} by ${eventName(event)}`);
  }
  return to as State;
}

/** The name of a state, such as `ESTABLISHED`. */
export function stateName(state: State): string {
  return Object.keys(State)[state];
}

function eventName(event: StateEvent): string {
  return Object.keys(StateEvent)[event];
}
