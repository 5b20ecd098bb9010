import assert from 'node:assert/strict';
import { applyLogs } from './apply-logs.ts';
import type { ChainBlock, ChainReader } from './chain.ts';
import type { CurrentState, GovernanceIndex, IndexPosition } from './governance-index.ts';
import type { ParamChangeRecord, ProposalRecord } from './model.ts';

export interface IndexerOptions {
  readonly chain: ChainReader;
  readonly index: GovernanceIndex;
  /** Blocks read at a time. */
  readonly syncBlocks: number;
  /** Told when the index is of another chain and is built anew. */
  readonly onRebuild?: () => void;
}

/** Brings the index up to the chain's head. */
export class Indexer {
  readonly #options: IndexerOptions;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(options: IndexerOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the index holds everything the chain had at the time of the call. Calls that come while one runs
   * share the next run.
   */
  sync(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running.catch(() => undefined).then(() => this.#start());
    return this.#next;
  }

  #start(): Promise<void> {
    this.#next = undefined;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    const { index } = this.#options;
    const head = await this.#options.chain.head();
    const genesisHash = await this.#verifyChain(head);
    let isStale = index.findPosition()?.isCurrentStale ?? true;
    for (;;) {
      const from = (index.findPosition()?.blockNumber ?? 0) + 1;
      if (from > head.number && !isStale) return;
      isStale = await this.#step(Math.min(from, head.number + 1), head, genesisHash, isStale);
    }
  }

  /** Indexes one run of blocks; answers whether what the contracts hold still has to be read. */
  async #step(from: number, head: ChainBlock, genesisHash: string, wasStale: boolean): Promise<boolean> {
    const { chain, index, syncBlocks } = this.#options;
    const to = Math.min(head.number, from + syncBlocks - 1);
    const logs = from > to ? [] : await chain.listLogs(from, to);
    const blocks = await chain.getBlocks([...new Set([...logs.map((log) => log.blockNumber), to])]);
    const timestamps = new Map(blocks.map((block) => [block.number, block.timestamp]));
    const applied = applyLogs(logs, { timestamps, findProposal: (id) => index.findProposal(id) });
    const last = blocks.find((block) => block.number === to);
    assert(last, 'the last block of the run was read');
    const isStale = wasStale || applied.isCurrentStale;
    const current = isStale && to === head.number ? await this.#readCurrent(head.number) : undefined;
    const baselines =
      current && index.findCurrent() === undefined ? await this.#baselines(current, applied.paramChanges) : [];
    await index.apply({
      position: toPosition(last, genesisHash, isStale && current === undefined),
      proposals: await this.#withQuorums([...applied.proposals.values()], head),
      votes: applied.votes,
      paramChanges: [...baselines, ...applied.paramChanges],
      ...(current ? { current } : {}),
    });
    return isStale && current === undefined;
  }

  /** An index of another chain, or of blocks the chain has lost to an older backup, is built anew. */
  async #verifyChain(head: ChainBlock): Promise<string> {
    const { chain, index, onRebuild } = this.#options;
    const position = index.findPosition();
    const genesis = await chain.findBlock(0);
    assert(genesis, 'a chain has a first block');
    if (position === undefined) return genesis.hash;
    const isBehind = head.number < position.blockNumber;
    const same = isBehind ? undefined : await chain.findBlock(position.blockNumber);
    if (position.genesisHash !== genesis.hash || same?.hash !== position.blockHash) {
      onRebuild?.();
      await index.clear();
    }
    return genesis.hash;
  }

  async #readCurrent(block: number): Promise<CurrentState> {
    const { chain } = this.#options;
    const [settings, params, members] = await Promise.all([
      chain.getSettings(block),
      chain.listParams(block),
      chain.listMembers(block),
    ]);
    return { settings, params, members };
  }

  /** Genesis sets values without transactions, so a parameter's first value is what its first change replaced. */
  async #baselines(current: CurrentState, found: readonly ParamChangeRecord[]): Promise<ParamChangeRecord[]> {
    const [genesis] = await this.#options.chain.getBlocks([0]);
    assert(genesis, 'a chain has a first block');
    const changedAt = { blockNumber: 0, logIndex: 0, timestamp: genesis.timestamp, transactionHash: '' };
    const baselines: ParamChangeRecord[] = [];
    for (const { key, value } of current.params) {
      const first = (await this.#firstStoredChange(key)) ?? found.find((change) => change.key === key);
      baselines.push({ key, value: first?.previousValue ?? value, changedAt });
    }
    return baselines;
  }

  async #firstStoredChange(key: string): Promise<ParamChangeRecord | undefined> {
    let first: ParamChangeRecord | undefined;
    for await (const change of this.#options.index.listParamChanges(key, { limit: Number.MAX_SAFE_INTEGER }))
      first = change;
    return first;
  }

  async #withQuorums(proposals: readonly ProposalRecord[], head: ChainBlock): Promise<ProposalRecord[]> {
    return await Promise.all(
      proposals.map(async (proposal) => {
        const isReadable = head.timestamp > proposal.voteStart;
        if (proposal.quorum !== undefined || !isReadable) return proposal;
        return { ...proposal, ...(await this.#options.chain.getQuorums(proposal.voteStart, head.number)) };
      }),
    );
  }
}

function toPosition(block: ChainBlock, genesisHash: string, isCurrentStale: boolean): IndexPosition {
  return { genesisHash, blockNumber: block.number, blockHash: block.hash, timestamp: block.timestamp, isCurrentStale };
}
