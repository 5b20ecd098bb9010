import { ledgerApi, ledgerBatchMax, ledgerEntryBytesMax } from '@lucid/common/apis/ledger';
import { toHex } from '@lucid/common/formats/bytes';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import type { LogHost } from '../domain/log-host.ts';
import { verifyLog } from '../domain/verify-log.ts';
import { ledgerError } from '../errors.ts';

/** Who the log is, and whether all of it holds. */
export async function logRoutes(app: FastifyInstance, { host }: { host: LogHost }): Promise<void> {
  let isVerifying = false;
  await implement(app, ledgerApi, {
    getLogKey: () => {
      const { key, published } = host.log;
      return {
        origin: key.origin,
        verifierKey: key.verifierKey,
        treeSize: published.treeSize,
        rootHash: toHex(published.rootHash),
        entryBytesMax: ledgerEntryBytesMax,
        batchMax: ledgerBatchMax,
      };
    },
    verifyLog: async () => {
      if (isVerifying) throw ledgerError('LEDGER_VERIFY_RUNNING', 'The log is being verified already');
      isVerifying = true;
      try {
        const report = await verifyLog(host.log);
        return { ...report, rootHash: toHex(report.rootHash), problems: [...report.problems] };
      } finally {
        isVerifying = false;
      }
    },
  });
}
