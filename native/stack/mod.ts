/**
 * Stacks of this library's own, and their control.
 *
 * @module
 */

export { NetworkInterface } from "./network_interface.ts";
export { NetworkStack, type StackCapabilityOptions } from "./network_stack.ts";
export { RoutingTable } from "./routing_table.ts";
export type {
  StackCounters,
  StackEventInfo,
  StackEventIterator,
  StackStatistics,
} from "./stack_types.ts";
export { createPipe } from "../../drivers/mod.ts";
export type {
  AddressInfo,
  InterfaceInfo,
  PipeHandle,
  PipeOptions,
  PortSpecifier,
  RouteInfo,
  StackCaptureOptions,
  StackHandle,
  StackInfo,
  StackInterfaceOptions,
  StackOptions,
  StackRouteOptions,
} from "../../drivers/mod.ts";
export type { LocalPort, StackProfile, StackSizeChoices } from "../../drivers/mod.ts";
export type {
  CustomProtocolHandler,
  IcmpReport,
  PacketAction,
  PacketView,
  SteeredPacket,
  Steering,
  SteeringRule,
  SteeringStatistics,
} from "../../drivers/mod.ts";
