import { assertEquals } from "@std/assert";
import { BufferLease } from "../lease.ts";
import { LeaseQueue } from "./lease_queue.ts";
import { bufferGroups, ProvidedBuffers } from "../../ring/buffers.ts";
import { ringAt } from "../../tests/support/ring.ts";
import { withSeed } from "../../tests/support/seed.ts";

const STEPS = 2000;

Deno.test(
  "leases leave in the order of a plain list, whatever is put back before them",
  withSeed((random) => {
    const { memory } = ringAt(0, {});
    const buffers = new ProvidedBuffers(memory, bufferGroups(memory)[0]);
    const queue = new LeaseQueue();
    const list: BufferLease[] = [];
    for (let step = 0; step < STEPS; step++) {
      if (list.length === 0 || random.chance(0.5)) {
        const lease = BufferLease.empty(memory, buffers);
        if (random.chance(0.7)) {
          queue.push(lease);
          list.push(lease);
        } else {
          queue.unshift(lease);
          list.unshift(lease);
        }
      } else {
        const lease = queue.shift();
        assertEquals(lease === list.shift(), true);
        assertEquals(lease.next, null);
      }
      assertEquals(queue.length, list.length);
    }
  }),
);
