/**
 * Runs `run` on items, at most `concurrency` at a time and ahead of the reader, and yields the results in the items'
 * order: memory holds `concurrency` of them, however many items there are.
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item>,
  concurrency: number,
  run: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const running: Promise<Result>[] = [];
  for (const item of items) {
    const result = run(item);
    // It is awaited in its turn; until then a failure is nobody's yet.
    result.catch(() => undefined);
    running.push(result);
    if (running.length >= concurrency) yield await (running.shift() as Promise<Result>);
  }
  for (const result of running) yield await result;
}
