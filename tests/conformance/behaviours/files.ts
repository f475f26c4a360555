/**
 * Files: sent, and written with what is received.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { theme } from "../behaviour.ts";
import {
  counted,
  Counting,
  drainCounted,
  readExactly,
  readToEnd,
  TOO_MUCH,
  utf8,
} from "../bytes.ts";
import type { Context, Pair } from "../context.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import { NetError, PartialSendError } from "../../../mod.ts";

const behaviour = theme("files");

/** A folder of files, a capability that may use some of them, and two streams under it. */
interface Desk extends Pair {
  readonly folder: string;
}

async function desk(t: Context): Promise<Desk> {
  // Rules are about paths without links, which a folder for temporary files may be.
  const folder = await Deno.realPath(await Deno.makeTempDir());
  t.defer(() => Deno.remove(folder, { recursive: true }));
  const rights = {
    tcp: true,
    connect: true,
    listen: true,
    files: [`file://${folder}/out/**`],
    writableFiles: [`file://${folder}/in/*`],
  };
  await Deno.mkdir(`${folder}/out`);
  await Deno.mkdir(`${folder}/in`);
  const capability = await t.request({ rights });
  return { ...await t.pair({}, capability), folder };
}

behaviour("sendFile() sends a file, all of it or a part", async (t) => {
  const { client, server, folder } = await desk(t);
  const path = `${folder}/out/counted`;
  const length = 3_000_001;
  await Deno.writeFile(path, counted(length));
  const receiving = drainCounted(server);
  assertEquals(await client.sendFile(path, { length: 1000 }), 1000);
  assertEquals(await client.sendFile(new URL(`file://${path}`), { offset: 1000 }), length - 1000);
  await client.closeWrite();
  assertEquals(await receiving, length);
});

behaviour("sendFile() sends what there is where the file ends before", async (t) => {
  const { client, server, folder } = await desk(t);
  await Deno.writeFile(`${folder}/out/short`, counted(500_000));
  const receiving = drainCounted(server);
  assertEquals(await client.sendFile(`${folder}/out/short`, { length: 2 ** 40 }), 500_000);
  assertEquals(await client.sendFile(`${folder}/out/short`, { offset: 500_000 }), 0);
  assertEquals(await client.sendFile(`${folder}/out/short`, { length: 0 }), 0);
  await client.closeWrite();
  assertEquals(await receiving, 500_000);
});

behaviour("a file leaves in its turn among the sends", async (t) => {
  const { client, server, folder } = await desk(t);
  const whole = 900_000;
  await Deno.writeFile(`${folder}/out/middle`, counted(600_000, 100_000));
  const receiving = drainCounted(server);
  const sent = await Promise.all([
    client.send(counted(100_000)),
    client.sendFile(`${folder}/out/middle`, { length: 300_000 }),
    client.sendFile(`${folder}/out/middle`, { offset: 300_000 }),
    client.send(counted(whole - 700_000, 700_000)),
    client.closeWrite(),
  ]);
  assertEquals(sent.slice(0, 4), [100_000, 300_000, 300_000, 200_000]);
  assertEquals(await receiving, whole);
});

behaviour("sendFile() judges the path that the file has once links are followed", async (t) => {
  const { client, folder } = await desk(t);
  await Deno.writeTextFile(`${folder}/secret`, "secret");
  await Deno.symlink(`${folder}/secret`, `${folder}/out/link`);
  for (const path of [`${folder}/secret`, `${folder}/out/../secret`, `${folder}/out/link`]) {
    const error = await reasonOf(client.sendFile(path));
    assertInstanceOf(error, Deno.errors.NotCapable, path);
    assertInstanceOf(error, NetError);
    assert(error.message.includes(`${folder}/secret`), error.message);
  }
  await Deno.mkdir(`${folder}/out/below`);
  await Deno.writeTextFile(`${folder}/out/below/file`, "fine");
  await Deno.symlink(`${folder}/out/below`, `${folder}/door`);
  assertEquals(await client.sendFile(`${folder}/door/file`), 4);
});

behaviour("sendFile() tells of missing files only those who might have them", async (t) => {
  const { client, folder } = await desk(t);
  const error = await reasonOf(client.sendFile(`${folder}/out/none`));
  assertNetError(error, { code: "ENOENT", operation: "sendFile" });
  assert(error.message.includes(`${folder}/out/none`), error.message);
  const elsewhere = await reasonOf(client.sendFile(`${folder}/none`));
  assertInstanceOf(elsewhere, Deno.errors.NotCapable);
  const directory = await reasonOf(client.sendFile(`${folder}/out/.`));
  assertInstanceOf(directory, Deno.errors.NotCapable);
  await Deno.mkdir(`${folder}/out/directory`);
  assertNetError(await reasonOf(client.sendFile(`${folder}/out/directory`)), { code: "EISDIR" });
  // The stream is as usable as before.
  assertEquals(await client.send(utf8("on")), 2);
});

behaviour("without the right, no file is sent and none is written", async (t) => {
  const { client } = await t.pair();
  assertInstanceOf(await reasonOf(client.sendFile("/etc/hostname")), Deno.errors.NotCapable);
  assertInstanceOf(await reasonOf(client.receiveFile("/tmp/none")), Deno.errors.NotCapable);
});

behaviour("bad arguments of sendFile() and receiveFile() name value and position", async (t) => {
  const { client } = await t.pair();
  const calls: [() => Promise<unknown>, typeof TypeError | typeof RangeError, string][] = [
    [() => client.sendFile("/x", { offset: -1 }), RangeError, "offset"],
    [() => client.sendFile("/x", { length: 1.5 }), RangeError, "length"],
    [() => client.sendFile(""), TypeError, "file"],
    [() => client.sendFile("a\0b"), TypeError, "file"],
    [() => client.sendFile(new URL("http://x/")), TypeError, "http://x/"],
    [() => client.sendFile("/x", { skip: 1 } as object), TypeError, "skip"],
    [() => client.receiveFile("/x", { mode: "wild" as "new" }), TypeError, "wild"],
    [() => client.receiveFile("/x", { length: -1 }), RangeError, "length"],
    [() => client.receiveFile(7 as unknown as string), TypeError, "7"],
  ];
  for (const [call, Class, part] of calls) {
    const error = await reasonOf(call());
    assertInstanceOf(error, Class);
    assert(error.message.includes(part), error.message);
  }
});

behaviour(
  "a file whose send is aborted on its way ends the write side, and says how far",
  async (t) => {
    const { client, server, folder } = await desk(t);
    const file = await Deno.open(`${folder}/out/huge`, { create: true, write: true });
    await file.truncate(TOO_MUCH * 2);
    file.close();
    const abort = new AbortController();
    const sending = reasonOf(client.sendFile(`${folder}/out/huge`, { signal: abort.signal }));
    let received = 0;
    for await (const lease of server.receiveMany()) {
      received += lease.length;
      if (received > 100_000) break;
    }
    abort.abort(new Error("enough"));
    const error = await sending;
    assertInstanceOf(error, PartialSendError);
    assertEquals((error.cause as Error).message, "enough");
    assert(error.bytesTransferred! >= received, `${error.bytesTransferred} of ${received}`);
    for await (const lease of server.receiveMany()) received += lease.length;
    assertEquals(received, error.bytesTransferred);
    assertInstanceOf(await reasonOf(client.send(utf8("x"))), NetError);
  },
);

behaviour("a file that waits behind a send can be aborted, and the stream goes on", async (t) => {
  const { client, server, folder } = await desk(t);
  await Deno.writeFile(`${folder}/out/file`, counted(1000));
  const first = client.send(counted(TOO_MUCH));
  const abort = new AbortController();
  const waiting = reasonOf(client.sendFile(`${folder}/out/file`, { signal: abort.signal }));
  const last = client.send(counted(1000, TOO_MUCH));
  const reason = new Error("changed my mind");
  abort.abort(reason);
  assertEquals(await waiting, reason);
  const receiving = drainCounted(server);
  assertEquals([await first, await last], [TOO_MUCH, 1000]);
  await client.closeWrite();
  assertEquals(await receiving, TOO_MUCH + 1000);
});

behaviour("a file's deadline and the stream's close end it", async (t) => {
  const { client, folder } = await desk(t);
  const file = await Deno.open(`${folder}/out/huge`, { create: true, write: true });
  await file.truncate(TOO_MUCH * 2);
  file.close();
  const { client: other } = await desk(t);
  const late = await reasonOf(client.sendFile(`${folder}/out/huge`, { timeoutMs: 50 }));
  assertNetError(late, { code: "ETIMEDOUT" });
  assertInstanceOf(late, PartialSendError);
  assertInstanceOf(await reasonOf(other.sendFile(`${folder}/out/huge`)), Deno.errors.NotCapable);
  const again = await desk(t);
  await Deno.rename(`${folder}/out/huge`, `${again.folder}/out/huge`);
  const sending = reasonOf(again.client.sendFile(`${again.folder}/out/huge`));
  await again.server.receive();
  await again.client.close();
  assertInstanceOf(await sending, NetError);
});

behaviour("a reset while a file is on its way rejects with it", async (t) => {
  const { client, server, folder } = await desk(t);
  const file = await Deno.open(`${folder}/out/huge`, { create: true, write: true });
  await file.truncate(TOO_MUCH * 2);
  file.close();
  const sending = reasonOf(client.sendFile(`${folder}/out/huge`));
  (await server.receive())!.release();
  await server.close();
  const error = await sending;
  assertInstanceOf(error, NetError);
  assert(["ECONNRESET", "EPIPE"].includes(error.code), error.code);
});

behaviour("receiveFile() writes what arrives to the end of the stream", async (t) => {
  const { client, server, folder } = await desk(t);
  const length = 1_500_001;
  const path = `${folder}/in/all`;
  const receiving = server.receiveFile(path);
  await client.send(counted(length));
  await client.closeWrite();
  assertEquals(await receiving, length);
  const counting = new Counting();
  counting.take(await Deno.readFile(path));
  assertEquals(counting.position, length);
});

behaviour("receiveFile() of a length leaves the rest to the next reader", async (t) => {
  const { client, server, folder } = await desk(t);
  await client.send(utf8("onetwothree"));
  assertEquals(await server.receiveFile(`${folder}/in/1`, { length: 3 }), 3);
  assertEquals(await server.receiveFile(`${folder}/in/2`, { length: 3 }), 3);
  using lease = await server.receive();
  assertEquals(lease!.copy(), utf8("three"));
  assertEquals(await Deno.readTextFile(`${folder}/in/1`), "one");
  assertEquals(await Deno.readTextFile(`${folder}/in/2`), "two");
});

behaviour("receiveFile() replaces, appends, or wants the file to be new", async (t) => {
  const { client, server, folder } = await desk(t);
  const path = `${folder}/in/file`;
  await Deno.writeTextFile(path, "before it was here");
  const error = await reasonOf(server.receiveFile(path, { mode: "new" }));
  assertNetError(error, { code: "EEXIST", operation: "receiveFile" });
  await client.send(utf8("abcdef"));
  assertEquals(await server.receiveFile(path, { length: 3 }), 3);
  assertEquals(await Deno.readTextFile(path), "abc");
  assertEquals(await server.receiveFile(path, { length: 3, mode: "append" }), 3);
  assertEquals(await Deno.readTextFile(path), "abcdef");
});

behaviour("receiveFile() writes nowhere but where a rule says, links or not", async (t) => {
  const { server, folder } = await desk(t);
  await Deno.symlink(`${folder}/outside`, `${folder}/in/link`);
  await Deno.writeTextFile(`${folder}/victim`, "untouched");
  await Deno.symlink(`${folder}/victim`, `${folder}/in/victim`);
  for (const name of ["outside", "in/link", "in/../outside", "in/victim", "out/file"]) {
    const error = await reasonOf(server.receiveFile(`${folder}/${name}`));
    assertInstanceOf(error, NetError, name);
    assert(["EACCES", "ENOENT", "EPERM"].includes(error.code), `${name}: ${error}`);
  }
  assertEquals(await Deno.readTextFile(`${folder}/victim`), "untouched");
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  assertEquals(names, ["in", "out", "victim"]);
});

behaviour("an aborted receiveFile() keeps the stream, and what was written", async (t) => {
  const { client, server, folder } = await desk(t);
  const abort = new AbortController();
  const path = `${folder}/in/file`;
  const receiving = reasonOf(server.receiveFile(path, { signal: abort.signal }));
  await client.send(utf8("first"));
  while (await sizeOf(path) < 5) await t.barrier();
  const reason = new Error("enough");
  abort.abort(reason);
  assertEquals(await receiving, reason);
  await client.send(utf8("second"));
  using lease = await server.receive();
  assertEquals(lease!.copy(), utf8("second"));
  assertNetError(await reasonOf(server.receiveFile(path, { timeoutMs: 10 })), {
    code: "ETIMEDOUT",
  });
});

behaviour("a second reader beside receiveFile() gets EBUSY", async (t) => {
  const { client, server, folder } = await desk(t);
  const receiving = server.receiveFile(`${folder}/in/file`);
  assertNetError(await reasonOf(server.receive()), { code: "EBUSY" });
  await client.closeWrite();
  assertEquals(await receiving, 0);
});

behaviour("a stranger receives a file whole", async (t) => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  t.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.writeFile(`${folder}/file`, counted(777_777));
  const capability = await t.request({
    rights: { tcp: true, connect: true, files: [`file://${folder}/file`] },
  });
  const listener = await t.foreignListener();
  const accepting = listener.accept();
  const stream = await t.connect(listener.addr as Deno.NetAddr, {}, capability);
  const peer = await accepting;
  t.defer(() => peer.close());
  const reading = readToEnd(peer);
  assertEquals(await stream.sendFile(`${folder}/file`), 777_777);
  await stream.closeWrite();
  const bytes = await reading;
  assertEquals(bytes.length, 777_777);
  new Counting().take(bytes);
});

behaviour("sends and leases by reference go on beside a file of another stream", async (t) => {
  const { client, server, folder } = await desk(t);
  const { stream, peer } = await t.accepted();
  await Deno.writeFile(`${folder}/out/file`, counted(2_000_000));
  const receiving = drainCounted(server);
  const sending = client.sendFile(`${folder}/out/file`);
  for (let round = 0; round < 5; round++) {
    await peer.write(counted(1000));
    using lease = await stream.receive();
    await stream.send(lease!);
    await readExactly(peer, lease!.length);
  }
  assertEquals(await sending, 2_000_000);
  await client.closeWrite();
  assertEquals(await receiving, 2_000_000);
});

async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch {
    return 0;
  }
}

behaviour("bytes come in while a file goes out on the same stream", async (t) => {
  const { client, server, folder } = await desk(t);
  const length = 6_000_000;
  await Deno.writeFile(`${folder}/out/large`, counted(length));
  const inward = drainCounted(client);
  const outward = drainCounted(server);
  const sending = client.sendFile(`${folder}/out/large`).then(() => client.closeWrite());
  for (let position = 0; position < 400_000; position += 1000) {
    await server.send(counted(1000, position));
  }
  await sending;
  await server.closeWrite();
  assertEquals(await inward, 400_000);
  assertEquals(await outward, length);
});

behaviour("after a file the stream is as it was before", async (t) => {
  const { client, server, folder } = await desk(t);
  await Deno.writeFile(`${folder}/out/large`, counted(3_000_000));
  const receiving = drainCounted(server);
  for (let round = 0; round < 3; round++) {
    // What begins in the middle of a file and ends there follows what came before.
    const range = { offset: round * 1_000_000, length: 1_000_000 };
    assertEquals(await client.sendFile(`${folder}/out/large`, range), 1_000_000);
  }
  assertEquals(await client.send(counted(TOO_MUCH, 3_000_000)), TOO_MUCH);
  await client.closeWrite();
  assertEquals(await receiving, 3_000_000 + TOO_MUCH);
});

behaviour("a peer that takes a file slowly is no idle one", async (t) => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  t.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.writeFile(`${folder}/file`, counted(200_000));
  const rights = { tcp: true, connect: true, listen: true, files: [`file://${folder}/*`] };
  const capability = await t.request({ rights });
  const { client, server } = await t.pair({ listen: { idleTimeoutMs: 60_000 } }, capability);
  const receiving = drainCounted(client);
  assertEquals(await server.sendFile(`${folder}/file`), 200_000);
  await server.closeWrite();
  assertEquals(await receiving, 200_000);
});

behaviour("a file goes on at the rate that sendBytesPerSecond leaves it", async (t) => {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  t.defer(() => Deno.remove(folder, { recursive: true }));
  const length = 1_200_000;
  await Deno.writeFile(`${folder}/file`, counted(length));
  const rights = { tcp: true, connect: true, listen: true, files: [`file://${folder}/*`] };
  const limits = { sendBytesPerSecond: 1_000_000 };
  const capability = await t.request({ rights: { ...rights, limits } });
  const { client, server } = await t.pair({}, capability);
  const receiving = drainCounted(client);
  const started = performance.now();
  assertEquals(await server.sendFile(`${folder}/file`), length);
  // A second's worth may leave at once; what is beyond that waits.
  const seconds = (performance.now() - started) / 1000;
  assert(seconds > 0.1, `${length} bytes left in ${seconds} s`);
  await server.closeWrite();
  assertEquals(await receiving, length);
});
