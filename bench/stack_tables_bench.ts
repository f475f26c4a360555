/**
 * What it costs to find a packet's connection and its route. Where a name says how many, divide by
 * that.
 *
 * @module
 */

import { printMachine } from "./support.ts";
import { hashWords } from "../ring/abi/sip_hash.ts";
import { SeededRandom } from "../stack/random.ts";
import {
  type AddressWords,
  IPV4_FLOW_WORDS,
  IPV6_FLOW_WORDS,
  KeyTable,
  PrefixTable,
  setIpv4Flow,
  setIpv6Flow,
} from "../stack/tables/mod.ts";

printMachine();

/** Lookups for each run: the clock that measures costs more than one. */
const BATCH = 1000;
const HASH_KEY = { low: 0x12345678, high: -1234567 };
/** Coprime to the counts: it comes to every flow once, in an order that no cache knows. */
const STRIDE = 7919;

const key4 = new Int32Array(IPV4_FLOW_WORDS);
const key6 = new Int32Array(IPV6_FLOW_WORDS);
const local6 = [0x20010db8, 0, 0, 1];
const remote6 = [0x20010db8, 0, 0, 0];

function setFlow4(flow: number): void {
  const ports = 80 << 16 | 1024 + (flow % 60_000);
  setIpv4Flow(key4, 0x0a000001, 0x0b000000 + (flow >>> 4), ports, 6, 0);
}

function setFlow6(flow: number): void {
  remote6[3] = flow >>> 4;
  setIpv6Flow(key6, local6, remote6, 80 << 16 | 1024 + (flow % 60_000), 6, 0);
}

let found = 0;
let next = 0;

function bench(name: string, group: string, count: number, call: (flow: number) => void): void {
  Deno.bench({
    name: `${BATCH} x ${name}`,
    group,
    baseline: name.includes("Map"),
    fn() {
      for (let turn = 0; turn < BATCH; turn++) {
        next = (next + STRIDE) % count;
        call(next);
      }
    },
  });
}

for (const count of [10_000, 100_000]) {
  const group = `${count} flows`;
  const map = new Map<number, number>();
  const table4 = new KeyTable({ capacity: count, keyWords: IPV4_FLOW_WORDS, hashKey: HASH_KEY });
  const table6 = new KeyTable({ capacity: count, keyWords: IPV6_FLOW_WORDS, hashKey: HASH_KEY });
  const texts = new Map<string, number>();
  for (let flow = 0; flow < count; flow++) {
    setFlow4(flow);
    setFlow6(flow);
    map.set(flow * STRIDE, flow);
    texts.set(key4.join(), flow);
    table4.insert(key4, flow);
    table6.insert(key6, flow);
  }
  bench("a Map from one number", group, count, (flow) => found += map.get(flow * STRIDE)!);
  bench("the hash of an IPv4 flow alone", group, count, (flow) => {
    setFlow4(flow);
    found ^= hashWords(HASH_KEY, key4, IPV4_FLOW_WORDS);
  });
  bench("an IPv4 flow that is there", group, count, (flow) => {
    setFlow4(flow);
    found += table4.lookup(key4);
  });
  bench("an IPv4 flow that is not there", group, count, (flow) => {
    setFlow4(flow + count);
    found += table4.lookup(key4);
  });
  bench("an IPv4 flow removed and inserted again", group, count, (flow) => {
    setFlow4(flow);
    table4.insert(key4, table4.remove(key4));
  });
  bench("an IPv6 flow that is there", group, count, (flow) => {
    setFlow6(flow);
    found += table6.lookup(key6);
  });
  bench("an IPv4 flow as the text of its key in an object", group, count, (flow) => {
    setFlow4(flow);
    found += texts.get(key4.join())!;
  });
}

/** A table with a default route and others, like those of a router, and addresses that they hold. */
function makeRoutes(addressWords: AddressWords, count: number) {
  const random = new SeededRandom(1);
  const table = new PrefixTable({ addressWords, capacity: count });
  table.insert(new Int32Array(addressWords), 0, 0, 0);
  const addresses: Int32Array[] = [];
  for (let route = 1; route < count; route++) {
    const address = Int32Array.from({ length: addressWords }, () => random.uint32());
    if (addressWords === 4) address[0] = 0x20010000 | (address[0] & 0xffff);
    const length = addressWords === 1 ? 16 + route % 9 : 32 + route % 33;
    table.insert(address, length, 0, route);
    addresses.push(address);
  }
  return { table, addresses };
}

for (const [name, addressWords] of [["IPv4", 1], ["IPv6", 4]] as [string, AddressWords][]) {
  for (const count of [4, 1000, 10_000]) {
    const { table, addresses } = makeRoutes(addressWords, count);
    bench(`a route of ${count}`, `${name} routes`, addresses.length, (at) => {
      found += table.lookup(addresses[at]);
    });
  }
}
