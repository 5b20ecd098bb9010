import { resolve } from 'node:path';
import type { Output } from '../output.ts';
import { type NameRoot, nameRootInError } from '../root-name.ts';
import { claimFolder } from '../setup/claim.ts';
import { serviceUser } from '../setup/host-layout.ts';

/** Gives one folder to the services' user; the only part of a setup that needs root. */
export async function runClaim(output: Output, path: string, name: NameRoot): Promise<void> {
  const claim = await claimFolder(path).catch((error: unknown) => {
    throw nameRootInError(error, name);
  });
  const { uid, gid } = serviceUser;
  const text = claim === 'claimed' ? `is now owned by ${uid}:${gid}` : `is owned by user ${uid} already`;
  output.result({ folder: resolve(path), claim, uid, gid }, name(`${resolve(path)} ${text}.`));
}
