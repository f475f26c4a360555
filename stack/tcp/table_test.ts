import { assertEquals } from "@std/assert";
import { Flow, type IpAddress } from "../ip/types.ts";
import { TestNetwork } from "../../tests/support/stack/tcp/network.ts";
import { type Entry, EntryTable } from "./table.ts";

class TestEntry implements Entry {
  slot = -1;
  fired = 0;
  readonly flow: Flow;
  readonly configuration = null;

  constructor(local: IpAddress, remote: IpAddress, scope = 0) {
    this.flow = Object.assign(new Flow(), { local, remote, localPort: 1, remotePort: 2, scope });
  }

  onSegment(): void {}
  onTimer(): void {
    this.fired++;
  }
  isInFlight(): boolean {
    return false;
  }
  onIcmp(): void {}
}

function setUp(capacity: number) {
  const { environment } = new TestNetwork().addHost();
  return { table: new EntryTable(environment, capacity), environment };
}

Deno.test("entries of both families are found by their ends, once each", () => {
  const { table } = setUp(4);
  const [four, six] = [new TestEntry(1, 2), new TestEntry([1, 0, 0, 0], [2, 0, 0, 0])];
  assertEquals([table.add(four), table.add(six), table.add(new TestEntry(1, 2))], [
    true,
    true,
    false,
  ]);
  assertEquals([table.find(four.flow), table.find(six.flow), table.size], [four, six, 2]);
  assertEquals(table.find4(1, 2, 1 << 16 | 2), four);
  assertEquals(table.find4(1, 2, 1 << 16 | 3), null);
  table.remove(four);
  assertEquals([table.find(four.flow), four.slot, table.all()], [null, -1, [six]]);
});

Deno.test("addresses of the link mean something on their own interface only", () => {
  const { table } = setUp(4);
  const local: IpAddress = [0xfe800000 | 0, 0, 0, 1];
  const remote: IpAddress = [0xfe800000 | 0, 0, 0, 2];
  const [one, two] = [new TestEntry(local, remote, 1), new TestEntry(local, remote, 2)];
  assertEquals([table.add(one), table.add(two)], [true, true]);
  assertEquals(table.find6(local, remote, 1 << 16 | 2, 2), two);
});

Deno.test("a full table takes no more, and room that is given back is used again", () => {
  const { table } = setUp(2);
  const entries = [2, 3, 4].map((remote) => new TestEntry(1, remote));
  assertEquals(entries.map((entry) => table.add(entry)), [true, true, false]);
  table.remove(entries[0]);
  assertEquals(table.add(entries[2]), true);
});

Deno.test("an entry takes another one's place, and its timer with it", () => {
  const { table, environment } = setUp(2);
  const [before, after] = [new TestEntry(1, 2), new TestEntry(1, 2)];
  table.add(before);
  table.schedule(before.slot, environment.now + 10);
  table.replace(before, after);
  assertEquals([table.find(after.flow), before.slot, after.slot], [after, -1, 0]);
  environment.timers.expire(environment.now + 20);
  assertEquals([before.fired, after.fired], [0, 1]);
});

Deno.test("a timer fires early rather than late, and is armed anew when it is too late", () => {
  const { table, environment } = setUp(2);
  const entry = new TestEntry(1, 2);
  table.add(entry);
  table.schedule(entry.slot, environment.now + 100);
  table.schedule(entry.slot, environment.now + 500);
  assertEquals(environment.timers.nextDeadline(), environment.now + 100);
  table.schedule(entry.slot, environment.now + 50);
  assertEquals(environment.timers.nextDeadline(), environment.now + 50);
  environment.timers.expire(environment.now + 60);
  assertEquals([entry.fired, environment.timers.nextDeadline()], [1, Infinity]);
});
