import { cursorCodec } from '@lucid/common/storage/cursor';

/** Reads one item more than the page holds, to know whether there is a next one. */
export async function takePage<T, V>(
  items: AsyncIterable<T>,
  limit: number,
  view: { readonly toView: (item: T) => V; readonly toCursor: (item: T) => string },
): Promise<{ items: V[]; next?: string }> {
  const taken: T[] = [];
  for await (const item of items) {
    if (taken.length === limit) {
      const last = taken[limit - 1];
      return { items: taken.map(view.toView), ...(last === undefined ? {} : { next: view.toCursor(last) }) };
    }
    taken.push(item);
  }
  return { items: taken.map(view.toView) };
}

/** Cursors of lists in the order of the chain. */
export function placeCursor(list: string) {
  const codec = cursorCodec(list, ['integer', 'integer']);
  return {
    encode: (at: { readonly blockNumber: number; readonly logIndex: number }) =>
      codec.encode([at.blockNumber, at.logIndex]),
    decode: (cursor: string | undefined) => (cursor === undefined ? undefined : codec.decode(cursor)),
  };
}
