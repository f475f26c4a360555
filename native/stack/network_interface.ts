/**
 * An interface of a running stack.
 *
 * @module
 */

import { netError } from "../errors.ts";
import type { AddressInfo, InterfaceInfo, StackInfo } from "../../drivers/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";
import type { ControlRing } from "./control_ring.ts";

/** An interface, by its name: what it has is asked for when it is wanted. */
export class NetworkInterface {
  /** Such as `"eth0"`. */
  readonly name: string;
  readonly #control: ControlRing;

  /** @ignore Made by `NetworkStack`. */
  constructor(control: ControlRing, name: string) {
    this.#control = control;
    this.name = name;
  }

  /**
   * What it is, and what it has now.
   *
   * @throws {NetError} ENODEV when there is none of its name any more
   */
  async info(): Promise<InterfaceInfo> {
    const { interfaces } = await this.#control.ask<StackInfo>("info");
    const found = interfaces.find(({ name }) => name === this.name);
    if (found === undefined) {
      throw netError(Errno.ENODEV, { operation: "getInterface", detail: this.name });
    }
    return found;
  }

  /** Its addresses. */
  async addresses(): Promise<readonly AddressInfo[]> {
    return (await this.info()).addresses;
  }

  /**
   * Gives it an address in place of those of the same family that were set before.
   *
   * @param address with the length of its prefix, such as `"192.168.1.10/24"`
   * @throws {NetError} EINVAL naming what is wrong with it
   */
  async setIpAddress(address: string): Promise<void> {
    await this.#control.ask("setAddress", { name: this.name, address });
  }

  /** Adds an address. @param address with the length of its prefix */
  async addIpAddress(address: string): Promise<void> {
    await this.#control.ask("addAddress", { name: this.name, address });
  }

  /** Removes an address. @param address the length of its prefix may be left out */
  async removeIpAddress(address: string): Promise<void> {
    await this.#control.ask("removeAddress", { name: this.name, address });
  }

  /** Sets it up: it sends and receives. */
  async up(): Promise<void> {
    await this.#control.ask("setUp", { name: this.name, isUp: true });
  }

  /** Sets it down. */
  async down(): Promise<void> {
    await this.#control.ask("setUp", { name: this.name, isUp: false });
  }

  /** Sets the longest packet of IP. @param mtu in bytes, 68 to 65535 */
  async setMtu(mtu: number): Promise<void> {
    await this.#control.ask("setMtu", { name: this.name, mtu });
  }

  /** Says whether packets that arrive here may be passed on. */
  async setForwarding(isForwarding: boolean): Promise<void> {
    await this.#control.ask("setForwarding", { name: this.name, isForwarding });
  }

  /** Removes it from the stack, with its addresses and routes. */
  async remove(): Promise<void> {
    await this.#control.ask("removeInterface", { name: this.name });
  }
}
