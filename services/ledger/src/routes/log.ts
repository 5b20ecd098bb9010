import { ledgerApi } from '@lucid/common/apis/ledger';
import { ledgerBatchMax, ledgerEntryBytesMax } from '@lucid/common/apis/ledger-schemas';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import { verifyLog } from '../domain/verify-log.ts';
import { ledgerError } from '../errors.ts';
import { hexOf } from './hex.ts';
import { implementForLogs, type ServedLog, type ServedLogs } from './served-logs.ts';

/** Which logs there are, who each is, and whether all of it holds. */
export async function logRoutes(app: FastifyInstance, { logs }: { logs: ServedLogs }): Promise<void> {
  await implement(app, ledgerApi, { listLogs: () => ({ items: logs.all.map(summaryOf) }) });
  await implementForLogs(app, logs, {
    getLogKey: (_input, { name, host }) => {
      const { key, published } = host.log;
      return {
        name,
        origin: key.origin,
        verifierKey: key.verifierKey,
        ...(key.second ? { mlDsaVerifierKey: key.second.vkey } : {}),
        treeSize: published.treeSize,
        rootHash: hexOf(published.rootHash),
        entryBytesMax: ledgerEntryBytesMax,
        batchMax: ledgerBatchMax,
      };
    },
    verifyLog: async (_input, served) => {
      if (served.isVerifying) throw ledgerError('LEDGER_VERIFY_RUNNING', 'The log is being verified already');
      served.isVerifying = true;
      try {
        const report = await verifyLog(served.host.log);
        return { ...report, rootHash: hexOf(report.rootHash), problems: [...report.problems] };
      } finally {
        served.isVerifying = false;
      }
    },
  });
}

/** A log that is being reopened is listed all the same. */
function summaryOf({ name, host }: ServedLog) {
  const summary = { name, path: `/logs/${name}` };
  try {
    const { key, published } = host.log;
    return { ...summary, isAvailable: true, origin: key.origin, treeSize: published.treeSize };
  } catch {
    return { ...summary, isAvailable: false };
  }
}
