import type { Api, Operations } from '../apis/api.ts';
import { AppError } from '../errors.ts';
import { type Client, type ClientOptions, createClient } from './client.ts';
import type { IssueServiceToken } from './tokens.ts';
import { traceHeaders } from './trace.ts';

export interface ServiceClientOptions extends Pick<ClientOptions, 'baseUrl' | 'timeoutMs' | 'attemptsMax'> {
  readonly issueToken: IssueServiceToken;
}

/** A client for calls between services: carries the caller's service token and the request's trace, with a breaker. */
export function createServiceClient<O extends Operations>(api: Api<O>, options: ServiceClientOptions): Client<O> {
  const { issueToken, ...rest } = options;
  return createClient(api, {
    timeoutMs: 5000,
    ...rest,
    token: () => issueToken(api.service),
    headers: traceHeaders,
    breaker: { failuresMax: 5, openMs: 2000 },
  });
}

/** A readiness check that asks a service whether it lives; its readiness is its own affair. */
export function livenessOf(service: string, baseUrl: string): () => Promise<void> {
  return async () => {
    const response = await fetch(`${baseUrl.replace(/\/$/, '')}/livez`, { signal: AbortSignal.timeout(900) }).catch(
      (cause: unknown) => {
        throw new AppError('DEPENDENCY_UNAVAILABLE', `${service} cannot be reached`, { cause });
      },
    );
    await response.body?.cancel();
    if (!response.ok) throw new AppError('DEPENDENCY_UNAVAILABLE', `${service} answered ${response.status}`);
  };
}
