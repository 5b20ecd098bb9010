import { posix } from 'node:path';
import type { Architecture } from '../config.ts';
import { standInLabel } from '../oci.ts';
import { type BuiltImage, debianPackages } from './image.ts';
import { type FileFacts, resolvePath } from './root-filesystem.ts';

/** A property every published image has; `check` names what breaks it. */
export interface Rule {
  readonly name: string;
  readonly check: (image: BuiltImage) => string[];
}

const user = 1000;
const machines: Readonly<Record<Architecture, number>> = { amd64: 62, arm64: 183 };
const triplets: Readonly<Record<Architecture, string>> = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
/** Raspberry Pi 5 boots a kernel with pages of this size; a segment aligned to less cannot be mapped there. */
const pageBytesMax = 16_384;

const labels = ['title', 'version', 'revision', 'licenses', 'base.name'];

/** Rules about which programs are there, by the file's name. */
const absent = {
  'no shell': /^(sh|bash|dash|ash|zsh|ksh|mksh|busybox|toybox)$/,
  'no package manager': /^(apt|apt-get|dpkg|apk|rpm|yum|dnf|npm|npx|pnpm|yarn|corepack|pip3?)$/,
  'no interpreter but Node': /^(perl|python[\d.]*|ruby|lua[\d.]*|[gm]?awk|php[\d.]*)$/,
  'no network tool': /^(curl|wget|nc|ncat|netcat|socat|ssh|scp|telnet)$/,
} as const;

/** What belongs to a work tree or to an operator, and not into an image. */
const unwanted =
  /\/(\.env(\..*)?|\.npmrc|\.git|\.gitignore|\.dockerignore|id_(rsa|ed25519|ecdsa)|.*\.(map|tsbuildinfo)|pnpm-lock\.yaml|package-lock\.json|yarn\.lock)$/;

const isPlain = ({ type }: FileFacts) => type === 'file' || type === 'hardlink';

function filesWhere(image: BuiltImage, isWrong: (file: FileFacts) => boolean): string[] {
  return [...image.files.values()].filter(isWrong).map(({ path }) => path);
}

function hasProgram(name: RegExp): Rule['check'] {
  return (image) => filesWhere(image, ({ path, type }) => type !== 'directory' && name.test(posix.basename(path)));
}

function shellForms({ config }: BuiltImage): string[] {
  const isShell = (command: readonly string[] | undefined) => /(^|\/)(ba|da)?sh$/.test(command?.[0] ?? '');
  return [
    ...(isShell(config.Entrypoint) ? ['the entry point'] : []),
    ...(isShell(config.Cmd) ? ['the command'] : []),
    ...(config.Healthcheck?.Test?.[0] === 'CMD-SHELL' ? ['the health check'] : []),
  ];
}

function absentPrograms({ config, files }: BuiltImage): string[] {
  const [form, probe] = config.Healthcheck?.Test ?? [];
  const [first] = config.Entrypoint ?? config.Cmd ?? [];
  const scripts = [...(config.Entrypoint ?? []), ...(config.Cmd ?? []), ...(config.Healthcheck?.Test ?? [])];
  const paths = [
    first ?? 'no entry point',
    ...(form === 'CMD' && probe !== undefined ? [probe] : []),
    ...scripts.filter((word) => /^\/.*\.js$/.test(word)),
  ];
  return [...new Set(paths)].filter((path) => resolvePath(files, path) === undefined);
}

function wrongUsers({ config, files }: BuiltImage): string[] {
  const wrong = config.User === `${user}:${user}` ? [] : [`it runs as "${config.User ?? ''}"`];
  const entry = new RegExp(`^lucid:[^:]*:${user}:${user}:`, 'm');
  return entry.test(files.get('/etc/passwd')?.text ?? '') ? wrong : [...wrong, '/etc/passwd has no lucid'];
}

function missingLibraries({ files, architecture }: BuiltImage): string[] {
  const triplet = triplets[architecture];
  const folders = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', `/lib/${triplet}`, `/usr/lib/${triplet}`];
  return [...files.values()].flatMap(({ elf, path }) => {
    if (elf === undefined || elf.machine !== machines[architecture]) return [];
    const loader = elf.loader !== undefined && resolvePath(files, elf.loader) === undefined ? [elf.loader] : [];
    const places = [...folders, posix.dirname(path)];
    const libraries = elf.needed.filter((name) =>
      places.every((folder) => resolvePath(files, `${folder}/${name}`) === undefined),
    );
    return [...loader, ...libraries].map((name) => `${path} needs ${name}`);
  });
}

/** What the running user owns must be a folder of its own that nobody else can enter, below /var/lib or /run. */
function wrongOwnership(image: BuiltImage): string[] {
  const owned = [...image.files.values()].filter(({ uid, gid }) => uid === user || gid === user);
  const isState = ({ type, mode, path }: FileFacts) =>
    type === 'directory' && mode === 0o700 && /^\/(var\/lib|run)\/[^/]+(\/|$)/.test(path);
  if (!owned.some(({ path }) => path.startsWith('/var/lib/'))) return ['no folder below /var/lib is the user’s'];
  return owned.filter((file) => !isState(file)).map(({ path, mode }) => `${path} (${mode.toString(8)})`);
}

function writableApp(image: BuiltImage): string[] {
  return filesWhere(image, ({ path, mode, type, uid }) => {
    if (path !== '/app' && !path.startsWith('/app/')) return false;
    return type !== 'symlink' && (uid !== 0 || (mode & 0o022) !== 0);
  });
}

/** Every image but the development one has all of these. */
export const rules: readonly Rule[] = [
  ...Object.entries(absent).map(([name, pattern]) => ({ name, check: hasProgram(pattern) })),
  {
    name: 'nothing runs as its owner',
    check: (image) => filesWhere(image, ({ type, mode }) => type !== 'symlink' && (mode & 0o6000) !== 0),
  },
  { name: 'no file capabilities', check: (image) => filesWhere(image, ({ hasCapabilities }) => hasCapabilities) },
  {
    name: 'nothing is writable by all',
    check: (image) =>
      filesWhere(image, (file) => {
        const { type, mode } = file;
        return (mode & 2) !== 0 && (isPlain(file) || (type === 'directory' && (mode & 0o1000) === 0));
      }),
  },
  { name: 'runs as lucid, 1000:1000', check: wrongUsers },
  { name: 'exec form', check: shellForms },
  { name: 'its programs are there', check: absentPrograms },
  {
    name: 'programs of its own architecture',
    check: (image) => filesWhere(image, ({ elf }) => elf !== undefined && elf.machine !== machines[image.architecture]),
  },
  { name: 'every library is there', check: missingLibraries },
  {
    name: 'loads with 16 KiB pages',
    check: (image) =>
      filesWhere(
        image,
        ({ elf }) => image.architecture === 'arm64' && elf !== undefined && elf.alignment < pageBytesMax,
      ),
  },
  { name: 'nothing of a work tree', check: (image) => filesWhere(image, ({ path }) => unwanted.test(path)) },
  { name: 'no private key', check: (image) => filesWhere(image, ({ holdsPrivateKey }) => holdsPrivateKey) },
  {
    name: 'package records for scanners',
    check: ({ files }) => (debianPackages(files).length === 0 ? ['/var/lib/dpkg/status.d is empty'] : []),
  },
  {
    name: 'labels',
    check: ({ config }) =>
      labels
        .map((label) => `org.opencontainers.image.${label}`)
        .filter((label) => (config.Labels?.[label] ?? '') === ''),
  },
  { name: 'the app is root’s, and nobody else writes it', check: writableApp },
  { name: 'the user owns its state and nothing else', check: wrongOwnership },
];

/** Only for what is published. */
export const releaseRules: readonly Rule[] = [
  {
    name: 'built on the real bases',
    check: ({ config }) => (config.Labels?.[standInLabel] === undefined ? [] : [`label ${standInLabel}`]),
  },
];

/** What breaks which rule, as `rule: what`; empty for an image as it should be. */
export function auditImage(image: BuiltImage, applied: readonly Rule[] = rules): string[] {
  return applied.flatMap(({ name, check }) => {
    const wrong = check(image);
    const shown = wrong.slice(0, 5).join(', ');
    return wrong.length === 0 ? [] : [`${name}: ${shown}${wrong.length > 5 ? ` and ${wrong.length - 5} more` : ''}`];
  });
}
