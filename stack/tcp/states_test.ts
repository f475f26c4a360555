import { assertEquals, assertThrows } from "@std/assert";
import { State, StateEvent, stateName, transition } from "./states.ts";

/** Follows events from CLOSED. */
function follow(...events: (keyof typeof StateEvent)[]): string {
  let state: State = State.CLOSED;
  for (const event of events) state = transition(state, StateEvent[event]);
  return stateName(state);
}

Deno.test("the ways of the diagram lead where they should", () => {
  assertEquals(follow("CONNECT", "SYN_ACK"), "ESTABLISHED");
  assertEquals(follow("CONNECT", "SYN", "SYN_ACKNOWLEDGED"), "ESTABLISHED");
  assertEquals(follow("SYN", "SYN_ACKNOWLEDGED", "FIN", "CLOSE"), "LAST_ACK");
  assertEquals(follow("CONNECT", "SYN_ACK", "CLOSE", "FIN", "FIN_ACKNOWLEDGED"), "TIME_WAIT");
  assertEquals(follow("CONNECT", "SYN_ACK", "CLOSE", "FIN_ACKNOWLEDGED", "FIN"), "TIME_WAIT");
  assertEquals(follow("LISTEN", "CLOSE"), "CLOSED");
});

Deno.test("everything can be reset, and nothing happens that the diagram has not got", () => {
  for (const state of Object.values(State)) {
    assertEquals(transition(state, StateEvent.RESET), State.CLOSED);
  }
  assertThrows(() => follow("CONNECT", "FIN"), Error, "SYN_SENT by FIN");
  assertThrows(() => transition(State.TIME_WAIT, StateEvent.CLOSE), Error, "TIME_WAIT by CLOSE");
});
