/**
 * Receives or sends datagrams inside a network namespace: the program that `network_test.ts` runs.
 *
 *   receive <address> <count> [join as JSON: { group, interface, source }]
 *   send <address to bind> <plan as JSON>
 *
 * A receiver prints `listening <address>`, then what came as JSON. It ends by itself when nothing
 * comes for a while. A sender prints the report of its batches as JSON.
 *
 * @module
 */

import { type BindOptions, NetworkCapability, UdpEndpoint } from "../../mod.ts";

/** What a sender is told. */
export interface SendPlan {
  readonly to: string;
  /** The lengths of the datagrams; the n-th is filled with n. */
  readonly lengths: readonly number[];
  readonly options?: BindOptions;
  /** Connect instead of naming the destination. */
  readonly isConnected?: boolean;
}

/** What a sender reports. */
export interface Sent {
  readonly sent: number;
  readonly failed: readonly { readonly index: number; readonly code: string; message: string }[];
  readonly joined: number;
}

/** What a receiver reports. */
export interface Received {
  readonly count: number;
  /** SHA-256 of all bytes in the order in which they came. */
  readonly digest: string;
  /** The same in the order of length and first byte, whatever the order in which they came. */
  readonly sortedDigest: string;
  /** Senders without their ports. */
  readonly hosts: readonly string[];
}

/** Nothing more comes after so long. */
const QUIET_MS = 1_500;
/** The first datagram comes within this time. */
const FIRST_MS = 10_000;

/** The n-th datagram of a plan. */
export function datagramOf(index: number, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(index + 1);
}

/** The digest that the datagrams of a plan have together. */
export function digestOf(lengths: readonly number[]): Promise<string> {
  return digest(lengths.map((length, index) => datagramOf(index, length)));
}

/** The digest that they have in the order of length and first byte. */
export function sortedDigestOf(lengths: readonly number[]): Promise<string> {
  return digest(sorted(lengths.map((length, index) => datagramOf(index, length))));
}

function sorted(datagrams: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer>[] {
  return datagrams.toSorted((one, other) => one.length - other.length || one[0] - other[0]);
}

async function digest(datagrams: readonly Uint8Array<ArrayBuffer>[]): Promise<string> {
  const all = await new Blob([...datagrams]).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all)).toHex();
}

async function receive(address: string, count: number, join: string): Promise<void> {
  await using capability = await NetworkCapability.request({ backend: "kernel" });
  const options = { receiveBufferBytes: 4_000_000 };
  await using endpoint = await UdpEndpoint.bind(address, capability, options);
  for (const { group, ...how } of join === "" ? [] : JSON.parse(join)) {
    await endpoint.join(group, how);
  }
  console.log(`listening ${endpoint.localName}`);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const hosts = new Set<string>();
  try {
    let timeoutMs = FIRST_MS;
    while (chunks.length < count) {
      using datagram = await endpoint.receive({ timeoutMs });
      chunks.push(datagram.copy());
      hosts.add(datagram.remoteAddr.hostname);
      timeoutMs = QUIET_MS;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.TimedOut)) throw error;
  }
  const received: Received = {
    count: chunks.length,
    digest: await digest(chunks),
    sortedDigest: await digest(sorted(chunks)),
    hosts: [...hosts].sort(),
  };
  console.log(JSON.stringify(received));
}

async function send(address: string, plan: SendPlan): Promise<void> {
  await using capability = await NetworkCapability.request({ backend: "kernel" });
  await using endpoint = await UdpEndpoint.bind(address, capability, plan.options);
  if (plan.isConnected === true) await endpoint.connect(plan.to);
  const to = plan.isConnected === true ? undefined : plan.to;
  const batch = plan.lengths.map((length, index) => ({ data: datagramOf(index, length), to }));
  const report = await endpoint.sendBatch(batch);
  const failed = report.failed.map(({ index, error }) => {
    const { code, message } = error as { code: string; message: string };
    return { index, code, message };
  });
  const sent: Sent = { sent: report.sent, failed, joined: endpoint.stats().joined };
  console.log(JSON.stringify(sent));
}

if (import.meta.main) {
  const [role, address, what, join = ""] = Deno.args;
  if (role === "receive") await receive(address, Number(what), join);
  else await send(address, JSON.parse(what));
}
