/**
 * Foreign text in messages.
 *
 * @module
 */

const QUOTE_MAX = 120;

/** Quotes foreign text for a message: escaped, and cut where it would flood a log. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTE_MAX ? text.slice(0, QUOTE_MAX) + "..." : text);
}

/** What a value that is no text is, for a message. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "string" ? quote(value) : `a value of type ${typeof value}`;
}
