/** The thread that executes calls: reads the durable chain, writes nothing, and may be ended in the middle of one. */
import { openLevelStore } from '@lucid/common/storage/level-store';
import type { Thread } from './chain-thread.ts';
import { ZERO_ADDRESS } from './domain/bytes.ts';
import { CallRunner } from './domain/call/call-runner.ts';
import type { ChainClock } from './domain/chain/chain.ts';
import { createEngine } from './domain/chain/engine.ts';
import { createRules } from './domain/chain/rules.ts';
import { type CallParts, callMethods } from './domain/rpc/call-methods.ts';
import { traceMethods } from './domain/rpc/trace-methods.ts';
import { JournaledState } from './domain/state/journaled-state.ts';
import { createStateReader } from './domain/state/state-reader.ts';
import { parseGenesisFile } from './genesis-file.ts';
import type { ChainSettings } from './settings.ts';
import { LevelChainStore } from './store/chain-store.ts';

/** Opens the chain's folder beside the thread that writes it. */
export async function openCallThread(settings: ChainSettings, clock: ChainClock): Promise<Thread> {
  const { chainId } = parseGenesisFile(settings.genesisText);
  const db = await openLevelStore(settings.folder, { sharedByThreads: true });
  const store = new LevelChainStore(db, settings);
  const head = store.findBlock(store.headNumber());
  const state = new JournaledState(store, head?.header.stateRoot);
  const engine = await createEngine(createRules(chainId), state, (blockNumber) => store.findBlock(blockNumber)?.hash);
  const parts: CallParts = {
    reader: store,
    runner: new CallRunner(engine),
    options: { gasLimit: BigInt(settings.blockGasLimit), coinbase: ZERO_ADDRESS },
    gasMax: BigInt(settings.callGasMax),
    now: () => clock.now(),
    stateAt: createStateReader(store),
  };
  const methods = { ...callMethods(parts), ...traceMethods(parts) };
  return { methods, [Symbol.asyncDispose]: () => db.close() };
}
