/**
 * The routes of a running stack.
 *
 * @module
 */

import type { RouteInfo, StackRouteOptions } from "../../drivers/mod.ts";
import type { ControlRing } from "./control_ring.ts";

/** The routes of a stack. */
export class RoutingTable {
  readonly #control: ControlRing;

  /** @ignore Made by `NetworkStack`. */
  constructor(control: ControlRing) {
    this.#control = control;
  }

  /**
   * Adds a route.
   *
   * @param route such as `{ destination: "0.0.0.0/0", gateway: "192.168.1.1" }`
   * @throws {NetError} EINVAL naming what is wrong with it
   */
  async add(route: StackRouteOptions): Promise<void> {
    await this.#control.ask("addRoute", route);
  }

  /** Removes a route. */
  async remove(route: StackRouteOptions): Promise<void> {
    await this.#control.ask("removeRoute", route);
  }

  /** All of them, those of addresses and routers among them. */
  list(): Promise<readonly RouteInfo[]> {
    return this.#control.ask<readonly RouteInfo[]>("routes");
  }
}
