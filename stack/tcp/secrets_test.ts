import { assertEquals, assertNotEquals } from "@std/assert";
import { Flow, type IpAddress } from "../ip/types.ts";
import { TestNetwork } from "../../tests/support/stack/tcp/network.ts";
import { Secrets } from "./secrets.ts";

function flowOf(local: IpAddress, remote: IpAddress, localPort = 80, remotePort = 90): Flow {
  return Object.assign(new Flow(), { local, remote, localPort, remotePort });
}

function secrets(seed = 1): { secrets: Secrets; environment: { now: number } } {
  const { environment } = new TestNetwork({ seed }).addHost();
  return { secrets: new Secrets(environment), environment };
}

Deno.test("sequence numbers depend on all of the flow, the key and the time", () => {
  const { secrets: one, environment } = secrets();
  const flow = flowOf(1, 2);
  const number = one.initialSequence(flow);
  assertEquals(one.initialSequence(flowOf(1, 2)), number);
  for (const other of [flowOf(3, 2), flowOf(1, 3), flowOf(1, 2, 81), flowOf(1, 2, 80, 91)]) {
    assertNotEquals(one.initialSequence(other), number);
  }
  assertNotEquals(secrets(2).secrets.initialSequence(flow), number);
  environment.now += 4;
  assertEquals(one.initialSequence(flow), number + 1 | 0);
  environment.now += 4 * 2 ** 32;
  assertEquals(one.initialSequence(flow), number + 1 | 0);
});

// covers RFC 7323 5.4 SHOULD
Deno.test("timestamps of two hosts go on from one connection to the next, others differ", () => {
  const { secrets: one } = secrets();
  const offset = one.timestampOffset(flowOf(1, 2, 80, 90));
  assertEquals(one.timestampOffset(flowOf(1, 2, 81, 91)), offset);
  assertNotEquals(one.timestampOffset(flowOf(1, 3, 80, 90)), offset);
  assertNotEquals(one.timestampOffset(flowOf([1, 2, 3, 4], [5, 6, 7, 8])), offset);
});

// covers RFC 7323 5.4 MUST
Deno.test("the clock of timestamps ticks each millisecond", () => {
  const { secrets: one, environment } = secrets();
  const before = one.timestampClock;
  environment.now += 999;
  assertEquals(one.timestampClock, before);
  environment.now += 1;
  assertEquals(one.timestampClock, before + 1);
});
