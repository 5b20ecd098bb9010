import { type GatewayStatus, gatewayApi } from '@lucid/common/apis/gateway';
import { createClient } from '@lucid/common/http/client';
import { traceHeaders } from '@lucid/common/http/trace';
import { docsError } from '../errors.ts';

/** An answer is used again for this long, ms. */
const lifeMs = 1000;

/**
 * Makes the function that reads the gateway's status; readers that ask at once share one request.
 * @returns a function that throws DEPENDENCY_UNAVAILABLE when the gateway does not answer
 */
export function createGatewayStatus(baseUrl: string, timeoutMs: number): () => Promise<GatewayStatus> {
  const client = createClient(gatewayApi, { baseUrl, timeoutMs, attemptsMax: 1, headers: traceHeaders });
  let held: { readonly at: number; readonly answer: Promise<GatewayStatus> } | undefined;
  return async () => {
    if (!held || performance.now() - held.at > lifeMs) held = { at: performance.now(), answer: client.getStatus() };
    try {
      return await held.answer;
    } catch (cause) {
      throw docsError('DEPENDENCY_UNAVAILABLE', 'The gateway does not answer.', {
        cause,
        retryAfterSec: 2,
        data: { dependency: 'gateway' },
      });
    }
  };
}
