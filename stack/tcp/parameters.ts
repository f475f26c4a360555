/**
 * What the header of IP says of a connection's segments.
 *
 * @module
 */

import { PathMtuDiscovery } from "../option_names.ts";
import type { Configuration } from "./configuration.ts";
import type { Connection } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import type { SegmentWriter } from "./writer.ts";

/** The two bits of ECN are TCP's own matter. */
const SERVICE_MASK = 0xfc;
const FLOW_LABEL_SHIFT = 12;

/** Fills in the parameters of a connection's next segment. */
export function putParameters(connection: Connection): void {
  const { configuration, context, flow, timestampOffset, bits } = connection;
  putConfigured(
    context.writer,
    configuration,
    typeof flow.remote !== "number",
    // RFC 6437 section 3 (SHOULD): a label for each flow, which nobody can guess.
    timestampOffset >>> FLOW_LABEL_SHIFT,
  );
  if ((bits & Bit.NARROW) !== 0) context.writer.parameters.fragmentation = "allowed";
}

/** Fills in what a socket's options say. */
export function putConfigured(
  writer: SegmentWriter,
  configuration: Configuration,
  isIpv6: boolean,
  flowLabel: number,
): void {
  const { parameters } = writer;
  // RFC 9293 section 3.9.2.1 (MUST-51, MUST-52, MUST-53) excepted: source routes let strangers lead
  // segments past filters; routers drop them (RFC 7126 section 4.3), and so no program can ask for
  // one here.
  parameters.options = null;
  const mtuDiscovery = isIpv6 ? configuration.mtuDiscovery6 : configuration.mtuDiscovery;
  // RFC 9293 section 3.9.2 (MUST-48, MUST-49): service and hops are the program's choice.
  if (isIpv6) {
    parameters.timeToLive = configuration.hopLimit;
    parameters.typeOfService = configuration.trafficClass & SERVICE_MASK;
    parameters.flowLabel = flowLabel;
  } else {
    parameters.timeToLive = configuration.timeToLive;
    parameters.typeOfService = configuration.typeOfService & SERVICE_MASK;
    parameters.flowLabel = 0;
  }
  parameters.fragmentation = mtuDiscovery === PathMtuDiscovery.DONT
    ? "allowed"
    : mtuDiscovery === PathMtuDiscovery.PROBE
    ? "probe"
    : "forbidden";
}
