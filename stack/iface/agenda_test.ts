import { assertEquals } from "@std/assert";
import { TestEnvironment } from "../../tests/support/stack/links.ts";
import { Agenda, type AgendaItem } from "./agenda.ts";

interface Item extends AgendaItem {
  readonly name: string;
}

function made(resolution: number) {
  const environment = new TestEnvironment(1, resolution);
  const done: string[] = [];
  const agenda = new Agenda<Item>(environment, (item) => {
    done.push(item.name);
    item.deadline = Infinity;
  });
  const at = (now: number) => {
    environment.now = now;
    environment.timers.expire(now);
    return done.splice(0);
  };
  return { environment, agenda, at };
}

Deno.test("what is due is done, and nothing else", () => {
  const { environment, agenda, at } = made(1);
  const [one, two] = [{ name: "one", deadline: 10 }, { name: "two", deadline: 20 }];
  agenda.add(two);
  agenda.add(one);
  assertEquals(environment.timers.nextDeadline(), 10);
  assertEquals(at(9), []);
  assertEquals(at(10), ["one"]);
  assertEquals(at(25), ["two"]);
  assertEquals(environment.timers.nextDeadline(), Infinity);
  two.deadline = 30;
  agenda.rearm();
  agenda.remove(two);
  agenda.remove(two);
  assertEquals(at(40), []);
  assertEquals(agenda.items, [one]);
});

Deno.test("what a coarse timer fires early for is done once", () => {
  const { environment, agenda, at } = made(1000);
  agenda.add({ name: "one", deadline: 1500 });
  agenda.add({ name: "two", deadline: 1900 });
  assertEquals(at(environment.timers.nextDeadline()), ["one", "two"]);
  assertEquals(environment.timers.nextDeadline(), Infinity);
});
