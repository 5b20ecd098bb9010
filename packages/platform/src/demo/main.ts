import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { choosePolicy } from '@lucid/cli/recording/session-policy';
import { AppError } from '@lucid/common/errors';
import { encodeLogPolicy } from '@lucid/common/formats/policy';
import { createLogger } from '@lucid/common/runtime/logger';
import { startPlatform } from '../platform.ts';
import { findFirstPort, portsFrom } from '../ports.ts';
import { connect } from './connect.ts';
import { changeParameter, showObedience } from './govern.ts';
import { readHistory } from './history.ts';
import { createNarrator, type Narrator } from './narrator.ts';
import { exportBundle, offerChunk, recordAndSeal, showRefusal, verifyAloud } from './prove.ts';
import { readTerminal, terminalContent } from './terminal.ts';

// `pnpm demo`: the main job, told step by step, on a platform of its own or on the one that --url names.

const usage = `pnpm demo [--url http://127.0.0.1:8082 [--api-key KEY]] [--keys .data/keys] [--keep FILE]

  --url      the gateway of a running platform; without it the demo runs one of its own
  --api-key  a key of a user; without it the demo registers the first administrator
  --keys     folder with member.key (and setup-code) of the running platform
  --keep     where to leave the proof bundle; the trust file is put beside it`;

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const historyBytes = 48 * 1024 * 1024;
const smallChunkBytes = 2 * 1024 * 1024;

/** Where the platform is, and how to end it when it is the demo's own. */
interface Stage {
  readonly gatewayUrl: string;
  readonly keysFolder: string;
  readonly close: (() => Promise<void>) | undefined;
}

async function startOwn(folder: string): Promise<Stage> {
  const platform = await startPlatform({
    dataDir: join(folder, 'platform'),
    logger: createLogger({ name: 'demo', level: 'error' }),
    ports: portsFrom(await findFirstPort()),
  });
  return {
    gatewayUrl: platform.urls.gateway,
    keysFolder: platform.keys.folder,
    close: async () => await platform[Symbol.asyncDispose](),
  };
}

interface Options {
  readonly url?: string;
  readonly 'api-key'?: string;
  readonly keys: string;
  readonly keep?: string;
}

async function play(options: Options, folder: string, narrator: Narrator): Promise<void> {
  const stage = await narrator.step('A platform', async (say) => {
    const running = options.url && { gatewayUrl: options.url, keysFolder: options.keys, close: undefined };
    const found = running || (await startOwn(folder));
    say(`nine services ready; gateway ${found.gatewayUrl}`);
    return found;
  });
  try {
    await playOn(stage, options, folder, narrator);
  } finally {
    await stage.close?.();
  }
}

async function playOn(stage: Stage, options: Options, folder: string, narrator: Narrator): Promise<void> {
  const connection = await narrator.step('Sign in', async (say) => {
    const made = await connect(stage.gatewayUrl, stage.keysFolder, options['api-key']);
    const me = await made.client.identity.getMe();
    say(`${me.name}, ${me.roles.join(' and ')}; the founding member is ${made.member.address}`);
    return { ...made, me };
  });
  const { client } = connection;
  const { policyHash } = await choosePolicy(client, connection.me, {});
  const { verifierKey } = await client.ledger.getLogKey();
  const policy = encodeLogPolicy(verifierKey);

  const history = await narrator.step('Record this repository’s history and seal it', (say) =>
    recordAndSeal(
      client,
      {
        policyHash,
        content: 'application/x-tar',
        labels: ['demo', 'history'],
        source: readHistory(root, historyBytes),
        folder: join(folder, 'history'),
      },
      say,
    ),
  );
  const terminal = await narrator.step('Record a terminal session, live, and seal it', (say) =>
    recordAndSeal(
      client,
      {
        policyHash,
        content: terminalContent,
        labels: ['demo', 'terminal'],
        source: readTerminal(say),
        folder: join(folder, 'terminal'),
      },
      say,
    ),
  );
  const bundle = await narrator.step('Anchor and export the history', (say) => exportBundle(client, history, say));
  const second = await narrator.step('Anchor and export the terminal session', (say) =>
    exportBundle(client, terminal, say),
  );
  await narrator.step('Change a parameter by vote', (say) => changeParameter(connection, smallChunkBytes, say));
  await narrator.step('The services obey', (say) =>
    showObedience(
      () => offerChunk(client, { policyHash, folder: join(folder, 'offer'), bytes: 2 * smallChunkBytes }),
      say,
    ),
  );
  const { close } = stage;
  if (close) {
    await narrator.step('Switch the platform off', async (say) => {
      await close();
      say('nothing listens any more; what follows needs no network');
    });
  }
  await narrator.step('Verify the history’s bundle offline', (say) => verifyAloud(bundle, policy, say));
  await narrator.step('Verify the terminal session’s bundle offline', (say) => verifyAloud(second, policy, say));
  await narrator.step('Flip one bit', (say) => showRefusal(bundle, policy, say));
  if (options.keep !== undefined) {
    await writeFile(options.keep, bundle);
    await writeFile(`${options.keep}.policy`, policy);
    console.log(`\nCheck it yourself: npx -y pnpm lucid verify ${options.keep} --trust ${options.keep}.policy`);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      'api-key': { type: 'string' },
      keys: { type: 'string', default: '.data/keys' },
      keep: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(usage);
    return;
  }
  const narrator = createNarrator((line) => console.log(line));
  const folder = await mkdtemp(join(tmpdir(), 'lucid-demo-'));
  try {
    await play(values, folder, narrator);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  console.log(`\nAll of it held, in ${narrator.totalSeconds().toFixed(1)} s.`);
}

main().catch((error: unknown) => {
  console.error(error instanceof AppError ? `\n✗ ${error.code}: ${error.message}` : error);
  process.exitCode = 1;
});
