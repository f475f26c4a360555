/**
 * A group that is listened to on an interface.
 *
 * @module
 */

import type { LinkInterface } from "../iface/link_interface.ts";
import type { IpAddress } from "../ip/types.ts";
import { ReportState } from "./report_state.ts";
import { NO_SOURCES, type SourceFilter } from "./source_filter.ts";

/** A group of an interface. */
export class GroupEntry {
  readonly link: LinkInterface;
  readonly group: IpAddress;
  /** What the interface lets pass: the merged wishes of all who joined. */
  filter: SourceFilter = NO_SOURCES;
  /** The wishes, one for each who joined. */
  readonly wishes: Map<object, SourceFilter> = new Map();
  /** What is to be told of it. */
  readonly report: ReportState;
  /** Whether it was we who reported it last, in an older version. */
  wasLastReporter = false;
  /** Whether anybody but the stack itself ever joined it. */
  isAskedFor = false;
  /** Whether its frames pass the filter of the link. */
  isFiltered = false;

  /** Makes a group that nobody has joined yet. */
  constructor(link: LinkInterface, group: IpAddress) {
    this.link = link;
    this.group = group;
    this.report = new ReportState(group);
  }
}
