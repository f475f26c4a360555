/**
 * All behaviours, in the order of the matrix.
 *
 * @module
 */

import "./connect.ts";
import "./accept.ts";
import "./listener_life.ts";
import "./proxy_headers.ts";
import "./receive.ts";
import "./receive_many.ts";
import "./send.ts";
import "./files.ts";
import "./close.ts";
import "./options.ts";
import "./cancellation.ts";
import "./races.ts";
import "./deadlines.ts";
import "./leases.ts";
import "./errors.ts";
import "./authority.ts";
import "./limits.ts";
import "./web_streams.ts";
import "./references.ts";
import "./exhaustion.ts";
import "./unix.ts";
import "./datagrams.ts";
import "./datagram_sends.ts";
import "./datagram_network.ts";
import "./unix_datagrams.ts";
import "./expert.ts";
import "./ring_sockets.ts";
import "./ring_transfers.ts";
import "./ring_datagrams.ts";
import "./ring_datagram_buffers.ts";
import "./ring_datagram_options.ts";
import "./ring_polls.ts";
import "./ring_order.ts";
