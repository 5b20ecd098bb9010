import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { explainMissing } from './process.ts';
import { type RelayNode, relayTorrc } from './torrc.ts';

const run = promisify(execFile);
/** Any authority: tor refuses a torrc of a test network without one, even to make its keys. */
const noAuthority = [`DirAuthority none 127.0.0.1:1 ${'F'.repeat(40)}`];

/** Makes an authority's keys in its folder and answers the `DirAuthority` line by which every other tor knows it. */
export async function makeAuthority(node: RelayNode): Promise<string> {
  const [identity, fingerprint] = await Promise.all([makeIdentity(node), makeRelayKeys(node)]);
  const address = `${node.address}:${node.dirPort}`;
  return `DirAuthority ${node.name} orport=${node.orPort} no-v2 v3ident=${identity} ${address} ${fingerprint}`;
}

/** The fingerprint of the key that signs an authority's votes. */
async function makeIdentity({ folder }: RelayNode): Promise<string> {
  const keys = join(folder, 'keys');
  await mkdir(keys, { mode: 0o700 });
  const certificate = join(keys, 'authority_certificate');
  const files = ['-i', join(keys, 'authority_identity_key'), '-s', join(keys, 'authority_signing_key')];
  const args = ['--create-identity-key', '--passphrase-fd', '0', ...files, '-c', certificate, '-m', '12'];
  const made = run('tor-gencert', args);
  made.child.stdin?.on('error', () => undefined).end('test\n');
  await made.catch((error: Error) => {
    throw explainMissing(error);
  });
  return match(/^fingerprint (\w+)$/m, await readFile(certificate, 'utf8'));
}

/** The fingerprint of the key an authority has as a relay. */
async function makeRelayKeys(node: RelayNode): Promise<string> {
  const torrc = join(node.folder, 'torrc.keys');
  await writeFile(torrc, relayTorrc({ ...node, isAuthority: false }, noAuthority));
  const { stdout } = await run('tor', ['--quiet', '-f', torrc, '--list-fingerprint']).catch((error: Error) => {
    throw explainMissing(error);
  });
  return match(/([\dA-F]{4}(?: [\dA-F]{4}){9})/, stdout).replaceAll(' ', '');
}

function match(pattern: RegExp, text: string): string {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`no ${pattern} in what tor made: ${text}`);
  return found;
}
