/**
 * The file transfer of `examples/`: everything that may happen to a file on its way.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  Kind,
  TransferError,
  writeBye,
  writeHash,
  writeOffer,
  writeStop,
} from "../../examples/udp_file_transfer/protocol.ts";
import { sendFile } from "../../examples/udp_file_transfer/sender.ts";
import type { NetworkCapability, UdpEndpoint } from "../../mod.ts";
import { testOnBackends } from "../support/backends.ts";
import { Random, SEED } from "../support/seed.ts";
import { isRoot } from "../support/skip.ts";
import { type Faults, FaultyRelay } from "./faulty_relay.ts";
import { Reception, Workplace } from "./file_transfer_fixtures.ts";

/** Timeouts double: many losses in a row are a long silence, and come with some seeds. */
const PATIENCE_MS = 60_000;
const MEGABYTE = 1024 * 1024;
/** Rounds of forged datagrams. */
const ATTACKS = 200;

/** What a transfer failed with. */
async function failure(transfer: Promise<unknown>): Promise<TransferError> {
  return await assertRejects(() => transfer, TransferError);
}

testOnBackends("files of every size arrive as they are", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox);
  for (const bytes of [0, 1, 1399, 1400, 1401, 250_000, 3 * MEGABYTE]) {
    const name = `${bytes}.bin`;
    const report = await sendFile(await place.file(name, bytes), reception.name, capability);
    assertEquals([report.name, report.bytes], [name, bytes]);
    await place.assertArrived(name);
  }
  const reports = await reception.reported(7);
  assertEquals(reports.map(({ error }) => error), new Array(7).fill(null));
  assertEquals(reports[6].path, `${place.inbox}/${3 * MEGABYTE}.bin`);
});

testOnBackends("a name with spaces and letters of all kinds stays as it is", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox);
  const name = "Grüße aus 東京 (1).txt";
  await sendFile(await place.file(name, 10), reception.name, capability);
  await place.assertArrived(name);
});

testOnBackends("over IPv6", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox, {}, "[::1]:0");
  await sendFile(await place.file("file", MEGABYTE), reception.name, capability);
  await place.assertArrived("file");
});

testOnBackends("a name is looked up", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox);
  const { address: { port } } = reception;
  await sendFile(await place.file("file", 10_000), `localhost:${port}`, capability);
  await place.assertArrived("file");
});

testOnBackends("several senders at a time", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox, { files: 4 });
  const names = ["a", "b", "c", "d"];
  await Promise.all(names.map(async (name) => {
    await sendFile(await place.file(name, MEGABYTE), reception.name, capability);
  }));
  await reception.ended();
  for (const name of names) await place.assertArrived(name);
});

/** Sends a file through a relay that makes faults. @returns Blocks sent for each that had to be. */
async function sendThrough(
  capability: NetworkCapability,
  faults: Faults,
  bytes: number,
): Promise<number> {
  console.log(`seed ${SEED}`);
  await using place = await Workplace.create();
  const patience = { silenceMs: PATIENCE_MS };
  await using reception = await Reception.start(capability, place.inbox, patience);
  const random = new Random(SEED);
  await using relay = await FaultyRelay.start(capability, reception.address, faults, random);
  const path = await place.file("file", bytes);
  const { address: { hostname, port } } = relay;
  const to = `${hostname}:${port}`;
  const { blocks, transmissions } = await sendFile(path, to, capability, patience);
  await place.assertArrived("file");
  return transmissions / blocks;
}

for (
  const [what, faults] of Object.entries<Faults>({
    "reordering": { reordering: 0.1 },
    "duplication": { duplication: 0.2 },
    "damage, which the checksum finds": { damage: 0.05 },
    "all of it": { loss: 0.05, reordering: 0.1, duplication: 0.1, damage: 0.02 },
  })
) {
  testOnBackends(`a file survives ${what}`, async (capability) => {
    const overhead = await sendThrough(capability, faults, 4 * MEGABYTE);
    // Relay, sender and receiver share a thread here, and queues of the system run over.
    assert(overhead < 2, `${overhead} times as many blocks as there are`);
  });
}

testOnBackends("a file survives that a third is lost", async (capability) => {
  await sendThrough(capability, { loss: 0.33 }, 200_000);
});

testOnBackends("a receiver that falls silent is given up", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox);
  await using relay = await FaultyRelay.start(capability, reception.address, {}, new Random(SEED));
  relay.onForward = (count) => relay.isCut ||= count > 300;
  const path = await place.sparse("file", 50 * MEGABYTE);
  const { address: { hostname, port } } = relay;
  const sending = sendFile(path, `${hostname}:${port}`, capability, { silenceMs: 700 });
  assertEquals((await failure(sending)).code, "timed out");
  await reception.stop();
  assertEquals(reception.reports[0].error!.code, "stopped");
  assertEquals(place.received(), []);
});

testOnBackends("a sender that falls silent leaves nothing behind", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox, { silenceMs: 700 });
  await using relay = await FaultyRelay.start(capability, reception.address, {}, new Random(SEED));
  relay.onForward = (count) => relay.isCut ||= count > 300;
  const path = await place.sparse("file", 50 * MEGABYTE);
  const { address: { hostname, port } } = relay;
  const giveUp = new AbortController();
  const sending = sendFile(path, `${hostname}:${port}`, capability, { signal: giveUp.signal });
  const [{ error, path: stored }] = await reception.reported(1);
  assertEquals([error!.code, stored], ["timed out", undefined]);
  assertEquals(place.received(), []);
  giveUp.abort(new Error("enough"));
  await assertRejects(() => sending, Error, "enough");
});

testOnBackends("a sender that gives up says so", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox);
  const path = await place.sparse("file", 50 * MEGABYTE);
  const giveUp = new AbortController();
  const sending = sendFile(path, reception.name, capability, {
    signal: giveUp.signal,
    onProgress: () => giveUp.abort(new Error("enough")),
  });
  await assertRejects(() => sending, Error, "enough");
  const [{ error }] = await reception.reported(1);
  assertEquals([error!.code, error!.message], [
    "stopped",
    "the sender stopped: the sender gave up",
  ]);
  assertEquals(place.received(), []);
});

testOnBackends("a receiver that is stopped says so", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox);
  const path = await place.sparse("file", 50 * MEGABYTE);
  const stopped = Promise.withResolvers<void>();
  const sending = sendFile(path, reception.name, capability, {
    onProgress: () => reception.stop().then(stopped.resolve),
  });
  const error = await failure(sending);
  assertEquals([error.code, error.message], [
    "stopped",
    "the receiver stopped: the receiver was stopped",
  ]);
  await stopped.promise;
  assertEquals(place.received(), []);
});

testOnBackends("where nobody receives, that is told", async (capability) => {
  await using place = await Workplace.create();
  const gone = await capability.bind("127.0.0.1:0");
  const to = gone.localName;
  await gone.close();
  const sending = sendFile(await place.file("file", 10), to, capability, { silenceMs: 1_500 });
  const { code, message } = await failure(sending);
  // Plain Deno is not told that nobody listens.
  assertEquals(code, capability.backend.kind === "kernel" ? "refused" : "timed out");
  assert(message.includes(to), message);
});

testOnBackends("a name that is taken is refused, and the file stays", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox);
  await Deno.writeTextFile(`${place.inbox}/file`, "mine");
  const sending = sendFile(await place.file("file", 10), reception.name, capability);
  const { code, message } = await failure(sending);
  assertEquals([code, message], [
    "stopped",
    "the receiver stopped: there is a file of that name",
  ]);
  assertEquals(await Deno.readTextFile(`${place.inbox}/file`), "mine");
  assertEquals(place.received(), ["file"]);
});

testOnBackends("a file that is too large is refused before its first byte", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox, { bytesMost: 100 });
  const path = await place.file("file", 101);
  const { message } = await failure(sendFile(path, reception.name, capability));
  assertEquals(message, "the receiver stopped: the file has more than 100 bytes");
});

testOnBackends("a file that becomes shorter meanwhile is told to both", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox);
  const path = await place.sparse("file", 50 * MEGABYTE);
  const sending = sendFile(path, reception.name, capability, {
    onProgress: () => Deno.truncateSync(path, 1000),
  });
  assertEquals((await failure(sending)).code, "file");
  const [{ error }] = await reception.reported(1);
  assert(/of 52428800 bytes$/.test(error!.message), error!.message);
  assertEquals(place.received(), []);
});

testOnBackends("what is no file is not sent", async (capability) => {
  await using place = await Workplace.create();
  for (const path of [place.inbox, `${place.root}/missing`]) {
    const { code } = await failure(sendFile(path, "127.0.0.1:9", capability));
    assertEquals(code, "file");
  }
});

testOnBackends("forged datagrams change nothing", async (capability) => {
  await using place = await Workplace.create();
  await using reception = await Reception.start(capability, place.inbox);
  const attacker = await capability.bind("127.0.0.1:0") as UdpEndpoint;
  const path = await place.file("file", 8 * MEGABYTE);
  const random = new Random(SEED);
  let attacks = 0;
  const attack = async () => {
    if (attacks++ > ATTACKS) return;
    const key = random.bytes(8);
    const offer = { key, size: 2 ** 40, name: "../../evil" };
    const forged = [
      random.bytes(random.integer(0, 1500)),
      writeOffer(null, offer),
      writeOffer(random.bytes(8), offer),
      writeStop(random.bytes(8), "stop it"),
      writeHash(Kind.FINISH, random.bytes(8), random.bytes(32)),
      writeBye(random.bytes(8)),
    ];
    await attacker.sendBatch(forged.map((data) => ({ data, to: reception.address })));
  };
  await sendFile(path, reception.name, capability, { onProgress: attack });
  await attacker.close();
  assert(attacks > 0);
  await place.assertArrived("file");
  assertEquals(place.received(), ["file"]);
  assertEquals((await reception.reported(1)).length, 1);
});

testOnBackends(
  "a transfer's own messages from another address change nothing",
  async (capability) => {
    await using place = await Workplace.create();
    await using reception = await Reception.start(capability, place.inbox);
    // Whoever can read along repeats everything from an address of his own, a STOP among it.
    const eavesdropper = await capability.bind("127.0.0.1:0") as UdpEndpoint;
    await using relay = await FaultyRelay.start(
      capability,
      reception.address,
      {},
      new Random(SEED),
    );
    relay.onPass = (data) => {
      const stop = writeStop(data.slice(8, 16), "stop it");
      const batch = [data, stop].map((each) => ({ data: each, to: reception.address }));
      eavesdropper.sendBatch(batch);
    };
    const { address: { hostname, port } } = relay;
    await sendFile(await place.file("file", MEGABYTE), `${hostname}:${port}`, capability);
    await eavesdropper.close();
    await place.assertArrived("file");
  },
);

testOnBackends("a disk that is full is told to the sender", async (capability) => {
  await using place = await Workplace.create();
  const mount = async (...args: string[]) => {
    assert((await new Deno.Command(args[0], { args: args.slice(1) }).output()).success);
  };
  await mount("mount", "-t", "tmpfs", "-o", "size=1m", "millrace", place.inbox);
  try {
    await using reception = await Reception.start(capability, place.inbox);
    const path = await place.file("file", 3 * MEGABYTE);
    const { code, message } = await failure(sendFile(path, reception.name, capability));
    assertEquals(code, "stopped");
    assert(/cannot be written: No space left/.test(message), message);
    await reception.reported(1);
    assertEquals(place.received(), []);
    // Smaller ones still fit.
    await sendFile(await place.file("small", 1000), reception.name, capability);
    await place.assertArrived("small");
  } finally {
    await mount("umount", place.inbox);
  }
}, { condition: Deno.build.os === "linux" && isRoot(), reason: "needs root on Linux to mount" });
