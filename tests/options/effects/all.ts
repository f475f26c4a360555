/**
 * Every module that adds effects.
 *
 * @module
 */

import "./wire.ts";
import "./timing.ts";
import "./paths.ts";
import "./datagrams.ts";
