/** One event of https://html.spec.whatwg.org/multipage/server-sent-events.html. */
export interface ServerSentEvent {
  /** `message` where the event does not say. */
  readonly type: string;
  readonly data: string;
}

/** An event's text, in characters, at most: a checkpoint is 1 MiB. */
const eventMax = 2 << 20;

/**
 * Parses the bytes of an event stream as they come; `undefined` stands for a comment, a sign of life. RangeError for an
 * event without end.
 */
export async function* parseEvents(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent | undefined, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  let type = 'message';
  let data: string[] = [];
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/u);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/su.exec(line) ?? [];
      if (line.startsWith(':')) yield undefined;
      else if (field === 'event') type = value;
      else if (field === 'data') data.push(value);
      if (line !== '') continue;
      if (data.length > 0) yield { type, data: data.join('\n') };
      type = 'message';
      data = [];
    }
    if (rest.length + data.reduce((size, { length }) => size + length, 0) > eventMax) {
      throw new RangeError('an event without end');
    }
  }
}
