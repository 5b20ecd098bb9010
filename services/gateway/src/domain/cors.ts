/** What a page of an allowed origin may read and send beyond the safelisted (Fetch §4.9). */
const exposed = [
  'x-request-id',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'etag',
  'link',
  'location',
  'content-digest',
  'content-range',
];
const preflightLifeSec = 600;
const headerName = /^[a-z0-9-]{1,64}$/;

/** Headers for the answer to a request of an allowed origin. No credentials: tokens travel in Authorization only. */
export function corsHeaders(origin: string): Record<string, string> {
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': exposed.join(', '),
  };
}

/** Headers for the answer to a preflight request. */
export function preflightHeaders(methods: readonly string[], requested: string | undefined): Record<string, string> {
  const names = (requested ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => headerName.test(name));
  return {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': names.slice(0, 50).join(', '),
    'access-control-max-age': String(preflightLifeSec),
  };
}
