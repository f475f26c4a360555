/**
 * What a driver Worker and whoever started it say to each other beside the rings.
 *
 * @module
 */

/** From the Worker: it consumes. */
export const READY_MESSAGE = "ready";
/** To the Worker: close every socket. */
export const CLOSE_MESSAGE = "close";
/** From the Worker: everything is closed. */
export const CLOSED_MESSAGE = "closed";
