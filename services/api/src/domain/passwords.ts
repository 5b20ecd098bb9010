import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { commonError } from '@lucid/common/apis/error-factory';
import { apiError } from '../errors.ts';

const deriveKey = promisify(argon2);

/** OWASP's and RFC 9106's smaller setting: 19 MiB, two passes, one lane. About 35 ms on a PC, 150 ms on a Pi 4. */
export const argon2Parameters = { memoryKib: 19_456, passes: 2, parallelism: 1 } as const;
const tagBytes = 32;
const saltBytes = 16;

/** At once: a Pi has four threads for this and needs some for its disk. */
const runningMax = 2;
const waitingMax = 64;
const charactersMin = 12;

export interface Passwords {
  /** The PHC string to store. */
  hash(password: string): Promise<string>;
  /** Takes as long when there is no hash to compare with, so that time does not tell who exists. */
  isPassword(password: string, phc: string | undefined): Promise<boolean>;
}

/** @throws PASSWORD_UNFIT: NIST SP 800-63B's rules, length and context; no composition rules. */
export function verifyPasswordFit(password: string, name: string): void {
  const normal = normalise(password);
  if (Array.from(normal).length < charactersMin) {
    throw apiError('PASSWORD_UNFIT', `A password has at least ${charactersMin} characters.`);
  }
  if (normal.toLowerCase().includes(name) && Array.from(normal).length - name.length < charactersMin) {
    throw apiError(
      'PASSWORD_UNFIT',
      `The user name does not count towards the password's ${charactersMin} characters.`,
    );
  }
}

/**
 * Argon2id on the thread pool, a bounded number at once: more wait, and past that are refused (OVERLOADED), so that a
 * flood of sign-ins cannot take the machine.
 */
export async function createPasswords(): Promise<Passwords> {
  const gate = new Gate(runningMax, waitingMax);
  const absent = await hashWith(randomBytes(16).toString('hex'));
  return {
    hash: (password) => gate.run(() => hashWith(password)),
    isPassword: async (password, phc) => {
      const isRight = await gate.run(() => verify(password, phc ?? absent));
      return isRight && phc !== undefined;
    },
  };
}

/** One spelling for what looks alike (NFKC), as typed on any keyboard. */
function normalise(password: string): string {
  return password.normalize('NFKC');
}

async function hashWith(password: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const { memoryKib, passes, parallelism } = argon2Parameters;
  const tag = await derive(password, salt, memoryKib, passes, parallelism, tagBytes);
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
}

async function verify(password: string, phc: string): Promise<boolean> {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(phc);
  if (!match) throw new Error('A stored password hash is not a PHC string of argon2id');
  const [, memoryKib, passes, parallelism, salt = '', expected = ''] = match;
  const tag = Buffer.from(expected, 'base64');
  const parameters = [Number(memoryKib), Number(passes), Number(parallelism)] as const;
  const derived = await derive(password, Buffer.from(salt, 'base64'), ...parameters, tag.length);
  return timingSafeEqual(derived, tag);
}

function derive(
  password: string,
  nonce: Uint8Array,
  memory: number,
  passes: number,
  parallelism: number,
  tagLength: number,
): Promise<Buffer> {
  const message = Buffer.from(normalise(password), 'utf8');
  return deriveKey('argon2id', { message, nonce, memory, passes, parallelism, tagLength });
}

/** Base 64 without padding, as PHC strings have it. */
function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}

/** Lets a number of works run at once and a number wait, in order. */
class Gate {
  readonly #waiting: (() => void)[] = [];
  readonly #waitingMax: number;
  #free: number;

  constructor(runningMax: number, waitingMax: number) {
    this.#free = runningMax;
    this.#waitingMax = waitingMax;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  #wait(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) {
      const detail = 'More passwords are being checked than this machine can; try again.';
      return Promise.reject(commonError('OVERLOADED', detail, { retryAfterSec: 5 }));
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
