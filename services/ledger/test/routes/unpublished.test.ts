import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestLedger, type TestLedger } from '../../../../test/support/ledger.ts';
import { Events } from '../support/events.ts';

// What a client and an operator see while the witnesses are away, and once they are back.

let ledger: TestLedger;
let url: string;
let areAway = true;
beforeAll(async () => {
  ledger = await openTestLedger({
    endorse: async (note) => {
      if (areAway) throw new Error('nobody cosigns');
      return note;
    },
  });
  url = await ledger.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => ledger[Symbol.asyncDispose]());

async function append(text: string, path = '/entries', key = 'entry') {
  const value = Buffer.from(text).toString('base64');
  const answer = await ledger.app.inject({
    method: 'POST',
    url: `${path}?receipt=1`,
    payload: { [key]: key === 'entry' ? value : [value] },
    headers: { authorization: `Bearer ${ledger.token}` },
  });
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
}

test('an append is durable and answered, without the receipt that is not there', async () => {
  expect(await append('one')).toEqual({ status: 201, body: { leafIndex: 0, leafHash: expect.any(String) } });
  expect(await append('two', '/entries:batch', 'entries')).toEqual({ status: 201, body: { firstIndex: 1, count: 1 } });
  expect((await ledger.app.inject('/entries/1')).statusCode).toBe(200);
});

test('its receipt is asked for later, its proof is not of any tree yet', async () => {
  const receipt = await ledger.app.inject('/entries/0/receipt');
  expect(receipt.json()).toMatchObject({ status: 503, code: 'LEDGER_RECEIPT_PENDING' });
  expect(Number(receipt.headers['retry-after'])).toBeGreaterThan(0);
  const proof = await ledger.app.inject('/proofs/inclusion?leafIndex=0');
  expect(proof.json()).toMatchObject({ code: 'LEDGER_RANGE_INVALID' });
  expect((await ledger.app.inject('/tile/entries/000.p/1')).json()).toMatchObject({ code: 'LEDGER_TILE_NOT_FOUND' });
});

test('the service is ready, and says what waits and why', async () => {
  const { status, checks } = (await ledger.app.inject('/readyz')).json();
  expect([status, checks.log]).toEqual([
    'ready',
    { ok: true, detail: '2 entries wait for cosignatures: nobody cosigns' },
  ]);
  const { payload } = await ledger.app.inject('/metrics');
  expect(payload).toMatch(/^ledger_unendorsed_total\{[^}]*log="lucid"[^}]*\} [1-9]\d*$/m);
  expect(payload).toMatch(/^ledger_published_tree_size\{[^}]*log="lucid"[^}]*\} 0$/m);
  expect(payload).toMatch(/^ledger_tree_size\{[^}]*log="lucid"[^}]*\} 2$/m);
});

test('a follower is told nothing that is not published, and all of it once it is', async () => {
  using events = await Events.open(`${url}/follow?from=0`);
  expect((await events.take('checkpoint', 1))[0]?.data).toContain('\n0\n');
  areAway = false;
  expect((await events.take('entry', 2)).map(({ id }) => id)).toEqual(['0', '1']);
  expect((await events.next())?.data).toContain('\n2\n');
  const { body } = await append('three');
  expect(body).toMatchObject({ leafIndex: 2, treeSize: 3, receipt: expect.stringContaining('tlog-proof@v1') });
});
