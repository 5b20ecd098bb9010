/** One event of https://html.spec.whatwg.org/multipage/server-sent-events.html. */
export interface ServerSentEvent {
  /** `message` where the event does not say. */
  readonly type: string;
  readonly data: string;
}

/** An event's text, in characters, at most: a checkpoint is 1 MiB. Each line counts as one more. */
const eventMax = 2 << 20;

/**
 * Parses the bytes of an event stream as they come; `undefined` stands for a comment, a sign of life. RangeError for an
 * event without end. However the stream is cut, a byte is looked at once.
 */
export async function* parseEvents(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent | undefined, void, undefined> {
  const event = new EventLines();
  for await (const line of splitLines(chunks)) {
    if (line.startsWith(':')) yield undefined;
    else if (line !== '') event.add(line);
    else {
      const ended = event.end();
      if (ended) yield ended;
    }
  }
}

/** The lines of one event. */
class EventLines {
  #type = 'message';
  #data: string[] = [];
  #size = 0;

  add(line: string): void {
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/su.exec(line) ?? [];
    this.#size += line.length + 1;
    if (this.#size > eventMax) throw endless();
    if (field === 'event') this.#type = value;
    else if (field === 'data') this.#data.push(value);
  }

  end(): ServerSentEvent | undefined {
    const event = { type: this.#type, data: this.#data.join('\n') };
    const isEmpty = this.#data.length === 0;
    this.#type = 'message';
    this.#data = [];
    this.#size = 0;
    return isEmpty ? undefined : event;
  }
}

/** Lines that end in LF, CR LF or CR; what comes after the last end is none. */
async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let size = 0;
  let endsInCr = false;
  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true });
    if (text === '') continue;
    // The line ended with the CR; the LF belongs to it.
    if (endsInCr && text.startsWith('\n')) text = text.slice(1);
    endsInCr = text.endsWith('\r');
    const [head = '', ...lines] = text.split(/\r\n|\n|\r/u);
    parts.push(head);
    size += head.length;
    if (size > eventMax) throw endless();
    const rest = lines.pop();
    if (rest === undefined) continue;
    yield parts.join('');
    yield* lines;
    parts = [rest];
    size = rest.length;
  }
}

function endless(): RangeError {
  return new RangeError('an event without end');
}
