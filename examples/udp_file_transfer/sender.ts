/**
 * Sends one file to a receiver.
 *
 * Three loops: one reads the file ahead into the window, one sends what the pacer allows, one takes
 * the receiver's messages. The memory is that of the window, however large the file is.
 *
 * @module
 */

import {
  type Datagram,
  type DatagramToSend,
  NetError,
  type NetworkCapability,
  type UdpEndpoint,
} from "../../mod.ts";
import { bindWithRoom } from "./endpoint.ts";
import { FileSource } from "./file_source.ts";
import { Pacer } from "./pacer.ts";
import * as protocol from "./protocol.ts";
import { Kind, TransferError, WINDOW_BLOCKS } from "./protocol.ts";
import { RoundTrip } from "./round_trip.ts";
import { SendWindow } from "./send_window.ts";
import { Wake } from "./wake.ts";

/** Datagrams of one batch. */
const BATCH_MOST = 256;
/** Before the handshake has measured one. */
const ROUND_TRIP_UNKNOWN_MS = 100;
/** One answer of ICMP may be forged, or about a receiver that is just being started. */
const REFUSED_MS = 1_000;

const Phase = { OFFERING: 0, SENDING: 1, FINISHING: 2, DONE: 3 } as const;
type Phase = typeof Phase[keyof typeof Phase];

/** How a file is sent. */
export interface SendFileOptions {
  /** Milliseconds for which the receiver may be silent; 10 000. */
  readonly silenceMs?: number;
  /** Gives up. */
  readonly signal?: AbortSignal;
  /** Told how many bytes have arrived. */
  readonly onProgress?: (bytes: number) => void;
}

/** What was sent. */
export interface SendReport {
  /** What the receiver was told that it is called. */
  readonly name: string;
  /** Bytes of the file. */
  readonly bytes: number;
  /** How long it took. */
  readonly milliseconds: number;
  /** Blocks of the file. */
  readonly blocks: number;
  /** Blocks that left, the same one perhaps several times. */
  readonly transmissions: number;
  /** SHA-256 of the file, as both sides have computed it. */
  readonly hash: Uint8Array;
}

/**
 * Sends a file.
 *
 * @param to Address and port of the receiver; a name is resolved.
 * @param capability Must hold `udp`, `connect` for the receiver and `listen` for port 0.
 * @throws {TransferError} When it does not arrive, with the reason.
 */
export async function sendFile(
  path: string,
  to: string,
  capability: NetworkCapability,
  options: SendFileOptions = {},
): Promise<SendReport> {
  const { silenceMs = 10_000, signal, onProgress = () => {} } = options;
  signal?.throwIfAborted();
  using file = await openFile(path);
  const { size, isFile } = await file.stat();
  if (!isFile) throw new TransferError("file", `${path} is no file`);
  if (protocol.blocksOf(size) > protocol.BLOCKS_MAX) {
    throw new TransferError("file", `${path} has too many bytes`);
  }
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (new TextEncoder().encode(name).length > protocol.NAME_BYTES_MAX) {
    throw new TransferError("file", `the name of ${path} is too long`);
  }
  const isIPv6 = to.startsWith("[");
  await using endpoint = await bindWithRoom(isIPv6 ? "[::]:0" : "0.0.0.0:0", capability);
  await endpoint.connect(to);
  const source = new FileSource(file, size);
  return await new Sender(endpoint, source, name, { silenceMs, signal, onProgress }).run();
}

async function openFile(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path);
  } catch (error) {
    throw new TransferError("file", (error as Error).message, error);
  }
}

type Settings = Required<Pick<SendFileOptions, "silenceMs" | "onProgress">> & {
  readonly signal: AbortSignal | undefined;
};

class Sender {
  readonly #endpoint: UdpEndpoint;
  readonly #source: FileSource;
  readonly #settings: Settings;
  readonly #offer: protocol.Offer;
  readonly #window = new SendWindow();
  readonly #roundTrip = new RoundTrip();
  /** Wakes the loop that sends. */
  readonly #wake = new Wake();
  /** Wakes the loop that reads. */
  readonly #room = new Wake();
  #pacer: Pacer | null = null;
  /** The receiver's key. */
  #token: Uint8Array | null = null;
  #phase: Phase = Phase.OFFERING;
  /** Offers since the receiver answered one. */
  #offers = 0;
  #offeredAt = 0;
  #began = performance.now();
  /** When the receiver was heard last. */
  #heardAt = this.#began;
  /** Since when nobody listens there; what is heard ends it. */
  #refused: { readonly at: number; readonly error: unknown } | null = null;
  /** When the wait for an answer is over; at once, to begin with. */
  #expiresAt = this.#began;
  /** Whether what was sent last of all but blocks has no answer yet. */
  #isWaiting = false;
  #failure: { readonly reason: unknown } | null = null;
  #isOver = false;

  constructor(endpoint: UdpEndpoint, source: FileSource, name: string, settings: Settings) {
    this.#endpoint = endpoint;
    this.#source = source;
    this.#settings = settings;
    const key = crypto.getRandomValues(new Uint8Array(protocol.KEY_BYTES));
    this.#offer = { key, size: source.size, name };
  }

  async run(): Promise<SendReport> {
    const { signal } = this.#settings;
    const onAbort = () => this.#fail(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const loops = [this.#listen(), this.#read()];
    try {
      await this.#drive();
    } catch (error) {
      const isTold = error instanceof TransferError && error.code === "stopped";
      if (this.#token !== null && !isTold) await this.#tellStop(error);
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#isOver = true;
      this.#room.now();
      await this.#endpoint.close();
      await Promise.all(loops);
    }
    const { transmissions } = this.#window;
    const { blocks, size, digest } = this.#source;
    const milliseconds = performance.now() - this.#began;
    return {
      name: this.#offer.name,
      bytes: size,
      milliseconds,
      blocks,
      transmissions,
      hash: digest,
    };
  }

  /** Sends whatever it is time for, until the receiver has everything. */
  async #drive(): Promise<void> {
    while (this.#phase !== Phase.DONE) {
      if (this.#failure !== null) throw this.#failure.reason;
      const now = performance.now();
      this.#checkSilence(now);
      if (this.#phase === Phase.SENDING && this.#window.base === this.#source.blocks) {
        this.#phase = Phase.FINISHING;
        this.#isWaiting = false;
        this.#expiresAt = now;
      }
      if (now >= this.#expiresAt) await this.#send(this.#urgent(now));
      const batch = this.#phase === Phase.SENDING ? this.#compose(now) : [];
      if (batch.length > 0) await this.#send(batch);
      else await this.#wake.sleep(this.#restMs(performance.now()));
    }
    await this.#send([{ data: protocol.writeBye(this.#token!) }]);
  }

  /** The blocks that may leave now: first those that were lost. */
  #compose(now: number): DatagramToSend[] {
    const [window, pacer] = [this.#window, this.#pacer!];
    const allowed = Math.min(BATCH_MOST, pacer.mayLeave(now, window.inFlight));
    if (window.inFlight === 0) this.#expiresAt = now + this.#roundTrip.timeoutMs;
    const batch: DatagramToSend[] = [];
    while (batch.length < allowed && window.hasRoom) {
      const block = window.takeLost() ?? this.#fresh();
      if (block === undefined) {
        pacer.idled();
        break;
      }
      batch.push(this.#seal(block, now));
    }
    pacer.left(batch.length);
    return batch;
  }

  /** The next block that was read and that the receiver has room for. */
  #fresh(): number | undefined {
    const { next, base, edge } = this.#window;
    const end = Math.min(this.#source.loaded, edge, base + WINDOW_BLOCKS);
    return next < end ? next : undefined;
  }

  #seal(block: number, now: number): DatagramToSend {
    const data = this.#source.datagram(block);
    protocol.sealData(data, this.#token!, block, this.#window.leaves(block, now));
    return { data };
  }

  /** What is sent when no answer came in time. */
  #urgent(now: number): DatagramToSend[] {
    if (this.#isWaiting || this.#window.inFlight > 0) this.#roundTrip.expired();
    this.#isWaiting = true;
    this.#expiresAt = now + this.#roundTrip.timeoutMs;
    if (this.#phase === Phase.FINISHING) {
      return [{ data: protocol.writeHash(Kind.FINISH, this.#token!, this.#source.digest) }];
    }
    const lost = this.#phase === Phase.SENDING ? this.#window.probe() : undefined;
    if (lost !== undefined) return [this.#seal(lost, now)];
    // When all has arrived, the news that there is room again may have been lost: it asks for them.
    this.#offers++;
    this.#offeredAt = now;
    return [{ data: protocol.writeOffer(this.#token, this.#offer) }];
  }

  #restMs(now: number): number {
    const { silenceMs } = this.#settings;
    const pacer = this.#pacer;
    const canSend = this.#phase === Phase.SENDING && this.#window.inFlight < pacer!.flight &&
      (this.#window.hasLost || this.#fresh() !== undefined);
    const restMs = Math.min(this.#expiresAt, this.#heardAt + silenceMs) - now;
    return Math.max(0, canSend ? Math.min(restMs, pacer!.delayMs) : restMs);
  }

  async #send(batch: readonly DatagramToSend[]): Promise<void> {
    const { failed } = await this.#endpoint.sendBatch(batch);
    for (const { error } of failed) {
      // What else goes wrong on the way out is a loss like any other, or ends in silence.
      if (error instanceof Deno.errors.ConnectionRefused) this.#noteRefusal(error);
      else if (error instanceof Deno.errors.NotCapable) throw error;
    }
  }

  #noteRefusal(error: unknown): void {
    this.#refused ??= { at: performance.now(), error };
  }

  #checkSilence(now: number): void {
    const { silenceMs } = this.#settings;
    const to = this.#endpoint.remoteName;
    const refused = this.#refused;
    if (refused !== null && now - refused.at >= Math.min(REFUSED_MS, silenceMs)) {
      throw new TransferError("refused", `nobody receives files at ${to}`, refused.error);
    }
    if (now - this.#heardAt < silenceMs) return;
    throw new TransferError("timed out", `${to} was silent for ${silenceMs} ms`, refused?.error);
  }

  /** Keeps the window filled. */
  async #read(): Promise<void> {
    const source = this.#source;
    try {
      while (!this.#isOver && source.loaded < source.blocks) {
        const end = this.#window.base + WINDOW_BLOCKS;
        if (source.loaded < end) {
          await source.load(end);
          this.#wake.now();
        } else {
          await this.#room.sleep(this.#settings.silenceMs);
        }
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  async #listen(): Promise<void> {
    const batches = this.#endpoint.receiveMany();
    while (true) {
      try {
        const { done, value } = await batches.next();
        if (done === true) return;
        for (const datagram of value) this.#take(datagram);
      } catch (error) {
        if (this.#isOver) return;
        if (error instanceof Deno.errors.ConnectionRefused) this.#noteRefusal(error);
        // Other news of the network, such as a host that cannot be reached now, may pass.
        else if (!(error instanceof NetError) || error instanceof Deno.errors.BadResource) {
          this.#fail(error);
          return;
        }
      }
    }
  }

  #take(datagram: Datagram): void {
    const message = protocol.readMessage(datagram.bytes);
    if (message === undefined || !protocol.hasKey(message, this.#offer.key)) return;
    const now = performance.now();
    this.#heardAt = now;
    this.#refused = null;
    if (message.kind === Kind.STOP) {
      this.#fail(
        new TransferError("stopped", `the receiver stopped: ${protocol.reasonOf(message)}`),
      );
    } else if (message.kind === Kind.CHALLENGE && this.#token === null) {
      this.#token = protocol.readChallenge(message);
      // Which of several offers it answers is not known (Karn's rule).
      if (this.#offers === 1) this.#roundTrip.measured(now - this.#offeredAt);
      this.#offers = 0;
      this.#isWaiting = false;
      this.#expiresAt = now;
    } else if (message.kind === Kind.ACK && this.#token !== null) {
      this.#acknowledged(message, now);
    } else if (message.kind === Kind.RESULT && this.#phase === Phase.FINISHING) {
      if (protocol.isSameHash(protocol.hashOf(message), this.#source.digest)) {
        this.#phase = Phase.DONE;
      } else this.#fail(new TransferError("damaged", "the receiver stored something else"));
    }
    this.#wake.now();
  }

  #acknowledged(message: protocol.Message, now: number): void {
    const roundTrip = this.#roundTrip;
    if (this.#phase === Phase.OFFERING) {
      this.#phase = Phase.SENDING;
      this.#pacer = new Pacer(now, roundTrip.smoothedMs || ROUND_TRIP_UNKNOWN_MS);
    }
    const progress = this.#window.acknowledged(
      protocol.readAck(message),
      now,
      roundTrip.smoothedMs,
    );
    if (progress === undefined) return;
    const { arrived, lost, roundTripMs } = progress;
    if (roundTripMs !== undefined) {
      roundTrip.measured(roundTripMs);
      this.#pacer!.measured(now, roundTripMs, roundTrip.smoothedMs);
    }
    this.#pacer!.delivered(now, arrived, lost);
    if (arrived === 0) return;
    roundTrip.answered();
    this.#isWaiting = false;
    this.#expiresAt = now + roundTrip.timeoutMs;
    this.#room.now();
    const bytes = Math.min(this.#window.arrived * protocol.BLOCK_BYTES, this.#source.size);
    this.#settings.onProgress(bytes);
  }

  #fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake.now();
  }

  /** Tells the receiver, once, that nothing more comes; if that is lost, silence tells it. */
  async #tellStop(error: unknown): Promise<void> {
    const reason = error instanceof TransferError ? error.message : "the sender gave up";
    const data = protocol.writeStop(this.#token!, reason);
    await this.#endpoint.send(data).catch(() => {});
  }
}
