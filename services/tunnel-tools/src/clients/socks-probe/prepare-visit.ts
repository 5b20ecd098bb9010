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

/** Directories a descriptor is looked for at, at most: as many as hold it (rend-spec-v3 §2.2.3). */
const fetchesMax = 6;

/**
 * Makes the visiting tor ready: it is given the visitor's key, forgets what it knew, and fetches the service's
 * descriptor from the network. A tor that goes by a descriptor of before the service's restart fails for minutes.
 * The key is taken back when the result is disposed.
 * @throws DESCRIPTOR_NOT_FOUND and tor's other reasons, TOR_UNAVAILABLE; the signal's reason
 */
export async function prepareVisit(
  control: VisitorControl,
  { onionAddress, clientKey }: Visit,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const serviceId = onionAddress.replace(/\.onion$/, '');
  await using stack = new AsyncDisposableStack();
  const fetches = new DescriptorFetches(serviceId);
  const connection = stack.use(await open(control, fetches));
  await authenticate((command) => connection.send(command), control.cookiePath);
  await connection.send('SETEVENTS HS_DESC');
  if (clientKey !== undefined) {
    await connection.send(`ONION_CLIENT_AUTH_ADD ${serviceId} x25519:${Buffer.from(clientKey).toString('base64')}`);
    stack.defer(() => removeKey(connection, serviceId));
  }
  await connection.send('SIGNAL NEWNYM');
  for (let fetchCount = 1; ; fetchCount += 1) {
    const [reason] = await Promise.all([fetches.next(signal), connection.send(`HSFETCH ${serviceId}`)]);
    if (reason === undefined) return stack.move();
    if (fetchCount === fetchesMax || reason === 'QUERY_NO_HSDIR') throw descriptorError(reason);
  }
}

async function open({ path, timeoutMs }: VisitorControl, fetches: DescriptorFetches): Promise<ControlConnection> {
  return await ControlConnection.open({
    path,
    timeoutMs,
    onEvent: (event) => fetches.hear(event),
    onClose: () => fetches.end(),
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

/** Waits for what becomes of one fetch after the other. */
class DescriptorFetches {
  readonly #serviceId: string;
  #settle: ((reason: string | undefined) => void) | undefined;

  constructor(serviceId: string) {
    this.#serviceId = serviceId;
  }

  /** Resolves to undefined when a descriptor is received, else to tor's reason. Call it before the fetch is asked for. */
  async next(signal: AbortSignal): Promise<string | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    const abort = (): void => reject(signal.reason);
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
    if (kind !== 'HS_DESC' || address !== this.#serviceId) return;
    if (action === 'RECEIVED') this.#settle?.(undefined);
    if (action !== 'FAILED') return;
    const reason = parsePairs(text).get('REASON') ?? 'UNEXPECTED';
    if (reason !== 'UPLOAD_REJECTED') this.#settle?.(reason);
  }

  end(): void {
    this.#settle?.('TOR_GONE');
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
