/** What every assertion throws when it does not hold. */
export class AssertionError extends Error {
  /**
   * @param message What was expected and what was found.
   * @param options The cause, if there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/**
 * @param sentence What was expected, without its end.
 * @param msg What the caller adds.
 * @returns The sentence with the addition, or with a full stop.
 */
export function withMessage(sentence: string, msg: string | undefined): string {
  return msg ? `${sentence}: ${msg}` : `${sentence}.`;
}
