import { Block, createBlockHeader } from '@ethereumjs/block';
import { createTxFromRLP } from '@ethereumjs/tx';
import { Account, Address } from '@ethereumjs/util';
import { runTx } from '@ethereumjs/vm';
import { bytesToBig, fromHex, padLeft, toHex } from '@lucid/vm/domain/bytes';
import { createEngine, type Engine } from '@lucid/vm/domain/chain/engine';
import { createRules } from '@lucid/vm/domain/chain/rules';
import { keccak256 } from '@lucid/vm/domain/crypto';
import { encodeRlp } from '@lucid/vm/domain/rlp';
import { JournaledState, type SealedState } from '@lucid/vm/domain/state/journaled-state';

/** One case of an Ethereum state test: a pre-state, a transaction, and what must come of it under one fork. */
export interface StateCase {
  readonly name: string;
  readonly fork: string;
  readonly pre: Readonly<Record<string, PreAccount>>;
  readonly env: Readonly<Record<string, string>>;
  readonly post: PostState;
}

interface PreAccount {
  readonly nonce: string;
  readonly balance: string;
  readonly code: string;
  readonly storage: Readonly<Record<string, string>>;
}

interface PostState {
  readonly hash: string;
  readonly logs: string;
  readonly txbytes: string;
  readonly expectException?: string;
}

interface StateTestFile {
  readonly [name: string]: {
    readonly pre: StateCase['pre'];
    readonly env: StateCase['env'];
    readonly post: Readonly<Record<string, readonly PostState[]>>;
  };
}

/** The cases of a fixture file for one fork. */
export function casesOf(text: string, fork: string): StateCase[] {
  return Object.entries(JSON.parse(text) as StateTestFile).flatMap(([name, { pre, env, post }]) =>
    (post[fork] ?? []).map((expected) => ({ name, fork, pre, env, post: expected })),
  );
}

/** Runs a case on our state and trie; answers what went wrong, or undefined. */
export async function runCase(test: StateCase): Promise<string | undefined> {
  const rules = createRules(1, test.fork.toLowerCase());
  const sealed = new Map<string, Uint8Array>();
  const source = {
    getNode: (hash: Uint8Array) => sealed.get(toHex(hash)),
    getCode: (hash: Uint8Array) => sealed.get(toHex(hash)),
  };
  const keep = ({ nodes, codes }: SealedState): void => {
    for (const { hash, bytes } of [...nodes, ...codes]) sealed.set(toHex(hash), bytes);
  };
  const state = new JournaledState(source);
  await fill(state, test.pre);
  const before = state.seal();
  keep(before);
  // Opened anew, so that the transaction reads everything from trie nodes, as after a restart.
  state.reset(before.root);
  const engine = await createEngine(rules, state, (number) => keccak256(new TextEncoder().encode(String(number))));
  const failure = await apply(engine, test);
  const { root } = state.seal();
  if (toHex(root) !== test.post.hash) return `state root ${toHex(root)} (${failure.error ?? 'ran'})`;
  if (test.post.expectException !== undefined) {
    return failure.error === undefined ? `expected ${test.post.expectException}` : undefined;
  }
  if (failure.error !== undefined) return failure.error;
  return failure.logsHash === test.post.logs ? undefined : `logs hash ${failure.logsHash}`;
}

async function fill(state: JournaledState, pre: StateCase['pre']): Promise<void> {
  for (const [hex, { nonce, balance, code, storage }] of Object.entries(pre)) {
    const address = new Address(fromHex(hex));
    await state.putAccount(address, new Account(BigInt(nonce), BigInt(balance)));
    if (code.length > 2) await state.putCode(address, fromHex(code));
    for (const [slot, value] of Object.entries(storage)) {
      await state.putStorage(address, padLeft(fromHex(slot), 32), fromHex(value));
    }
  }
  state.originalStorageCache.clear();
}

async function apply(engine: Engine, test: StateCase): Promise<{ error?: string; logsHash?: string }> {
  const { rules } = engine;
  try {
    const tx = createTxFromRLP(fromHex(test.post.txbytes), { common: rules });
    if (!tx.isValid()) return { error: tx.getValidationErrors().join() };
    if ('blobVersionedHashes' in tx) {
      const blobGas = BigInt(tx.blobVersionedHashes.length) * rules.param('blobGasPerBlob');
      if (blobGas > rules.getBlobGasSchedule().maxBlobGasPerBlock) return { error: 'too many blobs' };
    }
    const { receipt } = await runTx(engine.vm, { tx, block: blockOf(engine, test.env), skipHardForkValidation: true });
    return { logsHash: toHex(keccak256(encodeRlp(receipt.logs))) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function blockOf({ rules }: Engine, env: StateCase['env']): Block {
  const quantity = (name: string): bigint => bytesToBig(fromHex(env[name] ?? '0x00'));
  const header = createBlockHeader(
    {
      number: quantity('currentNumber'),
      coinbase: new Address(fromHex(env['currentCoinbase'] ?? `0x${'00'.repeat(20)}`)),
      timestamp: quantity('currentTimestamp'),
      gasLimit: quantity('currentGasLimit'),
      mixHash: padLeft(fromHex(env['currentRandom'] ?? '0x00'), 32),
      baseFeePerGas: quantity('currentBaseFee'),
      excessBlobGas: quantity('currentExcessBlobGas'),
      blobGasUsed: 0n,
    },
    { common: rules },
  );
  return new Block(header, [], [], [], { common: rules });
}
