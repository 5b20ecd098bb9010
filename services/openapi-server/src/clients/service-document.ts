import { AppError } from '@lucid/common/errors';
import { documentBytesMax } from '../domain/document.ts';
import type { DocumentSource } from '../domain/library.ts';

/** Reads a service's `/openapi.json`, bounded in time and size. */
export function serviceDocument(service: string, baseUrl: string, timeoutMs: number): DocumentSource {
  return {
    service,
    read: async () => {
      const signal = AbortSignal.timeout(timeoutMs);
      const url = `${baseUrl.replace(/\/$/, '')}/openapi.json`;
      try {
        const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
        if (!response.ok) {
          await response.body?.cancel();
          throw unavailable(service, `answered ${response.status}`);
        }
        return await readText(service, response);
      } catch (cause) {
        if (cause instanceof AppError) throw cause;
        throw unavailable(
          service,
          signal.aborted ? `did not answer within ${timeoutMs} ms` : 'cannot be reached',
          cause,
        );
      }
    },
  };
}

async function readText(service: string, response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > documentBytesMax) throw unavailable(service, `answered more than ${documentBytesMax} bytes`);
  }
  return text + decoder.decode();
}

function unavailable(service: string, what: string, cause?: unknown): AppError {
  return new AppError('DEPENDENCY_UNAVAILABLE', `${service} ${what}.`, { status: 503, cause });
}
