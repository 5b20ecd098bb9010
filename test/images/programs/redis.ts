import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Engine } from '../engine.ts';
import { ProgramContainer, type Variant } from './container.ts';
import { Scratch } from './scratch.ts';

const password = 'of this check alone';
const passwordHash = createHash('sha256').update(password).digest('hex');
const socket = 'socket';

/** Runs redis confined, writes, kills it, and finds what was acknowledged. Returns what was found. */
export async function checkRedis(engine: Engine, image: string, variant: Variant): Promise<string> {
  await using scratch = await Scratch.create();
  const data = await scratch.folder('data');
  const secrets = await scratch.folder('secrets');
  await scratch.file(secrets, 'redis.password', `${password}\n`);
  const volumes = [`${data}:/var/lib/redis`, `${secrets}:/run/secrets:ro`];
  const options = {
    image,
    variant,
    network: 'none',
    mounts: volumes.map((volume) => `--volume=${volume}`),
    args: ['--unixsocket', `/var/lib/redis/${socket}`],
  };
  {
    await using open = await ProgramContainer.start(engine, options);
    assert.equal((await open.docker('wait')).trim(), '1', 'it started without the file of its users');
  }
  await scratch.file(secrets, 'redis.acl', `user default on #${passwordHash} ~* &* +@all\n`);
  const startedAt = performance.now();
  await using container = await ProgramContainer.start(engine, options);
  await container.healthy(30_000);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);

  const path = join(data, socket);
  assert.match(await ask(path, 'SET key value'), /^-NOAUTH /);
  assert.equal(await ask(path, `AUTH "${password}"`, 'SET key value'), '+OK\r\n+OK\r\n');
  await container.docker('kill');
  await container.docker('start');
  await container.healthy(30_000);
  assert.equal(await ask(path, `AUTH "${password}"`, 'GET key'), '+OK\r\n$5\r\nvalue\r\n');
  await container.stop();
  return `ready after ${seconds} s; nothing without the password; a write outlives a kill`;
}

/** Sends commands and returns the answers, as they are on the wire. */
async function ask(path: string, ...commands: readonly string[]): Promise<string> {
  const connection = connect(path);
  await once(connection, 'connect');
  connection.end(commands.map((command) => `${command}\r\n`).join(''));
  return text(connection);
}
