/**
 * All behaviours, in the order of the matrix.
 *
 * @module
 */

import "./connect.ts";
import "./accept.ts";
import "./receive.ts";
import "./receive_many.ts";
import "./send.ts";
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
import "./expert.ts";
import "./ring_sockets.ts";
import "./ring_transfers.ts";
import "./ring_polls.ts";
import "./ring_order.ts";
