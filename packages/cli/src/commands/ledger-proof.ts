import { writeFile } from 'node:fs/promises';
import type { LucidClient } from '@lucid/client/lucid-client';
import { isAppError } from '@lucid/common/errors';
import { parseBase64, toHex } from '@lucid/common/formats/bytes';
import { leafHash, verifyInclusion } from '@lucid/common/formats/merkle';
import { openTrustedCheckpoint, parsePolicy } from '@lucid/common/formats/policy';
import { parseTlogProof } from '@lucid/common/formats/tlog-proof';
import type { Run } from '../command.ts';
import { connect } from '../connection.ts';
import { cliError } from '../errors.ts';
import { formatFields } from '../output.ts';
import { requireTrust } from '../trust.ts';

interface ProofOptions {
  readonly output?: string;
  readonly trust?: string;
}

/** Fetches an entry and its receipt, and checks that the receipt proves the entry under a trusted checkpoint. */
export const run: Run<ProofOptions> = async (context, output, options, entryName = '') => {
  const { client, gatewayUrl } = await connect(context, options);
  const policy = await requireTrust(context, options.trust, gatewayUrl);
  const leafIndex = await findIndex(client, entryName);
  const { entry } = await client.ledger.getEntry({ params: { leafIndex } });
  const receipt = await (await client.ledger.getReceipt({ params: { leafIndex } })).text();
  const bytes = parseBase64(entry);
  if (/^[0-9a-f]{64}$/.test(entryName) && toHex(leafHash(bytes)) !== entryName) {
    throw cliError('PROOF_INVALID', `The entry ${leafIndex} that was answered has another leaf hash.`);
  }
  const checkpoint = await verifyReceipt(receipt, leafIndex, bytes, policy);
  if (options.output !== undefined) await writeFile(options.output, receipt);
  const { origin, treeSize } = checkpoint;
  output.result(
    { leafIndex, leafHash: toHex(leafHash(bytes)), entry, origin, treeSize, isVerified: true, receipt },
    `${formatFields([
      ['entry', leafIndex],
      ['leaf hash', toHex(leafHash(bytes))],
      ['log', origin],
      ['tree size', treeSize],
      ['proof', 'holds'],
      ['written to', options.output],
    ])}${options.output === undefined ? `\n${receipt}` : ''}`,
  );
};

async function findIndex(client: LucidClient, name: string): Promise<number> {
  if (/^\d{1,15}$/.test(name)) return Number(name);
  if (/^[0-9a-f]{64}$/.test(name))
    return (await client.ledger.findEntryByHash({ params: { leafHash: name } })).leafIndex;
  if (!/^[0-9a-f-]{36}$/.test(name)) {
    throw cliError('USAGE_INVALID', 'Name an entry by its index, its leaf hash (64 hex digits) or a session id.');
  }
  const { seal, state } = await client.sessions.getSession({ params: { sessionId: name } });
  if (seal?.leafIndex !== undefined) return seal.leafIndex;
  throw cliError('PROOF_INVALID', `The session is ${state}: the ledger does not have it yet.`);
}

async function verifyReceipt(receipt: string, leafIndex: number, entry: Uint8Array, policy: string) {
  try {
    const proof = parseTlogProof(receipt);
    if (proof.leafIndex !== leafIndex) throw cliError('PROOF_INVALID', 'it is of another entry');
    const checkpoint = await openTrustedCheckpoint(proof.checkpoint, parsePolicy(policy));
    const { treeSize, rootHash } = checkpoint;
    verifyInclusion({ leafIndex, treeSize, leafHash: leafHash(entry), proof: proof.proof, rootHash });
    return checkpoint;
  } catch (cause) {
    if (!isAppError(cause)) throw cause;
    throw cliError('PROOF_INVALID', `The receipt does not hold: ${cause.message}.`, { cause });
  }
}
