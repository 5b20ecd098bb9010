/** The ledger, as the chain needs it: somewhere block headers are put beyond anybody's reach. */
import { ledgerApi } from '@lucid/common/apis/ledger';
import { createServiceClient } from '@lucid/common/http/service-client';
import { createServiceTokenIssuer, parseServiceKey } from '@lucid/common/http/tokens';
import type { Deliver } from '@lucid/common/storage/outbox';

/** A block header on its way: the canonical bytes of a `lucid/block@1` entry, base64. Its message id is the block hash. */
export type BlockNotice = { readonly blockNumber: number; readonly entry: string };

/** Delivers notices; the block hash as Idempotency-Key makes a repeated one the same entry. */
export function deliverToLedger(options: { url: string; serviceKeyPem: string }): Deliver<BlockNotice> {
  const issueToken = createServiceTokenIssuer(parseServiceKey(options.serviceKeyPem), 'vm');
  const ledger = createServiceClient(ledgerApi, { baseUrl: options.url, issueToken, attemptsMax: 1 });
  return ({ id, payload }, signal) =>
    ledger.appendEntry({ body: { entry: payload.entry } }, { idempotencyKey: id, signal });
}
