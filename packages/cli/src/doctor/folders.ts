import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  copyPath,
  dataFolders,
  findLogKeys,
  hostFolders,
  listSecretCopies,
  secretsOfLedger,
  serviceUser,
} from '../setup/host-layout.ts';
import type { Finding } from './finding.ts';

/** How many offences a finding names. */
const namedMax = 5;

interface Entry {
  /** Relative to the root. */
  readonly name: string;
  readonly uid: number;
  readonly mode: number;
  readonly isFolder: boolean;
  readonly isLink: boolean;
}

/** Whom the platform's folders belong to, who may look into them, and whether all the secrets are there. */
export function checkFolders(root: string): Finding[] {
  try {
    const entries = listEntries(root);
    return [checkOwners(root, entries), checkModes(root, entries), checkSecrets(root, entries), backupFinding(root)];
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const { uid } = serviceUser;
    const found = `The folders under ${root} cannot be looked at by this user (${String(error.code)}).`;
    const fix = `sudo -u '#${uid}' lucid doctor --root ${root}`;
    return [{ id: 'folders', severity: 'warn', found, why: 'Nothing can be said of keys and secrets.', fix }];
  }
}

function checkOwners(root: string, entries: readonly Entry[]): Finding {
  const id = 'folder-owners';
  const { uid, gid } = serviceUser;
  const why = `The images’ processes run as user ${uid} and can use only what is theirs.`;
  const foreign = entries.filter((entry) => entry.uid !== uid);
  if (foreign.length === 0) return { id, severity: 'ok', found: `All belong to user ${uid}.`, why };
  const found = `Of other users: ${listNames(foreign.map((entry) => `${entry.name} (${entry.uid})`))}.`;
  return { id, severity: 'fail', found, why, fix: `sudo chown -R ${uid}:${gid} ${root}` };
}

function checkModes(root: string, entries: readonly Entry[]): Finding {
  const id = 'folder-modes';
  const why = 'Whoever reads a key can be the service it belongs to.';
  const links = entries.filter(({ isLink }) => isLink);
  if (links.length > 0) {
    const found = `Symbolic links: ${listNames(links.map(({ name }) => name))}.`;
    return { id, severity: 'fail', found, why, fix: 'Put the folders themselves there: containers see no links.' };
  }
  if (entries.some(({ mode, name }) => name === '' && (mode & 0o022) !== 0)) {
    const found = `Others may write in ${root}, and so put other keys in place of these.`;
    return { id, severity: 'fail', found, why, fix: `sudo chmod go-w ${root}` };
  }
  const open = entries.filter(({ mode, name }) => name !== '' && (mode & 0o077) !== 0);
  if (open.length === 0) return { id, severity: 'ok', found: 'Nobody but their owner can look into them.', why };
  const found = `Open to others: ${listNames(open.map(({ name }) => name))}.`;
  const folders = Object.values(hostFolders).map((folder) => join(root, folder));
  return { id, severity: 'fail', found, why, fix: `sudo chmod -R go= ${folders.join(' ')}` };
}

function checkSecrets(root: string, entries: readonly Entry[]): Finding {
  const id = 'secrets';
  const why = 'A service does not start without its files, and is to have no other’s.';
  const names = new Set(entries.map(({ name }) => name));
  const ofLogs = [...names].filter((name) => [hostFolders.keys, secretsOfLedger].includes(dirname(name)));
  const copies = listSecretCopies(findLogKeys(ofLogs.map((name) => basename(name))));
  const missing = copies.flatMap((copy) => [copyPath(copy), `${hostFolders.keys}/${copy.file}`]);
  const gone = [...new Set(missing)].filter((name) => !names.has(name));
  const folders = dataFolders.map((name) => `${hostFolders.data}/${name}`).filter((name) => !names.has(name));
  if (gone.length + folders.length > 0) {
    const found = `Missing: ${listNames([...gone, ...folders])}.`;
    return { id, severity: 'fail', found, why, fix: `lucid setup --root ${root}` };
  }
  const differing = copies.filter((copy) => {
    return !readFileSync(join(root, copyPath(copy))).equals(readFileSync(join(root, hostFolders.keys, copy.file)));
  });
  if (differing.length > 0) {
    const found = `Not the same as in ${hostFolders.keys}: ${listNames(differing.map(copyPath))}.`;
    return { id, severity: 'fail', found, why, fix: `lucid setup --root ${root} says what to do with each.` };
  }
  const expected = new Set(copies.map(copyPath));
  const extra = entries.filter(
    ({ name, isFolder }) => name.startsWith(`${hostFolders.secrets}/`) && !isFolder && !expected.has(name),
  );
  if (extra.length === 0) return { id, severity: 'ok', found: `${copies.length} files, each as in keys.`, why };
  const found = `Given, and not to be: ${listNames(extra.map(({ name }) => name))}.`;
  return { id, severity: 'warn', found, why, fix: `rm ${extra.map(({ name }) => join(root, name)).join(' ')}` };
}

function backupFinding(root: string): Finding {
  return {
    id: 'keys-backup',
    severity: 'info',
    found: `When ${join(root, hostFolders.keys)} was last backed up is not recorded anywhere.`,
    why: 'Without its keys a platform cannot go on; whoever has them is the platform.',
    fix: `Sealed, and kept elsewhere: sudo tar -C ${root} -c ${hostFolders.keys} | age --passphrase > lucid-keys.age`,
  };
}

/** The root, its folders, and all that is in keys and secrets. What is in the data folders is the services' own. */
function listEntries(root: string): Entry[] {
  const { keys, secrets, data } = hostFolders;
  const names = [
    '',
    ...Object.values(hostFolders),
    ...listDeep(root, keys),
    ...listDeep(root, secrets),
    ...listFlat(root, data),
  ];
  return names.flatMap((name) => {
    const found = lstatSync(join(root, name), { throwIfNoEntry: false });
    if (!found) return [];
    return [{ name, uid: found.uid, mode: found.mode, isFolder: found.isDirectory(), isLink: found.isSymbolicLink() }];
  });
}

function listFlat(root: string, folder: string): string[] {
  if (!lstatSync(join(root, folder), { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
}

function listDeep(root: string, folder: string): string[] {
  return listFlat(root, folder).flatMap((name) => [name, ...listDeep(root, name)]);
}

function listNames(names: readonly string[]): string {
  const more = names.length - namedMax;
  return `${names.slice(0, namedMax).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
