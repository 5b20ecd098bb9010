import { defineConfig } from '@lucid/common/runtime/config';

/** The variables of the ledger's two sides of witnessing: being witnessed, and being a witness. Both are off unless set. */
export const witnessVariables = defineConfig({
  witnessPolicy: {
    name: 'LEDGER_WITNESS_POLICY_FILE',
    type: 'path',
    optional: true,
    doc: 'Policy (c2sp.org/tlog-policy, witnesses with their URLs) that a checkpoint must meet before it is published',
  },
  witnessTimeoutMs: {
    name: 'LEDGER_WITNESS_TIMEOUT_MS',
    type: 'durationMs',
    default: 10_000,
    min: 10,
    max: 300_000,
    doc: 'How long one request to a witness may take; more for one behind an onion address',
  },
  witnessGraceMs: {
    name: 'LEDGER_WITNESS_GRACE_MS',
    type: 'durationMs',
    default: 100,
    max: 60_000,
    doc: 'How long cosignatures beyond the policy are waited for once it is met',
  },
  witnessSocks: {
    name: 'LEDGER_WITNESS_SOCKS',
    type: 'string',
    optional: true,
    doc: 'SOCKS5 proxy, `HOST:PORT` or `unix:PATH`, through which witnesses at onion addresses are reached',
  },
  witnessKey: {
    name: 'LEDGER_WITNESS_KEY_FILE',
    type: 'secretFile',
    optional: true,
    doc: 'Private key (PKCS#8 PEM; Ed25519, ML-DSA-44, or one of each) that cosigns other logs; makes this ledger a witness',
  },
  witnessName: {
    name: 'LEDGER_WITNESS_NAME',
    type: 'string',
    optional: true,
    doc: 'Name of the witness in its cosignatures; `<LEDGER_ORIGIN_HOST>/lucid/witness` without it',
  },
  witnessLogs: {
    name: 'LEDGER_WITNESS_LOGS_FILE',
    type: 'path',
    optional: true,
    doc: 'Logs that are cosigned: `logs/v0`, then a `vkey` line each, with `origin` and `qpd` lines where need be',
  },
  witnessPerMinute: {
    name: 'LEDGER_WITNESS_CHECKPOINTS_PER_MINUTE',
    type: 'integer',
    default: 600,
    min: 1,
    max: 1_000_000,
    doc: 'New checkpoints that are taken from one log, unless its `qpd` line says how many a day',
  },
});
