/**
 * What raw sockets do in a namespace that a test has made: each action prints lines of JSON.
 *
 * @module
 */

import { impostor, type Trick } from "./impostor.ts";
import {
  NetworkCapability,
  ping,
  type PingOptions,
  RawEndpoint,
  type RawOptions,
} from "../../mod.ts";

const capability = await NetworkCapability.request({
  backend: "kernel",
  rights: { raw: true, connect: true, listen: true },
});

function print(value: unknown): void {
  console.log(JSON.stringify(value, (_key, each) => each === undefined ? null : each));
}

async function pingHost(host: string, options: PingOptions): Promise<void> {
  for await (const result of ping(host, capability, options)) print(result);
}

/** Waits until hosts answer. */
async function reach(...hosts: string[]): Promise<void> {
  await Promise.all(hosts.map(async (host) => {
    for await (const { error } of ping(host, capability, { count: 500, intervalMs: 20 })) {
      if (error === undefined) return;
    }
    throw new Error(`${host} does not answer`);
  }));
}

/** Asks until there is an answer: routers send no more than a few errors in a second. */
async function answer(host: string): Promise<void> {
  const options = { count: 100, intervalMs: 200, timeoutMs: 10_000 };
  for await (const result of ping(host, capability, options)) {
    if (result.from === "") continue;
    print(result);
    return;
  }
}

/** Says "ready", then what arrives, as many messages as asked for. */
async function receive(protocol: number, options: RawOptions, count: number): Promise<void> {
  await using raw = await RawEndpoint.open(protocol, capability, options);
  print("ready");
  for (let received = 0; received < count; received++) {
    using message = await raw.receive({ timeoutMs: 20_000 });
    const { remoteAddr: { hostname }, timeToLive, trafficClass } = message;
    print({ from: hostname, timeToLive, trafficClass, bytes: [...message.copy()] });
  }
}

async function send(protocol: number, options: RawOptions, to: string, bytes: number[]) {
  await using raw = await RawEndpoint.open(protocol, capability, options);
  await raw.send(Uint8Array.from(bytes), to);
}

/** Pings a host that somebody else answers for. */
async function pingImpostor(trick: Trick, host: string, options: PingOptions): Promise<void> {
  await using answering = await impostor(capability, host, trick);
  await pingHost(host, options);
  await answering[Symbol.asyncDispose]();
}

const [action, ...words] = Deno.args;
// deno-lint-ignore no-explicit-any
const args: any[] = words.map((word) => JSON.parse(word));
const actions: Record<string, (...args: never[]) => Promise<void>> = {
  ping: pingHost,
  reach,
  answer,
  receive,
  send,
  pingImpostor,
};
try {
  await actions[action](...args as never[]);
} catch (error) {
  const { name, code, message } = error as Error & { code?: string };
  print({ error: { name, code, message } });
}
await capability[Symbol.asyncDispose]();
