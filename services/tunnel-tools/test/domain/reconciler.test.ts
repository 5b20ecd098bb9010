import { expect, test } from 'vitest';
import { ControlWire } from '../support/control-wire.ts';
import { TestTools, until } from '../support/test-tools.ts';
import { TestTor } from '../support/tor.ts';

/** Asks who is visiting, to put them out. */
const cut = 'GETINFO circuit-status';

test('whoever is in is put out also when the control connection ends between taking a service away and that', async () => {
  await using tor = await TestTor.start();
  await using wire = await ControlWire.start(tor.folder, tor.controlPath);
  await using tools = await TestTools.start({ controlPath: wire.path });
  const client = await tools.client();
  const { onionAddress } = await client.createTunnel({
    body: { name: 'docs', ports: [{ target: 'openapi-gateway' }] },
  });
  await until(() => (wire.commands.some((command) => command.startsWith('ADD_ONION ')) ? true : undefined));
  wire.cutAt = cut;
  await client.updateTunnel({ params: { name: 'docs' }, body: { desired: 'stopped' } });
  await until(() => (wire.cutAt === undefined ? true : undefined));
  expect(wire.commands.slice(-2)).toEqual([`DEL_ONION ${onionAddress.replace('.onion', '')}`, cut]);
  const count = wire.commands.length;
  await until(() => (wire.commands.slice(count).includes(cut) ? true : undefined), 5000);
});

test('whoever is in is put out when what they came for is withdrawn, and not when something is added', async () => {
  await using tor = await TestTor.start();
  await using wire = await ControlWire.start(tor.folder, tor.controlPath);
  await using tools = await TestTools.start({ controlPath: wire.path });
  const client = await tools.client();
  const added = () => wire.commands.filter((command) => command.startsWith('ADD_ONION ')).length;
  const docs = { virtualPort: 8080, target: 'openapi-gateway' };
  const door = { virtualPort: 80, target: 'gateway' };
  const params = { name: 'both' };
  await client.createTunnel({ body: { name: 'both', ports: [door, docs] } });
  await until(() => (added() === 1 ? true : undefined));
  wire.commands.splice(0);
  await client.updateTunnel({ params, body: { ports: [docs] } });
  await until(() => (added() === 1 ? true : undefined));
  expect(wire.commands.filter((command) => command === cut)).toHaveLength(1);
  await client.updateTunnel({ params, body: { ports: [docs, door] } });
  await until(() => (added() === 2 ? true : undefined));
  expect(wire.commands.filter((command) => command === cut)).toHaveLength(1);
  await client.updateTunnel({ params, body: { ports: [docs, { ...docs, virtualPort: 80 }] } });
  await until(() => (added() === 3 ? true : undefined));
  expect(wire.commands.filter((command) => command === cut)).toHaveLength(2);
});
