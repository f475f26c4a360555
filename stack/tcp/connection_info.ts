/**
 * What is told about a connection: what `struct tcp_info` of Linux has, in whole units.
 *
 * @module
 */

/** What a program is told about a connection by `TCP_INFO`; each part fills in what it knows. */
export class ConnectionInfo {
  /** 0 open, 1 disorder, 2 congestion window reduced, 3 recovery, 4 loss: `enum tcp_ca_state`. */
  congestionState = 0;
  /** Timeouts in a row, zero-window probes in a row, and by how much the RTO is doubled. */
  retransmits = 0;
  probes = 0;
  backoff = 0;
  /** Times in microseconds. */
  rto = 0;
  acknowledgmentTimeout = 0;
  smoothedRtt = 0;
  rttVariation = 0;
  minimumRtt = 0;
  receiverRtt = 0;
  lastDataSent = 0;
  lastDataReceived = 0;
  busyTime = 0;
  receiveWindowLimited = 0;
  sendBufferLimited = 0;
  /** Bytes of payload of a segment. */
  sendSegment = 0;
  receiveSegment = 0;
  /** Segments sent and not acknowledged, found by SACK, lost, and retransmitted. */
  unacknowledged = 0;
  sacked = 0;
  lost = 0;
  retransmitted = 0;
  /** In segments, as on Linux. */
  congestionWindow = 0;
  /** In segments; 0x7fffffff where it was not met yet. */
  slowStartThreshold = 0x7fffffff;
  reordering = 3;
  totalRetransmitted = 0;
  /** Bytes a second; -1 for no limit. */
  pacingRate = -1;
  deliveryRate = 0;
  isApplicationLimited = false;
  /** Bytes. */
  receiveSpace = 0;
  receiveThreshold = 0;
  bytesAcknowledged = 0;
  bytesReceived = 0;
  bytesSent = 0;
  bytesRetransmitted = 0;
  notSentBytes = 0;
  sendWindow = 0;
  receiveWindow = 0;
  /** Segments with data, sent and received; deliveries, and those marked by ECN. */
  dataSegmentsOut = 0;
  dataSegmentsIn = 0;
  delivered = 0;
  deliveredMarked = 0;
  duplicateSacks = 0;
  reorderingSeen = 0;
  receivedOutOfOrder = 0;
}
