/**
 * Programs that must end by themselves, or must not: `alive.ts REQUEST SCENARIO`, where REQUEST is
 * what the capability is asked for with, as JSON.
 *
 * @module
 */

import { NetworkCapability } from "../../../mod.ts";

const capability = await NetworkCapability.request(JSON.parse(Deno.args[0]));

/** Two connected streams. */
async function pair() {
  const endpoint = await capability.listen("127.0.0.1:0");
  const accepting = endpoint.accept();
  const client = await capability.connect(endpoint.addr);
  return { endpoint, client, server: await accepting };
}

const scenarios: Record<string, () => Promise<void>> = {
  "idle": async () => {
    const { client, server } = await pair();
    await client.send(new Uint8Array(10));
    (await server.receive())!.release();
    console.log("ready");
  },
  "unreferenced": async () => {
    const { endpoint, client, server } = await pair();
    endpoint.unref();
    client.unref();
    endpoint.accept();
    client.receiveMany().next();
    server.receive();
    await new Promise((resolve) => setTimeout(resolve, 20));
    // What is under way already can be unreferenced too.
    server.unref();
    console.log("ready");
  },
  "accept": async () => {
    const endpoint = await capability.listen("127.0.0.1:0");
    console.log(endpoint.addr.port);
    const stream = await endpoint.accept();
    console.log("served");
    const error = await stream.receive({ timeoutMs: 50 }).catch((error) => error);
    console.log(error.code);
  },
  "referenced again": async () => {
    const endpoint = await capability.listen("127.0.0.1:0");
    endpoint.unref();
    const accepting = endpoint.accept();
    endpoint.ref();
    console.log(endpoint.addr.port);
    await (await accepting).close();
    console.log("served");
  },
};

// Not awaited at the top level: a program that ends although that is pending ends with an error.
scenarios[Deno.args[1]]();
