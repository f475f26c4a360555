/**
 * Maps the items of an iterable with a limit on how many are under way at once.
 *
 * When one fails, no further one starts; those under way end, and what succeeded is yielded
 * before the failure.
 *
 * @param poolLimit How many may be under way at once.
 * @param array The items.
 * @param iteratorFn What to do with each.
 * @returns The results, in the order of the items.
 * @throws {RangeError} If the limit is not a positive integer.
 * @throws {AggregateError} While iterating, with everything that failed.
 */
export function pooledMap<T, R>(
  poolLimit: number,
  array: Iterable<T> | AsyncIterable<T>,
  iteratorFn: (data: T) => Promise<R>,
): AsyncIterableIterator<R> {
  if (!Number.isInteger(poolLimit) || poolLimit < 1) {
    throw new RangeError("'poolLimit' must be a positive integer");
  }
  const { readable, writable } = new TransformStream<Promise<Outcome<R>>, R>({
    async transform(outcome, controller) {
      const result = await outcome;
      if (!result.failed) controller.enqueue(result.value);
    },
  });
  feed(poolLimit, array, iteratorFn, writable.getWriter());
  return readable[Symbol.asyncIterator]();
}

/** What came of one item; the failures are gathered elsewhere. */
type Outcome<R> = { failed: false; value: R } | { failed: true };

/** Writes the outcomes in the order of the items, then the end or everything that failed. */
async function feed<T, R>(
  poolLimit: number,
  array: Iterable<T> | AsyncIterable<T>,
  iteratorFn: (data: T) => Promise<R>,
  writer: WritableStreamDefaultWriter<Promise<Outcome<R>>>,
): Promise<void> {
  const underWay = new Set<Promise<Outcome<R>>>();
  const errors: unknown[] = [];
  // A reader that stopped iterating has cancelled the stream: writes then fail, unheard.
  const write = (outcome: Promise<Outcome<R>>) => void writer.write(outcome).catch(() => {});
  const start = async (item: T): Promise<Outcome<R>> => {
    try {
      return { failed: false, value: await iteratorFn(item) };
    } catch (error) {
      errors.push(error);
      return { failed: true };
    }
  };
  for await (const item of array) {
    const outcome = start(item);
    underWay.add(outcome);
    outcome.then(() => underWay.delete(outcome));
    write(outcome);
    if (underWay.size >= poolLimit) await Promise.race(underWay);
    if (errors.length > 0) break;
  }
  await Promise.all(underWay);
  if (errors.length === 0) return void writer.close().catch(() => {});
  const failure = "Cannot complete the mapping as an error was thrown from an item";
  write(Promise.reject(new AggregateError(errors, failure)));
}
