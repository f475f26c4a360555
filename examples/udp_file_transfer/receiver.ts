/**
 * Receives files into a folder, from several senders at a time.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import { type Datagram, SocketAddress, type UdpEndpoint } from "../../mod.ts";
import { IncomingFile } from "./incoming_file.ts";
import * as protocol from "./protocol.ts";
import { Kind, type Message, TransferError } from "./protocol.ts";

/** Files on their way at a time; their windows are what the receiver's memory goes to. */
const TRANSFERS_MOST = 16;
/** How often silent senders are looked for. */
const SWEEP_MS = 100;
/** A sender that has not heard the result asks again within this time. */
const LINGER_MS = 5_000;
/** The sender is told of room at once when it has no more than this left. */
const EDGE_NEAR = protocol.WINDOW_BLOCKS / 2;

/** How files are received. */
export interface ReceiveFilesOptions {
  /** Milliseconds for which a sender may be silent; 15 000. */
  readonly silenceMs?: number;
  /** The most bytes of a file; 64 GiB. */
  readonly bytesMost?: number;
  /** Returns after so many files have come or failed; never, unless said otherwise. */
  readonly files?: number;
  /** Stops. */
  readonly signal?: AbortSignal;
  /** Told of each file that has come, or has failed. */
  readonly onReport?: (report: ReceiveReport) => void;
}

/** What became of a file. */
export interface ReceiveReport {
  /** Who sent it. */
  readonly from: string;
  /** What the sender calls it. */
  readonly name: string;
  /** Where it is; undefined when it has failed. */
  readonly path: string | undefined;
  /** Bytes of it. */
  readonly bytes: number;
  /** How long it took. */
  readonly milliseconds: number;
  /** Why it failed; null when it has come. */
  readonly error: TransferError | null;
}

/**
 * Receives files until it is stopped, or as many as `files` says.
 *
 * @param endpoint Where offers come; it is not closed.
 * @param folder Where files go. Existing ones are never replaced.
 */
export async function receiveFiles(
  endpoint: UdpEndpoint,
  folder: string,
  options: ReceiveFilesOptions = {},
): Promise<void> {
  await new Receiver(endpoint, folder, options).run();
}

/** One sender's file. */
interface Transfer {
  readonly id: string;
  readonly token: Uint8Array;
  readonly offer: protocol.Offer;
  readonly from: SocketAddress;
  readonly fromName: string;
  readonly began: number;
  heardAt: number;
  /** Null while it is being made. */
  file: IncomingFile | null;
  isFinishing: boolean;
  /** The hash of what was stored. */
  result: Uint8Array | null;
  /** Whether an acknowledgement is due. */
  isDue: boolean;
  isSending: boolean;
}

class Receiver {
  readonly #endpoint: UdpEndpoint;
  readonly #folder: string;
  readonly #options: ReceiveFilesOptions;
  readonly #silenceMs: number;
  /** What tokens are computed with. */
  readonly #secret = crypto.getRandomValues(new Uint8Array(32));
  readonly #transfers = new Map<string, Transfer>();
  /** The transfer of the last message: mostly that of the next one, too. */
  #last: Transfer | null = null;
  #reported = 0;
  #sweeper: ReturnType<typeof setInterval> | undefined;
  readonly #enough = new AbortController();

  constructor(endpoint: UdpEndpoint, folder: string, options: ReceiveFilesOptions) {
    this.#endpoint = endpoint;
    this.#folder = folder;
    this.#options = options;
    this.#silenceMs = options.silenceMs ?? 15_000;
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const stop = AbortSignal.any([this.#enough.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      for await (const batch of this.#endpoint.receiveMany({ signal: stop })) {
        for (const datagram of batch) this.#take(datagram);
        for (const transfer of this.#transfers.values()) {
          if (transfer.isDue) this.#acknowledge(transfer);
        }
      }
    } catch (error) {
      if (error !== this.#enough.signal.reason) throw error;
    } finally {
      clearInterval(this.#sweeper);
      const reason = "the receiver was stopped";
      const left = [...this.#transfers.values()];
      await Promise.all(left.map((transfer) => this.#abandon(transfer, reason)));
    }
  }

  #take(datagram: Datagram): void {
    const message = protocol.readMessage(datagram.bytes);
    if (message === undefined) return;
    if (message.kind === Kind.OFFER) {
      this.#offered(message, datagram);
      return;
    }
    const transfer = this.#find(message);
    if (transfer === undefined || transfer.fromName !== datagram.remoteName) return;
    transfer.heardAt = performance.now();
    if (message.kind === Kind.DATA) {
      const data = message.bytes.subarray(protocol.DATA_HEADER_BYTES);
      transfer.file?.take(protocol.blockOf(message), protocol.transmissionOf(message), data);
      transfer.isDue = true;
    } else if (message.kind === Kind.FINISH) {
      this.#finish(transfer, protocol.hashOf(message));
    } else if (message.kind === Kind.BYE) {
      if (transfer.result !== null) this.#forget(transfer);
    } else if (message.kind === Kind.STOP && transfer.result === null) {
      const text = `the sender stopped: ${protocol.reasonOf(message)}`;
      this.#fail(transfer, new TransferError("stopped", text), false);
    }
  }

  #find(message: Message): Transfer | undefined {
    if (this.#last !== null && protocol.hasKey(message, this.#last.token)) return this.#last;
    const found = this.#transfers.get(protocol.keyText(message.bytes));
    this.#last = found ?? null;
    return found;
  }

  #offered(message: Message, datagram: Datagram): void {
    const offer = protocol.readOffer(message);
    if (offer === undefined) return;
    const fromName = datagram.remoteName;
    const from = SocketAddress.parse(fromName);
    const token = this.#tokenOf(offer.key, fromName);
    if (!protocol.hasKey(message, token)) {
      // It keeps nothing of an offer whose sender has not shown that it hears the answer.
      this.#send(protocol.writeChallenge(offer.key, token), from);
      return;
    }
    const known = this.#transfers.get(protocol.keyText(token, 0));
    if (known !== undefined) {
      known.heardAt = performance.now();
      known.isDue = true;
      return;
    }
    const refusal = this.#refusalOf(offer);
    if (refusal !== null) this.#send(protocol.writeStop(offer.key, refusal), from);
    else this.#begin(offer, token, from, fromName);
  }

  #refusalOf({ size }: protocol.Offer): string | null {
    if (this.#transfers.size >= TRANSFERS_MOST) return "too many files are on their way";
    const { bytesMost = 64 * 2 ** 30 } = this.#options;
    return size > bytesMost ? `the file has more than ${bytesMost} bytes` : null;
  }

  /** The key that whoever made an offer from there has to show. */
  #tokenOf(key: Uint8Array, from: string): Uint8Array {
    const digest = createHmac("sha256", this.#secret).update(key).update(from).digest();
    return new Uint8Array(digest.subarray(0, protocol.KEY_BYTES));
  }

  #begin(offer: protocol.Offer, token: Uint8Array, from: SocketAddress, fromName: string): void {
    const now = performance.now();
    const transfer: Transfer = {
      id: protocol.keyText(token, 0),
      token,
      offer,
      from,
      fromName,
      began: now,
      heardAt: now,
      file: null,
      isFinishing: false,
      result: null,
      isDue: false,
      isSending: false,
    };
    this.#transfers.set(transfer.id, transfer);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    this.#create(transfer);
  }

  async #create(transfer: Transfer): Promise<void> {
    try {
      const file = await IncomingFile.create(this.#folder, transfer.offer);
      if (this.#transfers.get(transfer.id) !== transfer) {
        await file.discard();
        return;
      }
      transfer.file = file;
      this.#acknowledge(transfer);
    } catch (error) {
      this.#fail(transfer, error, true);
    }
  }

  /** Tells the sender what has arrived, and writes it. */
  #acknowledge(transfer: Transfer): void {
    transfer.isDue = false;
    const { file } = transfer;
    if (file === null || transfer.result !== null) return;
    this.#sendAck(transfer, file);
    this.#flush(transfer, file);
  }

  async #sendAck(transfer: Transfer, file: IncomingFile): Promise<void> {
    // While one cannot leave, the next one will say more.
    if (transfer.isSending) return;
    transfer.isSending = true;
    await this.#send(protocol.writeAck(transfer.offer.key, file.acknowledgement()), transfer.from);
    transfer.isSending = false;
  }

  async #flush(transfer: Transfer, file: IncomingFile): Promise<void> {
    const told = file.edge;
    try {
      await file.flush();
    } catch (error) {
      this.#fail(transfer, error, true);
      return;
    }
    const wasNear = told - file.next < EDGE_NEAR && told < protocol.blocksOf(file.size);
    if (wasNear && file.edge > told && !transfer.isFinishing) this.#sendAck(transfer, file);
  }

  async #finish(transfer: Transfer, expected: Uint8Array): Promise<void> {
    const { file, offer } = transfer;
    if (transfer.result !== null) {
      this.#send(protocol.writeHash(Kind.RESULT, offer.key, transfer.result), transfer.from);
    }
    if (file === null || transfer.isFinishing || !file.isComplete) return;
    transfer.isFinishing = true;
    try {
      transfer.result = await file.finish(expected);
    } catch (error) {
      this.#fail(transfer, error, true);
      return;
    }
    this.#send(protocol.writeHash(Kind.RESULT, offer.key, transfer.result), transfer.from);
    this.#report(transfer, file.path, null);
  }

  /** Ends a transfer that cannot go on. */
  async #fail(transfer: Transfer, error: unknown, isTold: boolean): Promise<void> {
    if (!this.#transfers.has(transfer.id)) return;
    this.#forget(transfer);
    const why = error instanceof TransferError
      ? error
      : new TransferError("file", String(error), error);
    if (isTold) this.#send(protocol.writeStop(transfer.offer.key, why.message), transfer.from);
    await transfer.file?.discard();
    this.#report(transfer, undefined, why);
  }

  async #abandon(transfer: Transfer, reason: string): Promise<void> {
    if (transfer.result !== null) this.#forget(transfer);
    else await this.#fail(transfer, new TransferError("stopped", reason), true);
  }

  #sweep(): void {
    const now = performance.now();
    for (const transfer of this.#transfers.values()) {
      const silentMs = now - transfer.heardAt;
      if (transfer.result !== null) {
        if (silentMs > LINGER_MS) this.#forget(transfer);
      } else if (silentMs > this.#silenceMs && !transfer.isFinishing) {
        const text = `${transfer.fromName} was silent for ${this.#silenceMs} ms`;
        this.#fail(transfer, new TransferError("timed out", text), true);
      }
    }
  }

  #forget(transfer: Transfer): void {
    this.#transfers.delete(transfer.id);
    if (this.#last === transfer) this.#last = null;
    if (this.#transfers.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    this.#endWhenEnough();
  }

  #report(transfer: Transfer, path: string | undefined, error: TransferError | null): void {
    const { offer: { name, size }, fromName, began } = transfer;
    const milliseconds = performance.now() - began;
    this.#reported++;
    this.#options.onReport?.({ from: fromName, name, path, bytes: size, milliseconds, error });
    this.#endWhenEnough();
  }

  /** The last sender may still ask for its result: it is told before this ends. */
  #endWhenEnough(): void {
    const { files = Infinity } = this.#options;
    if (this.#reported >= files && this.#transfers.size === 0) this.#enough.abort();
  }

  /** What cannot be sent is lost like what the network loses. */
  async #send(bytes: Uint8Array, to: SocketAddress): Promise<void> {
    await this.#endpoint.send(bytes, to).catch(() => {});
  }
}
