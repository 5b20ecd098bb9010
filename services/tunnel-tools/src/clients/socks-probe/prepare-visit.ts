import { AppError } from '@lucid/common/errors';
import type { Visit } from '../../domain/probe.ts';
import { authenticate } from '../tor-control/authenticate.ts';
import { ControlConnection, TorRefusal } from '../tor-control/connection.ts';
import type { Reply } from '../tor-control/reply-parser.ts';
import { parsePairs } from '../tor-control/values.ts';

/** The control socket of the tor that visits. */
export interface VisitorControl {
  readonly path: string;
  /** Where its cookie is, when it is not where tor says. */
  readonly cookiePath?: string | undefined;
  /** Time for each reply, ms. */
  readonly timeoutMs: number;
}

/** Asking again changes nothing. */
const finalReasons: ReadonlySet<string> = new Set(['QUERY_NO_HSDIR', 'TOR_GONE']);
/** Directories a descriptor is looked for at, at most: as many as hold it (rend-spec-v3 §2.2.3). */
const fetchesMax = 6;

/**
 * Makes the visiting tor ready: it forgets what it knew, is given the visitor's key, and fetches the service's
 * descriptor from the network. A tor that goes by a descriptor of before the service's restart fails for minutes. It
 * forgets at most once in ten seconds, so that a second visit may have to wait; and it forgets visitors' keys too, so
 * that two visits at once would spoil each other. The key is taken back when the result is disposed.
 * @throws DESCRIPTOR_NOT_FOUND and tor's other reasons, TOR_UNAVAILABLE; the signal's reason
 */
export async function prepareVisit(
  control: VisitorControl,
  { onionAddress, clientKey }: Visit,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const serviceId = onionAddress.replace(/\.onion$/, '');
  await using stack = new AsyncDisposableStack();
  const told = new TorEvents(serviceId);
  const connection = stack.use(await open(control, told));
  await authenticate((command) => connection.send(command), control.cookiePath);
  await connection.send('SETEVENTS HS_DESC SIGNAL');
  await Promise.all([told.next('forgotten', signal), connection.send('SIGNAL NEWNYM')]);
  if (clientKey !== undefined) {
    await connection.send(`ONION_CLIENT_AUTH_ADD ${serviceId} x25519:${Buffer.from(clientKey).toString('base64')}`);
    stack.defer(() => removeKey(connection, serviceId));
  }
  for (let fetchCount = 1; ; fetchCount += 1) {
    const [reason] = await Promise.all([told.next('fetched', signal), connection.send(`HSFETCH ${serviceId}`)]);
    if (reason === undefined) return stack.move();
    if (fetchCount === fetchesMax || finalReasons.has(reason)) throw descriptorError(reason);
  }
}

async function open({ path, timeoutMs }: VisitorControl, told: TorEvents): Promise<ControlConnection> {
  return await ControlConnection.open({
    path,
    timeoutMs,
    onEvent: (event) => told.hear(event),
    onClose: () => told.end(),
  });
}

async function removeKey(connection: ControlConnection, serviceId: string): Promise<void> {
  try {
    await connection.send(`ONION_CLIENT_AUTH_REMOVE ${serviceId}`);
  } catch (error) {
    // A tor that went away has forgotten the key.
    if (!(error instanceof AppError || error instanceof TorRefusal)) throw error;
  }
}

type Expected = 'forgotten' | 'fetched';

/** Waits for what tor tells, one thing after the other. */
class TorEvents {
  readonly #serviceId: string;
  #expected: Expected | undefined;
  #settle: (reason: string | undefined) => void = () => undefined;

  constructor(serviceId: string) {
    this.#serviceId = serviceId;
  }

  /** Resolves when it is so, with tor's reason when it will not be. Call it before tor is asked. */
  async next(expected: Expected, signal: AbortSignal): Promise<string | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    const abort = (): void => reject(signal.reason);
    this.#expected = expected;
    this.#settle = resolve;
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      return await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  hear({ lines }: Reply): void {
    const text = lines[0]?.text ?? '';
    const [kind, action, address] = text.split(' ', 3);
    if (kind === 'SIGNAL' && action === 'NEWNYM' && this.#expected === 'forgotten') this.#settle(undefined);
    if (kind !== 'HS_DESC' || address !== this.#serviceId || this.#expected !== 'fetched') return;
    if (action === 'RECEIVED') this.#settle(undefined);
    if (action !== 'FAILED') return;
    const reason = parsePairs(text).get('REASON') ?? 'UNEXPECTED';
    if (reason !== 'UPLOAD_REJECTED') this.#settle(reason);
  }

  end(): void {
    this.#settle('TOR_GONE');
  }
}

const reasons: Readonly<Record<string, string>> = {
  NOT_FOUND: 'no directory has it: the service is not published, or no longer, or not yet',
  QUERY_NO_HSDIR: 'no directory has it: the service is not published, or no longer, or not yet',
  BAD_DESC: 'it is there and invalid',
  QUERY_REJECTED: 'the directory refused to answer',
  QUERY_RATE_LIMITED: 'this tor has asked too often',
  TOR_GONE: 'the visiting tor went away',
};

function descriptorError(reason: string): AppError {
  const code = reason === 'QUERY_NO_HSDIR' ? 'DESCRIPTOR_NOT_FOUND' : `DESCRIPTOR_${reason}`;
  const why = reasons[reason] ?? `tor says ${reason}`;
  return new AppError(code, `The onion service’s descriptor cannot be fetched: ${why}.`, { status: 503 });
}
