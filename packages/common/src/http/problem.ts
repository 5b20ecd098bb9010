import { type ErrorCatalogue } from '../apis/api.ts';
import { commonErrors } from '../apis/common-errors.ts';
import { AppError, type FieldError } from '../errors.ts';

export const problemContentType = 'application/problem+json';

/** RFC 9457 problem document as Lucid answers it: `type` is a URN of the code, so nothing needs to be fetched. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string;
  readonly errors?: readonly FieldError[];
  readonly [member: string]: unknown;
}

/** Turns an expected error into its problem document. `catalogue` supplies the title. */
export function toProblem(error: AppError, requestId: string, catalogue: ErrorCatalogue = {}): ProblemDocument {
  const entry = catalogue[error.code] ?? (commonErrors as ErrorCatalogue)[error.code];
  return {
    ...error.data,
    type: `urn:lucid:problem:${error.code}`,
    title: entry?.doc ?? error.code,
    status: error.status,
    code: error.code,
    detail: error.message,
    requestId,
    ...(error.errors.length > 0 ? { errors: error.errors } : {}),
  };
}

const frameworkCodes: Readonly<Record<string, keyof typeof commonErrors>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'REQUEST_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'MEDIA_TYPE_UNSUPPORTED',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'REQUEST_BODY_MALFORMED',
  FST_ERR_CTP_INVALID_JSON_BODY: 'REQUEST_BODY_MALFORMED',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'REQUEST_BODY_MALFORMED',
  FST_ERR_BAD_URL: 'REQUEST_INVALID',
  FST_ERR_MAX_PARAM_LENGTH: 'ROUTE_NOT_FOUND',
  FST_ERR_NOT_FOUND: 'ROUTE_NOT_FOUND',
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: 'ROUTE_NOT_FOUND',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
};

interface FrameworkError extends Error {
  readonly code?: string;
  readonly statusCode?: number;
  readonly validation?: readonly ValidationIssue[];
  readonly validationContext?: string;
}
interface ValidationIssue {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/**
 * Maps whatever reached the error handler to an AppError. Fastify's and ajv's own errors become common codes; an
 * error nobody expected becomes INTERNAL with no detail of its own, since its text may hold anything.
 */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { code, validation, validationContext, message } = (error ?? {}) as FrameworkError;
  if (validation) return validationError(validation, validationContext ?? 'body');
  // secure-json-parse and JSON.parse report malformed bodies as SyntaxError with status 400.
  const isSyntax = error instanceof SyntaxError && (error as FrameworkError).statusCode === 400;
  const known = code === undefined ? undefined : frameworkCodes[code];
  const mapped = known ?? (isSyntax ? 'REQUEST_BODY_MALFORMED' : undefined);
  if (mapped) return new AppError(mapped, message ?? mapped, { status: commonErrors[mapped].status, cause: error });
  return new AppError('INTERNAL', 'The service failed; the request id finds the reason in its log.', { cause: error });
}

function validationError(issues: readonly ValidationIssue[], part: string): AppError {
  const errors = issues.slice(0, 20).map((issue) => ({
    pointer: `/${part}${issue.instancePath}${memberOf(issue)}`,
    detail: describeIssue(issue),
  }));
  const first = errors[0];
  const detail = first ? `${first.pointer} ${first.detail}` : 'The request does not match its schema.';
  return new AppError('REQUEST_INVALID', detail, { status: 400, errors });
}

function memberOf({ keyword, params }: ValidationIssue): string {
  if (keyword === 'additionalProperties') return `/${String(params['additionalProperty'])}`;
  if (keyword === 'required') return `/${String(params['missingProperty'])}`;
  return '';
}

function describeIssue({ keyword, message }: ValidationIssue): string {
  if (keyword === 'additionalProperties') return 'is not a known field';
  if (keyword === 'required') return 'is required';
  return message ?? `fails ${keyword}`;
}
