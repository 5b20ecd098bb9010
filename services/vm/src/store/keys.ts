/** The key layout of the chain's store. One byte says what follows; block numbers are uint64 big-endian. */
import { keySpace } from '@lucid/common/storage/prefix';

/** hash → RLP of a trie node, of any account's or the state's trie. */
export const nodes = keySpace('n');
/** code hash → contract code. */
export const codes = keySpace('c');
/** block number → rlp([header, blockHash, [raw transaction…]]). */
export const blocks = keySpace('b');
/** block number → the block's receipts. */
export const receipts = keySpace('r');
/** block hash → block number. */
export const blockNumbers = keySpace('h');
/** transaction hash → block number, index in the block. */
export const transactions = keySpace('t');
/** address, block number → nothing: the block has logs of that contract. */
export const logAddresses = keySpace('la');
/** topic, block number → nothing: the block has logs with that topic, at any position. */
export const logTopics = keySpace('lt');
/** Names of single records: `head` and `genesis`. */
export const records = keySpace('m');
/** transaction hash → raw transaction that was acknowledged and is in no block yet. */
export const waitingTransactions = keySpace('p');
/** What the ledger must still get. */
export const LEDGER_OUTBOX_PREFIX = 'o/ledger/';

/** The number of the last block. */
export const HEAD_KEY = records.key('head');
/** The genesis configuration's digest and the contracts it made. */
export const GENESIS_KEY = records.key('genesis');
