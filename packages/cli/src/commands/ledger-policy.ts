import { isAppError } from '@lucid/common/errors';
import { openCheckpoint } from '@lucid/common/formats/checkpoint';
import type { NoteVerifier } from '@lucid/common/formats/note';
import { openTrustedCheckpoint, type TlogPolicy } from '@lucid/common/formats/policy';
import { parseTlogProof } from '@lucid/common/formats/tlog-proof';
import type { Run } from '../command.ts';
import { cliError, exitCodes } from '../errors.ts';
import { parsePolicyText } from '../ledger/log-location.ts';
import { formatFields, formatTable } from '../output.ts';
import { readInput } from '../trust.ts';

interface PolicyOptions {
  readonly checkpoint?: string;
  readonly receipt?: string;
}

/** With more witnesses than this the sets that would do are not counted. */
const countedMax = 16;

/** Shows who must sign under a trust file, and holds a checkpoint or a receipt against it. */
export const run: Run<PolicyOptions> = async (_context, output, options, file = '') => {
  const policy = parsePolicyText(await readInput(file));
  const note = await readNote(options);
  const shown = describe(policy);
  const tested = note === undefined ? undefined : await testNote(note, policy);
  output.result(
    { ...shown, ...(tested ? { tested } : {}) },
    [
      formatTable(
        ['KEY', 'OF', 'NAME', 'MUST SIGN', ...(tested ? ['SIGNED'] : [])],
        [...shown.logs, ...shown.witnesses].map((key) => [
          key.keyId,
          key.of,
          key.name,
          key.isRequired ? 'yes' : 'no',
          ...(tested ? [tested.signed.find(({ keyId }) => keyId === key.keyId)?.at ?? ''] : []),
        ]),
      ),
      formatFields([
        ['quorum', quorumText(shown)],
        ['checkpoint', tested && `${tested.origin ?? 'of no known log'}, ${tested.treeSize ?? '?'} entries`],
        ['under this policy', tested && (tested.ok ? 'trusted' : `refused: ${tested.code}: ${tested.detail}`)],
      ]),
    ].join('\n'),
  );
  return tested && !tested.ok ? exitCodes.unproven : exitCodes.ok;
};

async function readNote({ checkpoint, receipt }: PolicyOptions): Promise<string | undefined> {
  if (checkpoint !== undefined && receipt !== undefined) {
    throw cliError('USAGE_INVALID', 'Test one at a time: --checkpoint FILE or --receipt FILE.');
  }
  if (checkpoint !== undefined) return (await readInput(checkpoint)).toString('utf8');
  if (receipt === undefined) return undefined;
  try {
    return parseTlogProof(await readInput(receipt)).checkpoint;
  } catch (cause) {
    if (!isAppError(cause) || cause.code === 'FILE_UNREADABLE') throw cause;
    throw cliError('PROOF_INVALID', `The receipt cannot be read: ${cause.message}.`, { cause });
  }
}

type Described = ReturnType<typeof describe>;

function describe({ logs, witnesses, isQuorum }: TlogPolicy) {
  const all = new Set(witnesses);
  const view = (verifier: NoteVerifier, of: 'log' | 'witness', isRequired: boolean) => ({
    name: verifier.name,
    keyId: verifier.keyId,
    of,
    isRequired,
  });
  return {
    logs: logs.map((log) => view(log, 'log', logs.length === 1)),
    witnesses: witnesses.map((one) =>
      view(one, 'witness', !isQuorum(new Set(witnesses.filter((other) => other !== one)))),
    ),
    canBeMet: isQuorum(all),
    cosignersMin: fewestCosigners(witnesses, isQuorum),
  };
}

/** How many witnesses do at least; undefined where no set does, or there are too many sets to look at. */
function fewestCosigners(witnesses: readonly NoteVerifier[], isQuorum: TlogPolicy['isQuorum']): number | undefined {
  if (witnesses.length > countedMax) return undefined;
  let fewest: number | undefined;
  for (let set = 0; set < 2 ** witnesses.length; set += 1) {
    const chosen = witnesses.filter((_, at) => (set >> at) & 1);
    if (chosen.length < (fewest ?? Number.POSITIVE_INFINITY) && isQuorum(new Set(chosen))) fewest = chosen.length;
  }
  return fewest;
}

function quorumText({ witnesses, canBeMet, cosignersMin }: Described): string {
  if (!canBeMet) return 'can never be met';
  if (cosignersMin === 0) return 'no witness is needed';
  return `at least ${cosignersMin ?? 'some'} of ${witnesses.length} witnesses`;
}

async function testNote(note: string, policy: TlogPolicy) {
  const opened = await openCheckpoint(note, policy.logs, policy.witnesses).catch(() => undefined);
  const signed = (opened?.verified ?? []).map(({ verifier: { keyId, name }, timestampSec }) => ({
    keyId,
    name,
    at: timestampSec === undefined ? 'yes' : new Date(timestampSec * 1000).toISOString(),
  }));
  const { origin, treeSize } = opened ?? {};
  try {
    await openTrustedCheckpoint(note, policy);
    return { ok: true, origin, treeSize, signed };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { ok: false, code: error.code, detail: error.message, origin, treeSize, signed };
  }
}
