import { blockchainApi } from '@lucid/common/apis/blockchain';
import { errorFactory } from '@lucid/common/apis/error-factory';
import { AppError } from '@lucid/common/errors';

/** Makes the errors this service answers with; codes and statuses are declared with its API. */
export const blockchainError = errorFactory(blockchainApi.errors);

/** What keeps the anchor queue waiting; told by /readyz and the log, never by an operation. */
export type AnchorFaultCode =
  /** The chain behind `VM_URL` is not the one the queue's anchors were signed for. */
  | 'ANCHOR_CHAIN_CHANGED'
  /** The chain does not take a signed registration. */
  | 'ANCHOR_REFUSED'
  /** The chain answered something that is no answer to what was asked. */
  | 'ANCHOR_ANSWER_INVALID';

export function anchorFault(code: AnchorFaultCode, detail: string): AppError {
  return new AppError(code, detail, { status: 503 });
}
