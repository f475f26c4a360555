/**
 * What the sockets of the stack for tests have in common.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import { Flow } from "../../../stack/ip/types.ts";
import type { SocketOwner } from "../../../stack/socket.ts";
import type { TestCore } from "./test_core.ts";

/** The address of everybody there. */
export const LOOPBACK = 0x7f00_0001;

/** A socket of either kind. */
export class TestSocket {
  owner: SocketOwner | null = null;
  readonly flow: Flow = new Flow();
  protected readonly core: TestCore;
  protected error = 0;
  readonly #options = new Map<string, Uint8Array>();

  constructor(core: TestCore) {
    this.core = core;
    core.open++;
  }

  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  setOption(level: number, name: number, value: Uint8Array): number {
    if (name > 1000) return -Errno.ENOPROTOOPT;
    this.#options.set(`${level} ${name}`, value);
    return 0;
  }

  getOption(level: number, name: number): Uint8Array | number {
    return this.#options.get(`${level} ${name}`) ?? new Uint8Array(4);
  }
}
