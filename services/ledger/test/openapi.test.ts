import { expect, test } from 'vitest';
import { openTestLedger } from '../../../test/support/ledger.ts';

test('openapi.json is what the service serves', async () => {
  await using ledger = await openTestLedger();
  const document = (await ledger.app.inject('/openapi.json')).json();
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../openapi.json');
});
