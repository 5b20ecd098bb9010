import { readFile } from 'node:fs/promises';
import { pollCheckpoints, streamCheckpoints } from '@lucid/client/log/checkpoint-feed';
import { type FollowedCheckpoint, followLog } from '@lucid/client/log/follow-log';
import { writeDurably } from '@lucid/client/recorder/durable-file';
import { toHex } from '@lucid/common/formats/bytes';
import type { Run } from '../command.ts';
import { type LogOptions, openLocation, readPolicy } from '../ledger/log-location.ts';
import { isErrno } from '../setup/private-file.ts';

interface FollowOptions extends LogOptions {
  readonly keep?: string;
  readonly count?: number;
  readonly pollSec: number;
}

/** Prints each new checkpoint of a log once it is known to append to the one before, a line each. */
export const run: Run<FollowOptions> = async (context, output, options, name) => {
  const { keep, count = Number.POSITIVE_INFINITY } = options;
  const policy = await readPolicy(context, options);
  const { source, http } = await openLocation(context, options, name);
  const feedOptions = {
    pollMs: options.pollSec * 1000,
    onAway: ({ message }: Error) => output.note(`${message} It is tried again.`),
  };
  const feed = http ? streamCheckpoints(http, feedOptions) : pollCheckpoints(source, feedOptions);
  const earlier = keep === undefined ? undefined : await readKept(keep);
  const signal = context.onInterrupt();
  let seen = 0;
  for await (const followed of followLog({
    source,
    feed,
    policy,
    signal,
    ...(earlier === undefined ? {} : { earlier }),
  })) {
    if (keep !== undefined) await writeDurably(keep, followed.note);
    context.stdout.write(output.isJson ? `${JSON.stringify(resultOf(followed))}\n` : `${textOf(followed)}\n`);
    seen += 1;
    if (seen >= count) return;
  }
};

async function readKept(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function resultOf({ note, checkpoint, containedSize }: FollowedCheckpoint) {
  const { origin, treeSize, rootHash, verified } = checkpoint;
  const signers = verified.map(({ verifier }) => verifier.name);
  return { origin, treeSize, rootHash: toHex(rootHash), containedSize, signers, note };
}

function textOf(followed: FollowedCheckpoint): string {
  const { treeSize, rootHash, containedSize } = resultOf(followed);
  const grown = containedSize === undefined ? 'first seen' : `appends to ${containedSize}`;
  return `${new Date().toISOString()}  ${treeSize} entries  ${rootHash}  ${grown}`;
}
