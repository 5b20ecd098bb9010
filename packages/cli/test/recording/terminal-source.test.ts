import { describe, expect, test } from 'vitest';
import { recordTerminal, type TerminalEnd } from '../../src/recording/terminal-source.ts';

type Event = [at: number, kind: string, text: string];

async function record(command: string, signal = new AbortController().signal) {
  const echoed: Uint8Array[] = [];
  let end: TerminalEnd | undefined;
  const echo = (bytes: Uint8Array) => void echoed.push(bytes);
  const onEnd = (found: TerminalEnd) => {
    end = found;
  };
  const lines: string[] = [];
  for await (const line of recordTerminal({
    command,
    columns: 100,
    rows: 30,
    isInteractive: false,
    signal,
    echo,
    onEnd,
  })) {
    lines.push(Buffer.from(line).toString('utf8'));
  }
  const [header, ...events] = lines.map((line) => JSON.parse(line) as unknown);
  return { header, events: events as Event[], echoed: Buffer.concat(echoed).toString('utf8'), end, lines };
}
const outputOf = (events: readonly Event[]) => events.map(([, kind, text]) => (kind === 'o' ? text : '')).join('');

describe('a command’s terminal as asciicast v2', () => {
  test('has a header, the output with its times, and the exit status', async () => {
    const { header, events, echoed, end, lines } = await record('echo one; echo two >&2; exit 3');
    expect(header).toMatchObject({ version: 2, width: 100, height: 30, command: 'echo one; echo two >&2; exit 3' });
    expect(outputOf(events)).toBe('one\r\ntwo\r\n');
    expect(echoed.replaceAll('\r', '')).toBe('one\ntwo\n');
    expect(events.at(-1)?.slice(1)).toEqual(['m', 'exit 3']);
    expect(end?.exitCode).toBe(3);
    const times = events.map(([at]) => at);
    expect(times).toEqual(times.toSorted((left, right) => left - right));
    for (const line of lines) expect(line.endsWith('\n')).toBe(true);
  });

  test('with a pseudo-terminal the command sees one, of the size recorded', async () => {
    const { events, end } = await record('test -t 1 && echo terminal; stty size 2>/dev/null');
    const expected = end?.kind === 'pty' ? 'terminal\r\n30 100\r\n' : '';
    expect(outputOf(events)).toBe(expected);
  });

  test('characters of several bytes are whole, however they arrive', async () => {
    const { events } = await record(String.raw`printf '\342\202'; sleep 0.05; printf '\254 \303\244'`);
    expect(outputOf(events)).toBe('€ ä');
  });

  test('a signal ends the command, and the recording with it', async () => {
    const { events, end } = await record('echo start; sleep 60', AbortSignal.timeout(700));
    expect(outputOf(events)).toContain('start');
    expect(events.at(-1)?.[1]).toBe('m');
    expect(end).toBeDefined();
  });
});
