import type { Command } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof shells)[number];

/** A command and what may follow it. */
interface Place {
  /** The words that lead to it: `session record`; empty for `lucid` alone. */
  readonly path: string;
  readonly words: readonly string[];
  /** Options that take one of a few values. */
  readonly choices: ReadonlyMap<string, readonly string[]>;
}

/** A script for the shell that completes commands, options and their values; what is none of these is a file name. */
export function createCompletion(program: Command, shell: Shell): string {
  const places = listPlaces(program, '', []);
  if (shell === 'fish') return createFish(places);
  const prologue = shell === 'zsh' ? 'autoload -U +X compinit bashcompinit && compinit -u && bashcompinit\n' : '';
  return prologue + createBash(places);
}

function listPlaces(command: Command, path: string, inherited: readonly string[]): Place[] {
  const flags = [...inherited, ...command.options.flatMap(({ long }) => long ?? [])];
  const children = command.commands.filter((child) => child.name() !== 'help');
  const choices = command.options.flatMap(({ long, argChoices }) =>
    long && argChoices ? [[long, argChoices] as const] : [],
  );
  const deeper = children.map((child) => listPlaces(child, `${path} ${child.name()}`.trim(), flags));
  const here = {
    path,
    words: [...children.map((child) => child.name()), ...flags, '--help'],
    choices: new Map(choices),
  };
  return [here, ...deeper.flat()];
}

/** Names of commands and options have no character that means something to a shell. */
function quote(words: readonly string[]): string {
  return `'${words.join(' ')}'`;
}

/** Also for zsh, where `path` and `words` are variables with a meaning of their own. */
function createBash(places: readonly Place[]): string {
  const known = places.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  const words = places.map((place) => `    ${quote([place.path])}) offered=${quote(place.words)} ;;`);
  const choices = places.flatMap(({ path, choices: all }) =>
    [...all].map(([flag, values]) => `    '${path} ${flag}') offered=${quote(values)} ;;`),
  );
  return [
    '_lucid() {',
    "  local place='' word offered='' previous=\"${COMP_WORDS[COMP_CWORD-1]}\"",
    '  for word in "${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do',
    '    word="$place${place:+ }$word"',
    `    case "$word" in ${known.join('|')}) place="$word" ;; esac`,
    '  done',
    '  case "$place" in',
    ...words,
    '  esac',
    '  case "$place $previous" in',
    ...choices,
    '  esac',
    '  COMPREPLY=($(compgen -W "$offered" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -o default -F _lucid lucid',
    '',
  ].join('\n');
}

function createFish(places: readonly Place[]): string {
  const known = places.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  const lines = places.flatMap(({ path, words, choices }) => [
    `complete -c lucid -n '__lucid_at "${path}"' -a ${quote(words)}`,
    ...[...choices].map(
      ([flag, values]) => `complete -c lucid -n '__lucid_at "${path}"' -l ${flag.slice(2)} -x -a ${quote(values)}`,
    ),
  ]);
  return [
    'function __lucid_at',
    "  set -l place ''",
    '  for word in (commandline -opc)[2..-1]',
    '    set -l next (string trim "$place $word")',
    `    contains -- $next ${known.join(' ')}; and set place $next`,
    '  end',
    '  test "$place" = "$argv[1]"',
    'end',
    ...lines,
    '',
  ].join('\n');
}
