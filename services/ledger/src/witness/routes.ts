import { ledgerApi } from '@lucid/common/apis/ledger';
import { encodeSize, TLOG_SIZE_MEDIA_TYPE } from '@lucid/common/formats/add-checkpoint';
import { parseHex } from '@lucid/common/formats/bytes';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import { ledgerError } from '../errors.ts';
import type { Witness } from './witness.ts';

const text = 'text/plain; charset=utf-8';

/** The witness endpoint (c2sp.org/tlog-witness); without a witness every route says that there is none. */
export async function witnessRoutes(
  app: FastifyInstance,
  { witness }: { witness: Witness | undefined },
): Promise<void> {
  const required = (): Witness => {
    if (witness) return witness;
    throw ledgerError('LEDGER_WITNESS_OFF', 'This ledger is no witness');
  };
  await implement(app, ledgerApi, {
    addCheckpoint: async ({ body, reply }) => {
      const verdict = await required().addCheckpoint(Buffer.isBuffer(body) ? body : Buffer.alloc(0));
      reply.header('cache-control', 'no-store');
      if ('cosignatures' in verdict) return reply.type(text).send(verdict.cosignatures);
      return reply.code(409).type(TLOG_SIZE_MEDIA_TYPE).send(encodeSize(verdict.conflictSize));
    },
    getWitnessedCheckpoint: async ({ params, reply }) => {
      const note = await required().findCheckpoint(parseHex(params.originHash, 32));
      if (note === undefined)
        throw ledgerError('LEDGER_WITNESS_CHECKPOINT_NOT_FOUND', 'No such checkpoint was cosigned');
      return reply.type(text).header('cache-control', 'no-cache').send(note);
    },
    getWitness: () => {
      const { keys, origins } = required();
      return { name: keys[0]?.signer.name ?? '', verifierKeys: keys.map(({ vkey }) => vkey), origins };
    },
  });
}
