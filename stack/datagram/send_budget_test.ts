import { assert, assertEquals } from "@std/assert";
import { makeEnvironment } from "../../tests/support/stack/fake_ip.ts";
import { SendBudget, SendShare } from "./send_budget.ts";

Deno.test("those who wait are told in the next instant, in their order, and once", () => {
  const environment = makeEnvironment();
  const budget = new SendBudget(environment);
  const told: string[] = [];
  const holders = ["a", "b", "c"].map((name) => ({ onBudget: () => told.push(name) }));
  for (const holder of holders) budget.wait(holder, false);
  budget.wait(holders[0], false);
  budget.forget(holders[1]);
  environment.timers.expire(environment.now);
  assertEquals(told, []);
  environment.now++;
  environment.timers.expire(environment.now);
  assertEquals(told, ["a", "c"]);
  environment.now += 10_000;
  environment.timers.expire(environment.now);
  assertEquals(told, ["a", "c"]);
});

Deno.test("whoever is told may wait again at once", () => {
  const environment = makeEnvironment();
  const budget = new SendBudget(environment);
  let told = 0;
  const holder = {
    onBudget: () => {
      told++;
      budget.wait(holder, true);
    },
  };
  budget.wait(holder, false);
  environment.timers.expire(++environment.now);
  assertEquals(told, 1);
  environment.timers.expire(environment.now += 999);
  assertEquals(told, 1);
  environment.timers.expire(environment.now += 1);
  assertEquals(told, 2);
});

Deno.test("a share is used up by bytes and by datagrams, and is new in the next instant", () => {
  const environment = makeEnvironment();
  const share = new SendShare(environment);
  assert(share.hasRoom(1));
  share.spend(0);
  assert(!share.hasRoom(256));
  assert(share.hasRoom(257));
  share.spend(1000);
  assert(!share.hasRoom(1512));
  environment.now++;
  assert(share.hasRoom(1));
  share.spend(5000);
  assert(!share.hasRoom(1));
  share.renew();
  assert(share.hasRoom(1));
});
