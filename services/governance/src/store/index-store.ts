import assert from 'node:assert/strict';
import { type Batch, createBatch, type KeyValueStore } from '@lucid/common/storage/kv';
import { keySpace, pageRange } from '@lucid/common/storage/prefix';
import { toBeHex } from 'ethers';
import type {
  CurrentState,
  GovernanceIndex,
  IndexChange,
  IndexPosition,
  PageOptions,
} from '../domain/governance-index.ts';
import type { ChainPosition, ParamChangeRecord, ProposalRecord, VoteRecord } from '../domain/model.ts';
import { decodeRecord, encodeRecord } from './record.ts';

const positionKey = Buffer.from('position');
const currentKey = Buffer.from('current');
/** By id: the proposal. */
const proposals = keySpace('p/');
/** By place on the chain: the id of a proposal. */
const order = keySpace('o/');
/** As `order`, those not final. */
const open = keySpace('a/');
/** By id and place: a vote. */
const votes = keySpace('v/');
/** By id and voter: the voter's first vote. */
const voters = keySpace('w/');
/** By key and place: a value of a parameter. */
const changes = keySpace('c/');

/**
 * The index on a key-value store. Nothing here waits for the disk: what a power cut takes from its end is read from
 * the chain again.
 */
export class IndexStore implements GovernanceIndex {
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  findPosition(): IndexPosition | undefined {
    return this.#find(positionKey) as IndexPosition | undefined;
  }

  findCurrent(): CurrentState | undefined {
    return this.#find(currentKey) as CurrentState | undefined;
  }

  findProposal(proposalId: bigint): ProposalRecord | undefined {
    return this.#find(proposals.key(idBytes(proposalId))) as ProposalRecord | undefined;
  }

  findVote(proposalId: bigint, voter: string): VoteRecord | undefined {
    return this.#find(voters.key(idBytes(proposalId), voter.toLowerCase())) as VoteRecord | undefined;
  }

  async *listProposals({ limit, after }: PageOptions): AsyncIterable<ProposalRecord> {
    const range = pageRange(order.range(), { after: after && order.key(...after), reverse: true, limit });
    for await (const [, id] of this.#store.range(range)) yield this.#proposal(id);
  }

  async *listOpenProposals(): AsyncIterable<ProposalRecord> {
    for await (const [, id] of this.#store.range(open.range())) yield this.#proposal(id);
  }

  async markFinal(proposalId: bigint): Promise<void> {
    const proposal = this.findProposal(proposalId);
    if (proposal === undefined) return;
    const batch = createBatch();
    batch.del(open.key(...place(proposal.createdAt)));
    await this.#store.write(batch, { sync: false });
  }

  async *listVotes(proposalId: bigint, { limit, after }: PageOptions): AsyncIterable<VoteRecord> {
    const id = idBytes(proposalId);
    const range = pageRange(votes.range(id), { after: after && votes.key(id, ...after), limit });
    for await (const [, value] of this.#store.range(range)) yield decodeRecord(value) as VoteRecord;
  }

  async *listParamChanges(key: string, { limit, after }: PageOptions): AsyncIterable<ParamChangeRecord> {
    const prefix = `${key}/`;
    const from = after && changes.key(prefix, ...after);
    const range = pageRange(changes.range(prefix), { after: from, reverse: true, limit });
    for await (const [, value] of this.#store.range(range)) yield decodeRecord(value) as ParamChangeRecord;
  }

  async apply(change: IndexChange): Promise<void> {
    const batch = createBatch();
    for (const proposal of change.proposals) this.#putProposal(batch, proposal);
    for (const vote of change.votes) this.#putVote(batch, vote);
    for (const { key, changedAt, ...rest } of change.paramChanges) {
      batch.put(changes.key(`${key}/`, ...place(changedAt)), encodeRecord({ key, changedAt, ...rest }));
    }
    if (change.current) batch.put(currentKey, encodeRecord(change.current));
    batch.put(positionKey, encodeRecord(change.position));
    await this.#store.write(batch, { sync: false });
  }

  async clear(): Promise<void> {
    const batch = createBatch();
    for await (const [key] of this.#store.range()) batch.del(key);
    await this.#store.write(batch, { sync: true });
  }

  #putProposal(batch: Batch, proposal: ProposalRecord): void {
    const id = idBytes(proposal.proposalId);
    batch.put(proposals.key(id), encodeRecord(proposal));
    batch.put(order.key(...place(proposal.createdAt)), id);
    // Also one that was marked final: by a clock ahead of the chain's, it seemed over when it was not.
    batch.put(open.key(...place(proposal.createdAt)), id);
  }

  #putVote(batch: Batch, vote: VoteRecord): void {
    const id = idBytes(vote.proposalId);
    const value = encodeRecord(vote);
    batch.put(votes.key(id, ...place(vote.castAt)), value);
    if (this.findVote(vote.proposalId, vote.voter) === undefined) {
      batch.put(voters.key(id, vote.voter.toLowerCase()), value);
    }
  }

  #proposal(id: Uint8Array): ProposalRecord {
    const proposal = this.#find(proposals.key(id));
    assert(proposal, 'a listed proposal is stored');
    return proposal as ProposalRecord;
  }

  #find(key: Uint8Array): unknown {
    const value = this.#store.findSync(key);
    return value === undefined ? undefined : decodeRecord(value);
  }
}

function idBytes(proposalId: bigint): Uint8Array {
  return Buffer.from(toBeHex(proposalId, 32).slice(2), 'hex');
}

function place({ blockNumber, logIndex }: ChainPosition): [number, number] {
  return [blockNumber, logIndex];
}
