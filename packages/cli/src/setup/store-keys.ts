import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { cliError } from '../errors.ts';
import { createPrivateFile, findPrivateFile } from './private-file.ts';

interface Recipe {
  readonly file: string;
  /** What a sound file looks like, its newline included. */
  readonly shape: RegExp;
  readonly meaning: string;
  readonly create: () => string;
}

const hexKey = { shape: /^[0-9a-f]{64}\n?$/, meaning: '64 hex digits', create: () => randomHex() } as const;

const recipes: readonly Recipe[] = [
  /** Seals the keys of onion services at rest. */
  { file: 'tunnels.key', ...hexKey },
  { file: 'redis.password', ...hexKey },
  { file: 'mongo-root.password', ...hexKey },
  { file: 'mongo-lucid.password', ...hexKey },
  {
    file: 'mongo.key',
    shape: /^[A-Za-z0-9+/=]{6,1024}\n?$/,
    meaning: 'a key file of a MongoDB replica set: 6 to 1024 base64 characters',
    create: () => `${randomBytes(756).toString('base64')}\n`,
  },
];

/**
 * Makes what the proxy's tunnels and the stores need beside the platform's keys, in the same folder and by the same
 * rules: what is there is checked and kept.
 * @returns the names of the files made
 * @throws KEY_FILE_INVALID, KEY_FILE_EXPOSED
 */
export async function ensureStoreKeys(folder: string): Promise<string[]> {
  const created: string[] = [];
  for (const recipe of recipes) await ensureFile(folder, recipe, created);
  const password = (await findPrivateFile(join(folder, 'redis.password')))?.trim() ?? '';
  await ensureFile(folder, redisAcl(password), created);
  return created;
}

/** Redis takes its users from a file and keeps a password's hash only; the rule is made of the password. */
function redisAcl(password: string): Recipe {
  const hash = createHash('sha256').update(password).digest('hex');
  return {
    file: 'redis.acl',
    shape: new RegExp(`^user default on[^\\n]* #${hash} `),
    meaning: 'Redis users of which default has the password of redis.password',
    create: () => `user default on sanitize-payload #${hash} ~* &* +@all\n`,
  };
}

async function ensureFile(folder: string, recipe: Recipe, created: string[]): Promise<void> {
  const path = join(folder, recipe.file);
  const found = await findPrivateFile(path);
  if (found === undefined) {
    if (await createPrivateFile(path, recipe.create())) created.push(recipe.file);
    else await ensureFile(folder, recipe, created); // another setup was faster
  } else if (!recipe.shape.test(found)) {
    const advice = 'Restore it from a backup, or move it away to have a new one made.';
    throw cliError('KEY_FILE_INVALID', `${path} is not ${recipe.meaning}. ${advice}`);
  }
}

function randomHex(): string {
  return `${randomBytes(32).toString('hex')}\n`;
}
