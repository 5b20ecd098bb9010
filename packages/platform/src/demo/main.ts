import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { choosePolicy } from '@lucid/cli/recording/session-policy';
import { readWalletKey } from '@lucid/cli/setup/keys';
import type { LucidClient } from '@lucid/client/lucid-client';
import { AppError } from '@lucid/common/errors';
import { encodeLogPolicy } from '@lucid/common/formats/policy';
import { createLogger } from '@lucid/common/runtime/logger';
import { Wallet } from 'ethers';
import { startPlatform } from '../platform.ts';
import { findFirstPort, portsFrom } from '../ports.ts';
import { connect } from './connect.ts';
import { changeParameter, readLimits, showObedience } from './govern.ts';
import { readHistory } from './history.ts';
import { createNarrator, formatSpan, type Narrator } from './narrator.ts';
import { type DemoOptions, keyFilesIn, parseDemoOptions, usage } from './options.ts';
import { exportBundle, offerChunk, recordAndSeal, showRefusal, verifyAloud } from './prove.ts';
import { readTerminal, terminalContent } from './terminal.ts';

// `pnpm demo`: the main job, told step by step, on a platform of its own or on the one that --url names.

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const historyBytes = 48 * 1024 * 1024;
/** Unless the platform takes less. */
const recordedChunkBytes = 4 * 1024 * 1024;
/** Nobody watches a longer vote. */
const voteSecMax = 120;

/** Where the platform is, and how to end it when it is the demo's own. */
interface Stage {
  readonly gatewayUrl: string;
  readonly options: DemoOptions;
  readonly close: (() => Promise<void>) | undefined;
}

async function startOwn(folder: string, options: DemoOptions): Promise<Stage> {
  const platform = await startPlatform({
    dataDir: join(folder, 'platform'),
    logger: createLogger({ name: 'demo', level: 'error' }),
    ports: portsFrom(await findFirstPort()),
  });
  return {
    gatewayUrl: platform.urls.gateway,
    options: { ...options, ...keyFilesIn(platform.keys.folder) },
    close: async () => await platform[Symbol.asyncDispose](),
  };
}

async function play(options: DemoOptions, folder: string, narrator: Narrator): Promise<void> {
  const stage = await narrator.step('A platform', async (say) => {
    const running = options.url && { gatewayUrl: options.url, options, close: undefined };
    const found = running || (await startOwn(folder, options));
    say(`gateway ${found.gatewayUrl}`);
    return found;
  });
  try {
    await playOn(stage, folder, narrator);
  } finally {
    await stage.close?.();
  }
}

async function playOn({ gatewayUrl, options, close }: Stage, folder: string, narrator: Narrator): Promise<void> {
  const { client, me } = await narrator.step('Sign in', async (say) => {
    const client = await connect(gatewayUrl, options);
    const me = await client.identity.getMe();
    say(`${me.name}, ${me.roles.join(' and ')}`);
    return { client, me };
  });
  const { policyHash } = await choosePolicy(client, me, {});
  const { verifierKey } = await client.ledger.getLogKey();
  const policy = encodeLogPolicy(verifierKey);
  const limits = await readLimits(client);
  const chunkBytes = Math.min(recordedChunkBytes, limits.chunkBytesMax);

  const history = await narrator.step('Record this repository’s history and seal it', (say) =>
    recordAndSeal(
      client,
      {
        policyHash,
        chunkBytes,
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
        chunkBytes,
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
  if (limits.voteSec > voteSecMax) {
    console.log(`\nNot shown: changing a parameter by vote. On this chain a vote takes ${formatSpan(limits.voteSec)}.`);
  } else {
    await govern(client, { memberKeyFile: options.memberKeyFile, policyHash, folder }, narrator);
  }
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

async function govern(
  client: LucidClient,
  { memberKeyFile, policyHash, folder }: { memberKeyFile: string; policyHash: string; folder: string },
  narrator: Narrator,
): Promise<void> {
  const change = await narrator.step('Change a parameter by vote', async (say) =>
    changeParameter(client, new Wallet(await readWalletKey(memberKeyFile)), say),
  );
  await narrator.step('The services obey', (say) =>
    showObedience(change, (bytes) => offerChunk(client, { policyHash, folder: join(folder, 'offer'), bytes }), say),
  );
}

async function main(): Promise<void> {
  const options = parseDemoOptions(process.argv.slice(2));
  if (!options) {
    console.log(usage);
    return;
  }
  const narrator = createNarrator((line) => console.log(line));
  const folder = await mkdtemp(join(tmpdir(), 'lucid-demo-'));
  try {
    await play(options, folder, narrator);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  console.log(`\nAll of it held, in ${narrator.totalSeconds().toFixed(1)} s.`);
}

main().catch((error: unknown) => {
  console.error(error instanceof AppError ? `\n✗ ${error.code}: ${error.message}` : error);
  process.exitCode = 1;
});
