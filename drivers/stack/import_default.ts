/**
 * What a module exports by default: how a program hands code to a stack in another thread.
 *
 * @module
 */

/**
 * Loads a module.
 *
 * @param url where it is
 * @returns its default export, undefined where it has none
 * @throws {Error} when it cannot be loaded, saying why
 */
export async function importDefault(url: string): Promise<unknown> {
  const loaded = await import(url);
  return loaded.default;
}
