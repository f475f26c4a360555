/**
 * Names of hosts: which are legal, and the form in which they are compared.
 *
 * @module
 */

import { endsInNumber, type HostProblem } from "./ip_text.ts";
import { describe, quote } from "./quote.ts";

const NAME_MAX = 253; // RFC 1035 section 2.3.4: 255 octets on the wire, 253 as text.
const LABEL_MAX = 63;

/**
 * Says what keeps a text from being the name of a host.
 *
 * Labels are letters, digits, hyphens (not at either end) and underscores, at most 63 of them;
 * the name has at most 253 characters, may end in one dot, and its last label is not a number:
 * such a name would be taken for an address by some resolvers.
 * Source: RFC 1035 section 2.3, RFC 1123 section 2.1, the URL standard's "ends in a number".
 *
 * @param text The name.
 * @returns The problem and its position, or `undefined` for a legal name.
 */
export function hostNameProblem(text: string): HostProblem | undefined {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  if (name.length === 0) return { position: 0, reason: "the name is empty" };
  if (name.length > NAME_MAX) {
    return { position: NAME_MAX, reason: `a name has at most ${NAME_MAX} characters` };
  }
  let position = 0;
  for (const label of name.split(".")) {
    if (label.length === 0) return { position, reason: "a label of the name is empty" };
    if (label.length > LABEL_MAX) {
      return { position, reason: `a label of the name has more than ${LABEL_MAX} characters` };
    }
    const strange = label.search(/[^A-Za-z0-9_-]/);
    if (strange >= 0) {
      const hint = label.charCodeAt(strange) > 127 ? "; write it in its ASCII form, xn--..." : "";
      return {
        position: position + strange,
        reason: `a name cannot have the character ${quote(label[strange])}${hint}`,
      };
    }
    if (label.startsWith("-")) return { position, reason: "a label starts with a hyphen" };
    if (label.endsWith("-")) {
      return { position: position + label.length - 1, reason: "a label ends with a hyphen" };
    }
    position += label.length + 1;
  }
  if (endsInNumber(name)) {
    const position = name.lastIndexOf(".") + 1;
    return { position, reason: "a name cannot end in a number, and this is no IPv4 address" };
  }
  return undefined;
}

/**
 * Brings a host name into the form in which names are compared.
 *
 * @param text The name, in any case, with or without a trailing dot.
 * @returns The name in lower case without a trailing dot.
 * @throws {TypeError} When it is no legal name; it names the text and the position.
 */
export function normalizeHostName(text: string): string {
  if (typeof text !== "string") {
    throw new TypeError(`a host name must be a string, not ${describe(text)}`);
  }
  const problem = hostNameProblem(text);
  if (problem !== undefined) {
    throw new TypeError(
      `host name ${quote(text)}: ${problem.reason} ` +
        `(position ${problem.position})`,
    );
  }
  return (text.endsWith(".") ? text.slice(0, -1) : text).toLowerCase();
}
