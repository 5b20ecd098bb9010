import type { ErrorCatalogue } from './api.ts';

/** What any operation of any service may answer besides its own codes. */
export const commonErrors = {
  REQUEST_INVALID: { status: 400, doc: 'The request does not match its schema; `errors` names the fields.' },
  REQUEST_BODY_MALFORMED: { status: 400, doc: 'The body is not what its content type says.' },
  CURSOR_INVALID: { status: 400, doc: 'The cursor is not one this list gave out.' },
  AUTH_TOKEN_MISSING: { status: 401, doc: 'The operation needs an access token in `Authorization: Bearer`.' },
  AUTH_TOKEN_INVALID: { status: 401, doc: 'The token is malformed, wrongly signed, or from another issuer.' },
  AUTH_TOKEN_EXPIRED: { status: 401, doc: 'The token is past its time; refresh it.' },
  AUTH_AUDIENCE_WRONG: { status: 401, doc: 'The token is meant for another service.' },
  AUTH_ROLE_MISSING: { status: 403, doc: 'The token is valid but carries none of the roles the operation needs.' },
  ROUTE_NOT_FOUND: { status: 404, doc: 'No such path, or not with this method.' },
  REQUEST_TIMEOUT: { status: 408, doc: 'The request did not arrive in time.' },
  IDEMPOTENCY_IN_FLIGHT: { status: 409, doc: 'A request with this Idempotency-Key is still being worked on.' },
  REQUEST_TOO_LARGE: { status: 413, doc: 'The body is over the limit of the operation.' },
  MEDIA_TYPE_UNSUPPORTED: { status: 415, doc: 'The operation does not take this content type.' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, doc: 'This Idempotency-Key came before with another request.' },
  RATE_LIMITED: { status: 429, doc: 'Too many requests; `Retry-After` says when to try again.' },
  HEADERS_TOO_LARGE: { status: 431, doc: 'The request headers are over the limit.' },
  INTERNAL: { status: 500, doc: 'A fault of the service; the request id finds it in the log.' },
  OVERLOADED: { status: 503, doc: 'More requests are in work than the service takes; try again.' },
  DEPENDENCY_UNAVAILABLE: { status: 503, doc: 'Another service this one needs does not answer; try again.' },
} as const satisfies ErrorCatalogue;

export type CommonErrorCode = keyof typeof commonErrors;
