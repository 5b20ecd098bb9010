import { sessionIdToBytes32 } from '@lucid/common/formats/ids';
import { contractAddresses } from '@lucid/contracts/addresses';
import { decodeGetSession } from '@lucid/contracts/anchors';
import { contractInterfaces, describeRevert, findRevert } from '@lucid/contracts/interfaces';
import type { Placement, RegistrationContent } from '../domain/anchor.ts';
import type { AnchorChain, Registration, RegistrationReceipt, SubmitOutcome } from '../domain/anchor-chain.ts';
import { callChain, callChainAll, findRevertData, resultOf, toNumber, toQuantity } from '../domain/chain-reads.ts';
import type { ChainBlock, ChainLog, ChainReceipt } from '../domain/explorer.ts';
import type { ChainRpc, RpcOutcome } from '../domain/json-rpc.ts';
import { encodeRegistration } from '../domain/registration.ts';
import { anchorFault } from '../errors.ts';

const anchors = contractInterfaces.LucidAnchors;
const contract = contractAddresses.LucidAnchors;

/** The anchor queue's view of the chain, over its JSON-RPC. */
export function createAnchorChain(rpc: ChainRpc): AnchorChain {
  return {
    identify: async (signal) => {
      const [chainId, genesis] = await callChainAll<string | ChainBlock>(
        rpc,
        [
          { method: 'eth_chainId', params: [] },
          { method: 'eth_getBlockByNumber', params: ['0x0', false] },
        ],
        signal,
      );
      return { chainId: toNumber(chainId as string), genesisHash: (genesis as ChainBlock).hash };
    },
    countTransactions: async (address, signal) =>
      toNumber(await callChain<string>(rpc, 'eth_getTransactionCount', [address, 'latest'], signal)),
    submit: async (rawTransactions, signal) => {
      const calls = rawTransactions.map((raw) => ({ method: 'eth_sendRawTransaction', params: [raw] }));
      return (await rpc.send(calls, signal)).map(toSubmitOutcome);
    },
    findReceipts: async (hashes, signal) => {
      const calls = hashes.map((hash) => ({ method: 'eth_getTransactionReceipt', params: [hash] }));
      const receipts = await callChainAll<ChainReceipt | null>(rpc, calls, signal);
      return receipts.map((receipt) => (receipt ? toRegistrationReceipt(receipt) : undefined));
    },
    findRegistration: (sessionId, signal) => findRegistration(rpc, sessionId, signal),
    explainRevert: (content, sender, signal) => explainRevert(rpc, content, sender, signal),
  };
}

/** Ethereum clients say these by text alone; the words are the same everywhere. */
function toSubmitOutcome(outcome: RpcOutcome): SubmitOutcome {
  if ('result' in outcome) return { kind: 'accepted' };
  const { message } = outcome.error;
  if (/already known|already imported/i.test(message)) return { kind: 'accepted' };
  if (/nonce too low|nonce is too low/i.test(message)) return { kind: 'nonce-used' };
  return { kind: 'refused', reason: message };
}

function toRegistrationReceipt(receipt: ChainReceipt): RegistrationReceipt {
  return { placement: toPlacement(receipt, receipt.blockNumber), isReverted: toNumber(receipt.status) !== 1 };
}

function toPlacement(from: { transactionHash: string; blockHash: string }, blockNumber: string): Placement {
  return { transactionHash: from.transactionHash, blockNumber: toNumber(blockNumber), blockHash: from.blockHash };
}

async function findRegistration(
  rpc: ChainRpc,
  sessionId: string,
  signal: AbortSignal,
): Promise<Registration | undefined> {
  const id = sessionIdToBytes32(sessionId);
  const call = { to: contract, data: anchors.encodeFunctionData('getSession', [id]) };
  const [outcome] = await rpc.send([{ method: 'eth_call', params: [call, 'latest'] }], signal);
  const revert = outcome && findRevertData(outcome);
  if (revert && findRevert(revert)?.name === 'AnchorsSessionUnknown') return undefined;
  const record = decodeGetSession(resultOf(outcome) as string);
  const block = toQuantity(record.anchoredBlock);
  const topics = [anchors.getEvent('SessionRegistered')?.topicHash, id];
  const filter = { address: contract, fromBlock: block, toBlock: block, topics };
  const [log] = await callChain<readonly ChainLog[]>(rpc, 'eth_getLogs', [filter], signal);
  if (!log) throw anchorFault('ANCHOR_ANSWER_INVALID', `Block ${record.anchoredBlock} has no event of ${sessionId}.`);
  const content: RegistrationContent = {
    sessionId,
    manifestHash: record.manifestHash.slice(2),
    merkleRoot: record.merkleRoot.slice(2),
    owner: record.owner.toLowerCase(),
    startedAt: record.startedAt,
    chunkCount: record.chunkCount,
  };
  return { content, placement: toPlacement(log, block) };
}

async function explainRevert(
  rpc: ChainRpc,
  content: RegistrationContent,
  sender: string,
  signal: AbortSignal,
): Promise<string> {
  const call = { from: sender, to: contract, data: encodeRegistration(content) };
  const [outcome] = await rpc.send([{ method: 'eth_call', params: [call, 'latest'] }], signal);
  if (!outcome || 'result' in outcome) return 'The registration reverted; it would succeed by now.';
  const data = findRevertData(outcome);
  const reason = (data === undefined ? undefined : describeRevert(data)) ?? outcome.error.message;
  return `The contract refused the registration: ${reason}.`;
}
