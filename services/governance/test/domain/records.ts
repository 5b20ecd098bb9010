import { contractAddresses } from '@lucid/contracts/addresses';
import { encodeSetParam } from '@lucid/contracts/params';
import type { ChainPosition, ProposalRecord } from '../../src/domain/model.ts';

export const at = (blockNumber: number, logIndex = 0): ChainPosition => ({
  blockNumber,
  logIndex,
  timestamp: 1_000 + blockNumber,
  transactionHash: `0x${String(blockNumber).padStart(64, '0')}`,
});

/** Voting is after 100 and until 200; quorum 40, super quorum 75. */
export function newProposal(change: Partial<ProposalRecord> = {}): ProposalRecord {
  return {
    proposalId: 7n,
    proposer: '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
    calls: [{ target: contractAddresses.LucidParams, value: 0n, data: encodeSetParam('maxChunkSize', 2_000_000n) }],
    description: 'A title\n\nA body\n#proposer=0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266',
    createdAt: at(1),
    voteStart: 100,
    voteEnd: 200,
    votes: { for: 0n, against: 0n, abstain: 0n },
    quorum: 40n,
    superQuorum: 75n,
    ...change,
  };
}
