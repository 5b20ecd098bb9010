import type { Operation } from '../apis/api.ts';

/**
 * The `Link` header (RFC 8288) that leads from one page of a list to the next, with the filters it was asked with;
 * undefined on the last page, and for what is no list. It is relative to whatever path the list was asked under: the
 * gateway's is not the service's.
 */
export function nextPageLink({ query }: Operation, asked: unknown, answer: unknown): string | undefined {
  if (!query || !('cursor' in query.properties)) return undefined;
  if (typeof answer !== 'object' || answer === null || !('next' in answer)) return undefined;
  const { next } = answer;
  if (typeof next !== 'string') return undefined;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(asked ?? {})) if (value !== undefined) search.set(name, String(value));
  search.set('cursor', next);
  return `<?${search.toString()}>; rel="next"`;
}
