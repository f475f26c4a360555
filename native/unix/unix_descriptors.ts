/**
 * Descriptors of the system as objects: received over Unix sockets, or taken over by number.
 *
 * @module
 */

import type { NetworkCapability } from "../capability.ts";
import { badResource, busy, netError, notCapable, unsupported } from "../errors.ts";
import type { Network } from "../network.ts";
import type { SocketOwner } from "../socket.ts";
import { Counter } from "../../ring/counters.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { DriverOp, SCM_MAX_FD } from "../../ring/abi/opcodes.ts";

/** Commands of `fcntl(2)`. */
const Fcntl = { GETFD: 1, SETFD: 2, GETFL: 3, SETFL: 4 } as const;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0o4000;
const FD_MAX = 0x7fff_ffff;

const State = { OPEN: 0, CLOSED: 1, RELEASED: 2 } as const;
type State = typeof State[keyof typeof State];

/** The books in which a descriptor stands. */
export interface DescriptorHome {
  readonly network: Network;
  readonly owner: SocketOwner;
}

/**
 * A descriptor that this program owns: it is open until it is closed, given up with
 * {@linkcode OwnedFd.release}, or taken over by `adopt`. It counts as one of the capability's
 * sockets, and is closed with it.
 *
 * ```text
 *  OPEN --close()--> CLOSED (once no send uses it)
 *    \--release(), adopt()--> RELEASED
 * ```
 *
 * @example
 * ```ts
 * import { NetworkCapability, OwnedFd } from "../../mod.ts";
 * const rights = { unix: true, adopt: true };
 * await using capability = await NetworkCapability.request({ rights });
 * if (capability.backend.kind === "kernel") {
 *   const refused = await OwnedFd.adopt(999_999, capability).catch(({ code }) => code);
 *   console.log(refused); // EBADF
 * }
 * ```
 */
export class OwnedFd implements AsyncDisposable, Disposable {
  /** @ignore Where its owner has listed it. */
  place = -1;
  readonly #network: Network;
  readonly #owner: SocketOwner;
  readonly #fd: number;
  #state: State = State.OPEN;
  /** Sends that need it open. */
  #pins = 0;
  #closed: PromiseWithResolvers<void> | null = null;

  /** @ignore Made where descriptors arrive; the owner has counted it already. */
  constructor({ network, owner }: DescriptorHome, fd: number) {
    this.#network = network;
    this.#owner = owner;
    this.#fd = fd;
    owner.adopt(this);
  }

  /**
   * Takes over an open descriptor by its number, of whatever kind; from then on it is closed by
   * this object only, and not passed on to other programs (`FD_CLOEXEC`).
   *
   * @param capability must hold `adopt`
   * @throws {NetError} EBADF when it is not open, EMFILE at the limit `sockets`, ENOTSUP on `host`
   * @throws {Deno.errors.NotCapable} without the right
   * @throws {TypeError} or RangeError when it is no descriptor's number
   */
  static async adopt(fd: number, capability: NetworkCapability): Promise<OwnedFd> {
    const { authorization } = capability;
    const { network, scope } = authorization;
    requireDescriptors(network, "adopting descriptors", "adopt");
    authorization.requireRight("adopt", "adopt");
    requireFd("adopt", "fd", fd);
    return await authorization.scope.track(
      (async () => {
        await protectDescriptor(network, fd, "adopt");
        authorization.requireLive("adopt");
        authorization.takeSocket("adopt");
        network.opened(fd);
        return new OwnedFd({ network, owner: scope }, fd);
      })(),
      null,
    );
  }

  /**
   * The descriptor's number.
   *
   * @throws {NetError} EBADF when it is closed or was given up
   */
  get fd(): number {
    this.#requireOpen("fd");
    return this.#fd;
  }

  /** Whether this object still owns an open descriptor. */
  get isOpen(): boolean {
    return this.#state === State.OPEN;
  }

  /**
   * Gives up ownership: the descriptor stays open, and closing it is the caller's affair.
   *
   * @returns its number
   * @throws {NetError} EBADF when it is closed or was given up, EBUSY while it is being sent
   */
  release(): number {
    this.#requireOpen("release");
    if (this.#pins > 0) throw busy("release", "the descriptor is being sent");
    this.#state = State.RELEASED;
    this.#network.released(this.#fd);
    this.#owner.forget(this);
    return this.#fd;
  }

  /** @ignore Passes it on to a socket under a capability; whoever asks has it pinned. */
  surrender({ network, owner: heir }: DescriptorHome): void {
    this.#requireOpen("adopt");
    if (this.#pins > 1) throw busy("adopt", "the descriptor is being sent");
    this.#owner.forget(this);
    const refusal = heir.acquire("sockets", 1, "adopt");
    if (refusal === null) {
      this.#state = State.RELEASED;
      this.#network.released(this.#fd);
      network.opened(this.#fd);
      return;
    }
    // What was just given back can be had again.
    this.#owner.acquire("sockets", 1, "adopt");
    this.#owner.adopt(this);
    throw refusal;
  }

  /** Closes it; once more, or after `release()`, is a no-op. @returns when it is closed */
  close(): Promise<void> {
    if (this.#state === State.OPEN) {
      this.#state = State.CLOSED;
      this.#closed = Promise.withResolvers<void>();
      if (this.#pins === 0) this.#end();
    }
    return this.#closed?.promise ?? Promise.resolve();
  }

  /** @ignore Ends it; capabilities do that when they are withdrawn. */
  terminate(_reason: Error | undefined): Promise<void> {
    return this.close();
  }

  /** @ignore Keeps it open for a send. @returns its number */
  pin(operation: string): number {
    this.#requireOpen(operation);
    this.#pins++;
    return this.#fd;
  }

  /** @ignore Ends what {@linkcode OwnedFd.pin} began. */
  unpin(): void {
    if (--this.#pins === 0 && this.#state === State.CLOSED) this.#end();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes it. @returns when it is closed */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    await this.#network.close(this.#fd);
    this.#owner.forget(this);
    this.#closed!.resolve();
  }

  #requireOpen(operation: string): void {
    if (this.#state === State.OPEN) return;
    const what = this.#state === State.CLOSED ? "is closed" : "was given up";
    throw badResource(operation, `the descriptor ${what}`);
  }
}

/** Proves that a value is a descriptor's number. */
export function requireFd(operation: string, what: string, fd: unknown): asserts fd is number {
  if (typeof fd !== "number") {
    throw new TypeError(`${operation}: ${what} must be a descriptor, not ${String(fd)}`);
  }
  if (Number.isInteger(fd) && fd >= 0 && fd <= FD_MAX) return;
  throw new RangeError(`${operation}: ${what} must be an integer from 0 to ${FD_MAX}, not ${fd}`);
}

/**
 * Proves that a list is one of descriptors that fit into one message.
 *
 * @throws {TypeError} naming the place of what is none
 * @throws {RangeError} with more than 253 (`SCM_MAX_FD`)
 */
export function requireFds(operation: string, fds: unknown): readonly (number | OwnedFd)[] {
  if (!Array.isArray(fds)) {
    throw new TypeError(`${operation}: fds must be an array, not ${String(fds)}`);
  }
  if (fds.length > SCM_MAX_FD) {
    throw new RangeError(
      `${operation}: one message carries at most ${SCM_MAX_FD} descriptors, not ${fds.length}`,
    );
  }
  fds.forEach((fd, index) => {
    if (!(fd instanceof OwnedFd)) requireFd(operation, `fds[${index}]`, fd);
  });
  return fds;
}

/** Proves that descriptors of a backend are the system's. */
export function requireDescriptors(network: Network, what: string, operation: string): void {
  if (network.reactor.driver.supported[DriverOp.FCNTL] === 1) return;
  throw unsupported(network.kind, what, operation);
}

/** Proves that descriptors of others may be made use of. @throws {Deno.errors.NotCapable} */
export function requireAdopt({ network, owner }: DescriptorHome, operation: string): void {
  const denial = owner.authority.has("adopt");
  if (denial === null) return;
  network.reactor.counters.add(Counter.denied, 1);
  throw notCapable(denial, operation);
}

/** Sees to it that a descriptor is not passed on to other programs. */
export async function protectDescriptor(
  network: Network,
  fd: number,
  operation: string,
): Promise<void> {
  const flags = await control(network, fd, Fcntl.GETFD, 0, operation);
  if ((flags & FD_CLOEXEC) !== 0) return;
  await control(network, fd, Fcntl.SETFD, flags | FD_CLOEXEC, operation);
}

/**
 * Takes `O_NONBLOCK` off: a ring would answer EAGAIN where it should wait. The flag belongs to what
 * is open, and is off for whoever else has it open, too.
 */
export async function makeBlocking(network: Network, fd: number, operation: string): Promise<void> {
  const flags = await control(network, fd, Fcntl.GETFL, 0, operation);
  if ((flags & O_NONBLOCK) === 0) return;
  await control(network, fd, Fcntl.SETFL, flags & ~O_NONBLOCK, operation);
}

async function control(
  network: Network,
  fd: number,
  command: number,
  argument: number,
  operation: string,
): Promise<number> {
  const result = await network.control(fd, command, argument, operation);
  if (result >= 0) return result;
  const detail = result === -Errno.EBADF ? `descriptor ${fd} is not open` : `descriptor ${fd}`;
  throw netError(result, { operation, detail });
}
