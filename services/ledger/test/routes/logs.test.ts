import { openCheckpoint } from '@lucid/common/formats/checkpoint';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestLedger, type TestLedger } from '../../../../test/support/ledger.ts';
import { logNamesOf } from '../../src/config.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openTestLedger({ otherLogs: ['audit', 'tenant-2'] });
});
afterAll(() => ledger[Symbol.asyncDispose]());

const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function append(prefix: string, text: string, headers: Record<string, string> = {}) {
  return await ledger.app.inject({
    method: 'POST',
    url: `${prefix}/entries?receipt=1`,
    payload: { entry: base64(text) },
    headers: { authorization: `Bearer ${ledger.token}`, ...headers },
  });
}

describe('several logs', () => {
  test('are listed, each with its origin', async () => {
    const { items } = (await ledger.app.inject('/logs')).json();
    expect(items).toEqual(
      ['lucid', 'audit', 'tenant-2'].map((name) => ({
        name,
        path: `/logs/${name}`,
        isAvailable: true,
        origin: `ledger.test/lucid/${name}`,
        treeSize: 0,
      })),
    );
  });

  test('know nothing of one another: neither entries nor keys nor checkpoints', async () => {
    const key = { 'idempotency-key': 'same-key' };
    const answers = [
      await append('', 'a', key),
      await append('/logs/audit', 'b', key),
      await append('/logs/tenant-2', 'c', key),
    ];
    expect(answers.map((answer) => [answer.statusCode, answer.json<{ leafIndex: number }>().leafIndex])).toEqual([
      [201, 0],
      [201, 0],
      [201, 0],
    ]);
    const read = async (path: string) => (await ledger.app.inject(path)).json<{ entry: string }>().entry;
    expect(await read('/entries/0')).toBe(base64('a'));
    expect(await read('/logs/audit/entries/0')).toBe(base64('b'));
    expect(await read('/logs/tenant-2/entries/0')).toBe(base64('c'));
  });

  test('are each signed by their own key under their own name', async () => {
    const keys = new Set<string>();
    for (const name of ['lucid', 'audit', 'tenant-2']) {
      const { verifierKey, origin } = (await ledger.app.inject(`/logs/${name}/log`)).json();
      const note = (await ledger.app.inject(`/logs/${name}/checkpoint`)).payload;
      const checkpoint = await openCheckpoint(note, [parseVerifierKey(verifierKey)]);
      expect([checkpoint.origin, origin]).toEqual(Array(2).fill(`ledger.test/lucid/${name}`));
      keys.add(verifierKey);
    }
    expect(keys.size).toBe(3);
  });

  test('the default one is at the root as well, the same one', async () => {
    await append('/logs/lucid', 'by its name');
    const { treeSize } = ledger.host.log;
    for (const path of ['/checkpoint', '/log', `/entries/${treeSize - 1}`, `/tile/0/000.p/${treeSize}`]) {
      const [root, named] = [await ledger.app.inject(path), await ledger.app.inject(`/logs/lucid${path}`)];
      expect([path, root.statusCode]).toEqual([path, 200]);
      expect(named.rawPayload).toEqual(root.rawPayload);
    }
  });

  test.each(['/logs/other/checkpoint', '/logs/lucid2/entries', '/logs/constructor/log'])(
    '%s is unknown',
    async (path) => {
      expect((await ledger.app.inject(path)).json()).toMatchObject({ status: 404, code: 'LEDGER_LOG_NOT_FOUND' });
    },
  );

  test.each(['/logs/LUCID/log', '/logs/..%2fdata/log', '/logs/a.b/log'])('%s is no name', async (path) => {
    expect((await ledger.app.inject(path)).json()).toMatchObject({ status: 400, code: 'REQUEST_INVALID' });
  });

  test('have their own figures and their own line in /readyz', async () => {
    const metrics = (await ledger.app.inject('/metrics')).payload;
    for (const [name, host] of ledger.hosts) {
      const line = new RegExp(`^ledger_tree_size\\{[^}]*log="${name}"[^}]*\\} ${host.log.treeSize}$`, 'm');
      expect(metrics).toMatch(line);
    }
    const { checks } = (await ledger.app.inject('/readyz')).json();
    expect(checks).toMatchObject({ log: { ok: true }, 'log audit': { ok: true }, 'log tenant-2': { ok: true } });
  });
});

describe('LEDGER_LOGS', () => {
  test.each<[string | undefined, string[]]>([
    [undefined, ['lucid']],
    ['', ['lucid']],
    ['audit', ['lucid', 'audit']],
    [' b , a,b,', ['lucid', 'b', 'a']],
    ['lucid,x', ['lucid', 'x']],
  ])('%j is %j', (logs, names) => {
    expect(logNamesOf({ logs })).toEqual(names);
  });

  test.each([
    'Audit',
    '../x',
    'a/b',
    '1a',
    'a b',
    'x'.repeat(33),
    'a\nb',
    'a,published',
    'witness',
    Array.from({ length: 17 }, (_, at) => `l${at}`).join(),
  ])('%j stops the start', (logs) => {
    expect(() => logNamesOf({ logs })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
