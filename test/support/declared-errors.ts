import type { Api, Operation } from '@lucid/common/apis/api';
import { commonErrors } from '@lucid/common/apis/common-errors';

/**
 * A `fetch` for clients in tests that holds every refusal to the API's table: a code the operation does not declare
 * fails the test, whatever the test looks at.
 */
export function declaredFetch(api: Api, baseUrl: string): typeof fetch {
  const operations = Object.entries(api.operations).map(([operationId, operation]) => ({
    operationId,
    operation,
    pattern: patternOf(operation),
  }));
  return async (input, init) => {
    const response = await fetch(input, init);
    if (response.ok) return response;
    const path = new URL(input instanceof Request ? input.url : input).pathname;
    const prefix = new URL(baseUrl).pathname.replace(/\/$/, '');
    // A path that is written out goes before one with a parameter in its place: /users/me, /users/{userId}.
    const found = operations
      .filter(({ operation, pattern }) => operation.method === init?.method && pattern.test(path.slice(prefix.length)))
      .toSorted((a, b) => a.operation.path.split('{').length - b.operation.path.split('{').length)[0];
    const { code } = (await response.clone().json()) as { code: string };
    if (found && !(code in commonErrors) && !(found.operation.errors ?? []).includes(code)) {
      throw new Error(`${found.operationId} answered ${response.status} ${code}, which it does not declare`);
    }
    return response;
  };
}

function patternOf({ path }: Operation): RegExp {
  const source = path
    .replaceAll('.', String.raw`\.`)
    .replaceAll(/\{\+\w+\}/g, '.+')
    .replaceAll(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${source}$`);
}
