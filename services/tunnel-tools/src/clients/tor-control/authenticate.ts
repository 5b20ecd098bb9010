import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AppError } from '@lucid/common/errors';
import type { Reply } from './reply-parser.ts';
import { parsePairs } from './values.ts';

type Send = (command: string) => Promise<Reply>;

const serverKey = 'Tor safe cookie authentication server-to-controller hash';
const controllerKey = 'Tor safe cookie authentication controller-to-server hash';
const cookieBytes = 32;

/**
 * Authenticates by SAFECOOKIE (control-spec §3.24): both sides prove to know the cookie, and neither sends it, so a
 * socket that somebody else put there learns nothing. Answers tor's version.
 * @param cookiePath where the cookie is, when it is not where tor says
 * @throws TOR_AUTH_FAILED
 */
export async function authenticate(send: Send, cookiePath?: string): Promise<string> {
  const info = await send('PROTOCOLINFO 1');
  const auth = info.lines.find(({ text }) => text.startsWith('AUTH '))?.text ?? '';
  const { methods, path } = { methods: parsePairs(auth).get('METHODS'), path: parsePairs(auth).get('COOKIEFILE') };
  const file = cookiePath ?? path;
  if (!methods?.split(',').includes('SAFECOOKIE') || file === undefined) {
    throw failed('tor offers no SAFECOOKIE; set CookieAuthentication 1');
  }
  const cookie = await readCookie(file);
  const clientNonce = randomBytes(32);
  const challenge = await send(`AUTHCHALLENGE SAFECOOKIE ${clientNonce.toString('hex')}`);
  const answer = parsePairs(challenge.lines[0]?.text ?? '');
  const serverHash = parseHash(answer.get('SERVERHASH'));
  const serverNonce = parseHash(answer.get('SERVERNONCE'));
  const hash = (key: string) =>
    createHmac('sha256', key).update(cookie).update(clientNonce).update(serverNonce).digest();
  if (!timingSafeEqual(hash(serverKey), serverHash)) throw failed('who listens there does not know the cookie');
  await send(`AUTHENTICATE ${hash(controllerKey).toString('hex')}`);
  const version = info.lines.find(({ text }) => text.startsWith('VERSION '))?.text ?? '';
  return parsePairs(version).get('Tor') ?? '';
}

async function readCookie(path: string): Promise<Buffer> {
  let cookie: Buffer;
  try {
    cookie = await readFile(path);
  } catch (cause) {
    throw failed(`the cookie ${path} cannot be read`, cause);
  }
  if (cookie.length !== cookieBytes) throw failed(`the cookie ${path} is not ${cookieBytes} bytes`);
  return cookie;
}

function parseHash(hex: string | undefined): Buffer {
  if (hex === undefined || !/^[0-9A-Fa-f]{64}$/.test(hex)) throw failed('tor answers no challenge');
  return Buffer.from(hex, 'hex');
}

function failed(detail: string, cause?: unknown): AppError {
  return new AppError('TOR_AUTH_FAILED', `tor's control socket: ${detail}`, { cause });
}
