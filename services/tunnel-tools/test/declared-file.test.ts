import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestTools, until } from './support/test-tools.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-tunnels-file-'));
  path = join(folder, 'tunnels.yaml');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const two = `
tunnels:
  - name: home
    ports: [{ target: gateway }]
    clientAuth: true
  - name: docs
    ports:
      - { virtualPort: 8080, target: openapi-gateway }
    maxStreams: 16
`;

async function start(text: string): Promise<TestTools> {
  await writeFile(path, text);
  return await TestTools.start({ controlPath: '/nowhere/control', env: { TUNNEL_TOOLS_FILE: path } });
}

const refusal = (code: string) => expect.objectContaining({ code });

test('what the file names is there from the start, and follows it', async () => {
  await using tools = await start(two);
  const client = await tools.client();
  const before = (await client.listTunnels({})).items;
  expect(before).toMatchObject([
    { name: 'docs', origin: 'file', owner: 'file', powDefense: true, maxStreams: 16, ports: [{ virtualPort: 8080 }] },
    { name: 'home', origin: 'file', clientAuth: true, powDefense: false, maxStreams: 256 },
  ]);
  await writeFile(path, two.replace('maxStreams: 16', 'maxStreams: 17'));
  const docs = { params: { name: 'docs' } };
  const changed = await until(async () => {
    const tunnel = await client.getTunnel(docs);
    return tunnel.maxStreams === 17 ? tunnel : undefined;
  });
  expect(changed).toMatchObject({ version: 2, onionAddress: before[0]?.onionAddress });
  await tools.close();
  await tools.open();
  const again = await (await tools.client()).getTunnel(docs);
  expect(again).toMatchObject({ version: 2, onionAddress: changed.onionAddress });
});

test('only the file changes what it declares; what else may be done to a tunnel may be', async () => {
  await using tools = await start(two);
  const client = await tools.client();
  const home = { params: { name: 'home' } };
  await expect(client.updateTunnel({ ...home, body: { maxStreams: 1 } })).rejects.toThrow(
    refusal('TUNNEL_DECLARED_IN_FILE'),
  );
  await expect(client.deleteTunnel(home)).rejects.toThrow(refusal('TUNNEL_DECLARED_IN_FILE'));
  const { authPrivate } = await client.createTunnelClient({ ...home, body: { name: 'laptop' } });
  expect(authPrivate).toBeDefined();
  const rotated = await client.rotateTunnel({ ...home, body: {} });
  expect(rotated.services).toHaveLength(2);
});

test('what it names no more is stopped and keeps its address, also when it is named again', async () => {
  await using tools = await start(two);
  const client = await tools.client();
  const docs = { params: { name: 'docs' } };
  const { onionAddress } = await client.getTunnel(docs);
  await writeFile(path, two.slice(0, two.indexOf('  - name: docs')));
  await until(async () => ((await client.getTunnel(docs)).desired === 'stopped' ? true : undefined));
  expect(await client.getTunnel(docs)).toMatchObject({ origin: 'api', onionAddress });
  await writeFile(path, two);
  await until(async () => ((await client.getTunnel(docs)).desired === 'published' ? true : undefined));
  expect(await client.getTunnel(docs)).toMatchObject({ origin: 'file', onionAddress });
});

test('a tunnel made through the API is not taken over', async () => {
  await using tools = await start('tunnels: []');
  const client = await tools.client();
  await client.createTunnel({ body: { name: 'docs', ports: [{ target: 'gateway' }] } });
  await writeFile(path, two);
  const file = await until(async () => {
    const status = await client.getTunnelStatus({});
    return status.file?.problem === undefined ? undefined : status.file;
  });
  expect(file.problem).toContain('docs was made through the API');
  expect(await client.getTunnel({ params: { name: 'docs' } })).toMatchObject({ origin: 'api', version: 1 });
  expect(await client.getTunnel({ params: { name: 'home' } })).toMatchObject({ origin: 'file' });
});

test.each([
  ['no YAML', 'tunnels: [', /at line 1/],
  ['another shape', 'tunnels: 5', /tunnels/],
  ['nothing', '', /object/],
  ['a name twice', `${two}${two.slice(two.indexOf('  - name: docs'))}`, /docs is declared twice/],
  ['a forbidden target', 'tunnels: [{ name: a, ports: [{ target: "redis:6379" }] }]', /targets are named/],
  ['a key', 'tunnels: [{ name: a, ports: [{ target: gateway }], secretKey: abc }]', /secretKey|additional/],
  ['anchors', 'a: &a [1]\ntunnels: [*a]', /alias/i],
])('a file with %s stops the start, and changes nothing later', async (_name, text, message) => {
  await expect(start(text)).rejects.toThrow(message);
  await using tools = await start(two);
  const client = await tools.client();
  await writeFile(path, text);
  const { file } = await until(async () => {
    const status = await client.getTunnelStatus({});
    return status.file?.problem === undefined ? undefined : status;
  });
  expect(file?.problem).toMatch(message);
  expect((await client.listTunnels({})).items.map(({ version }) => version)).toEqual([1, 1]);
  await writeFile(path, two);
  await until(async () => ((await client.getTunnelStatus({})).file?.problem === undefined ? true : undefined));
});
