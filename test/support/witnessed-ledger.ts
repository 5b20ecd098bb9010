import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { ledgerApi } from '@lucid/common/apis/ledger';
import { toHex, utf8 } from '@lucid/common/formats/bytes';
import { sha256 } from '@lucid/common/formats/sha256';
import { type Client, createClient } from '@lucid/common/http/client';
import { createServiceTokenIssuer, parseServiceKey } from '@lucid/common/http/tokens';
import { openCosigningKeys } from '@lucid/ledger/domain/cosigning-key';
import { type LogKey, openLogKey } from '@lucid/ledger/domain/log-key';
import { LedgerProcess } from '../../services/ledger/test/support/ledger-process.ts';

const newPem = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** A port that was free a moment ago: a ledger that comes back must be where its witnesses' policies say. */
async function findPort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** One of several ledgers that witness each other: its keys and its place are settled before the first start. */
export class WitnessedLedger {
  readonly name: string;
  readonly key: LogKey;
  readonly witnessKey: string;
  readonly url: string;
  readonly client: Client<typeof ledgerApi.operations>;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(
    name: string,
    env: Readonly<Record<string, string>>,
    keys: { log: string; witness: string; service: string },
  ) {
    this.name = name;
    this.#env = env;
    this.key = openLogKey(`${name}.test/lucid/lucid`, keys.log);
    this.witnessKey = openCosigningKeys(`${name}.test/lucid/witness`, keys.witness, () => 1)[0]?.vkey ?? '';
    this.url = `http://127.0.0.1:${env['LEDGER_PORT']}`;
    const issueToken = createServiceTokenIssuer(parseServiceKey(keys.service), 'sessions');
    this.client = createClient(ledgerApi, { baseUrl: this.url, token: () => issueToken('ledger'), attemptsMax: 1 });
  }

  static async create(folder: string, name: string): Promise<WitnessedLedger> {
    await mkdir(folder);
    const keys = { log: newPem(), witness: newPem(), service: newPem() };
    const file = (kind: string) => join(folder, kind);
    for (const [kind, pem] of Object.entries(keys)) await writeFile(file(`${kind}.key`), pem, { mode: 0o600 });
    const env = {
      LEDGER_PORT: String(await findPort()),
      LEDGER_DATA_DIR: file('data'),
      LEDGER_ORIGIN_HOST: `${name}.test`,
      LEDGER_KEY_FILE: file('log.key'),
      SERVICE_KEY_FILE: file('service.key'),
      LEDGER_WITNESS_KEY_FILE: file('witness.key'),
      LEDGER_WITNESS_LOGS_FILE: file('logs'),
      LEDGER_WITNESS_POLICY_FILE: file('policy'),
      LEDGER_WITNESS_CHECKPOINTS_PER_MINUTE: '1000000',
      LEDGER_WITNESS_GRACE_MS: '0',
    };
    return new WitnessedLedger(name, env, keys);
  }

  /** What must hold of this ledger's checkpoints when `witness` is the one that cosigns them. */
  policyWith(witness: WitnessedLedger): string {
    const { verifierKey } = this.key;
    return `log ${verifierKey}\nwitness other ${witness.witnessKey} ${witness.url}/witness\nquorum other\n`;
  }

  /** Settles who cosigns this ledger's checkpoints, and whose it cosigns. */
  async meet(other: WitnessedLedger): Promise<void> {
    await writeFile(this.#env['LEDGER_WITNESS_POLICY_FILE'] ?? '', this.policyWith(other));
    await writeFile(this.#env['LEDGER_WITNESS_LOGS_FILE'] ?? '', `logs/v0\nvkey ${other.key.verifierKey}\n`);
  }

  async start(): Promise<LedgerProcess> {
    const child = new LedgerProcess(this.#env);
    await child.ready;
    return child;
  }

  /** What this ledger's witness cosigned of another log last; undefined for nothing. */
  async cosigned(other: WitnessedLedger): Promise<string | undefined> {
    const answer = await fetch(`${this.url}/witness/${toHex(sha256(utf8(other.key.origin)))}/checkpoint`);
    return answer.status === 404 ? undefined : await answer.text();
  }

  /** Asks this ledger's witness for a cosignature, with whatever body; answers the status. */
  async addCheckpoint(body: string): Promise<number> {
    const answer = await fetch(`${this.url}/witness/add-checkpoint`, { method: 'POST', body });
    await answer.arrayBuffer();
    return answer.status;
  }
}
