/**
 * What routes and routers make of neighbours that answer, or do not.
 *
 * @module
 */

import type { IpAddress } from "../ip/types.ts";
import type { Routes } from "../route/route_table.ts";
import type { NeighbourWatcher } from "./neighbour_states.ts";
import type { RouterList } from "./router_list.ts";

/** Tells routes and routers. */
export class NeighbourReactions implements NeighbourWatcher {
  /** Set before the first packet. */
  routes!: Routes;
  /** Set before the first packet. */
  routers!: RouterList;

  /** See {@linkcode NeighbourWatcher.onUnreachable}. */
  onUnreachable(interfaceIndex: number, address: IpAddress): void {
    this.routes.setReachable(interfaceIndex, address, false);
    if (typeof address === "number") return;
    this.routers.setReachable(interfaceIndex, address, false);
  }

  /** See {@linkcode NeighbourWatcher.onReachable}. */
  onReachable(interfaceIndex: number, address: IpAddress): void {
    this.routes.setReachable(interfaceIndex, address, true);
    if (typeof address === "number") return;
    this.routers.setReachable(interfaceIndex, address, true);
  }

  /** See {@linkcode NeighbourWatcher.onRouterGone}. */
  onRouterGone(interfaceIndex: number, address: IpAddress): void {
    this.routes.forgetGateway(interfaceIndex, address);
    if (typeof address === "number") return;
    this.routers.removeRouter(interfaceIndex, address);
  }
}
