/**
 * Programs that end by themselves, or do not: `lifetime_test.ts` runs each in a process of its own.
 *
 *     deno run -A lifetime_programs.ts PROGRAM BACKEND
 *
 * @module
 */

import { NetworkCapability, type TcpEndpoint, TcpStream } from "../../mod.ts";
import type { Backend } from "./fixtures.ts";

const [name, backend] = Deno.args as [string, Backend];
const say = (text: string): void => console.log(text);

async function open(): Promise<[NetworkCapability, TcpEndpoint, string]> {
  const capability = await NetworkCapability.request({ backend });
  const endpoint = await capability.listen("127.0.0.1:0");
  return [capability, endpoint, `127.0.0.1:${endpoint.addr.port}`];
}

async function pair(): Promise<[TcpStream, TcpStream, TcpEndpoint]> {
  const [capability, endpoint, address] = await open();
  const accepting = endpoint.accept();
  const client = await TcpStream.connect(address, capability);
  return [client, await accepting, endpoint];
}

const programs: Readonly<Record<string, () => Promise<void>>> = {
  async "a capability alone"() {
    await NetworkCapability.request({ backend });
    say("done");
  },
  async "an endpoint nobody accepts from"() {
    await open();
    say("done");
  },
  async "an open pair that nobody waits for"() {
    await pair();
    say("done");
  },
  async "an accept that waits, unreferenced"() {
    const [, endpoint] = await open();
    endpoint.unref();
    endpoint.accept().catch(() => {});
    say("done");
  },
  async "a receive that waits, unreferenced"() {
    const [client] = await pair();
    client.unref();
    client.receive().catch(() => {});
    say("done");
  },
  async "a receive that waits, unreferenced meanwhile"() {
    const [client] = await pair();
    client.receive().catch(() => {});
    setTimeout(() => {
      client.unref();
      say("done");
    }, 50);
  },
  async "a receive with a deadline"() {
    const [client] = await pair();
    await client.receive({ timeoutMs: 300 }).catch((error) => say(error.code));
    say("done");
  },
  async "an abandoned iterator"() {
    const [client, server] = await pair();
    await server.send(new Uint8Array(10));
    for await (const _lease of client.receiveMany()) break;
    say("done");
  },
  async "closes that are awaited"() {
    const [client, server, endpoint] = await pair();
    const receiving = client.receive().catch((error) => say(error.code));
    await client.close();
    await receiving;
    await server.close();
    await endpoint[Symbol.asyncDispose]();
    say("done");
  },
  async "a refused connect"() {
    const [capability, endpoint, address] = await open();
    await endpoint[Symbol.asyncDispose]();
    await TcpStream.connect(address, capability).catch((error) => say(error.code));
    say("done");
  },
  async "a capability that is closed"() {
    const [client, server, endpoint] = await pair();
    const waiting = Promise.allSettled([client.receive(), server.receive(), endpoint.accept()]);
    const { network } = client;
    await Promise.all([client.close(), server.close(), endpoint[Symbol.asyncDispose]()]);
    await waiting;
    await network.reactor.close();
    say("done");
  },
  async "an echo after a long silence"() {
    const [client, server] = await pair();
    setTimeout(() => server.send(new Uint8Array(3)), 300);
    using lease = await client.receive();
    say(String(lease?.length));
    say("done");
  },
  async "an accept that waits"() {
    const [, endpoint] = await open();
    say("done");
    await endpoint.accept();
  },
  async "a receive that waits"() {
    const [client] = await pair();
    say("done");
    await client.receive();
  },
  async "a receive that waits, referenced again"() {
    const [client] = await pair();
    client.unref();
    const waiting = client.receive();
    client.ref();
    say("done");
    await waiting;
  },
};

await programs[name]();
