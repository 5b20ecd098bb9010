import { asciicastType, recordTerminal, type TerminalEnd } from '@lucid/cli/recording/terminal-source';

/** Something worth watching that every machine with git can do. */
const command = [
  'echo "Who changed this repository last?"',
  'git --no-pager log --max-count=5 --format="%h %ad %s" --date=short',
  'for second in 3 2 1; do printf "%s " $second; sleep 0.3; done',
  'echo; uname -srm',
].join('; ');

export const terminalContent = asciicastType;

/** How long the command may take, ms: far more than it needs. */
const patienceMs = 60_000;

/** Runs the command in a terminal and gives its output, live, as asciicast; `say` repeats what it shows. */
export async function* readTerminal(say: (line: string) => void): AsyncGenerator<Uint8Array> {
  let shown = '';
  let end: TerminalEnd | undefined;
  yield* recordTerminal({
    command,
    columns: 100,
    rows: 24,
    isInteractive: false,
    signal: AbortSignal.timeout(patienceMs),
    echo: (output) => {
      shown += Buffer.from(output).toString();
    },
    onEnd: (ended) => {
      end = ended;
    },
  });
  for (const line of shown.trimEnd().split(/\r?\n/)) say(`│ ${line}`);
  say(`the command ended with exit code ${end?.exitCode ?? '?'}, in a ${end?.kind === 'pty' ? 'terminal' : 'pipe'}`);
}
