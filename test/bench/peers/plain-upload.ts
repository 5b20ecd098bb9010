import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

// A plain Node server that streams the body to the same disk and syncs it: what an upload is measured against.
const folder = process.argv[2] ?? '.';
const server = createServer((request, response) => {
  const path = join(folder, randomUUID());
  const store = async () => {
    const file = await open(path, 'w');
    for await (const chunk of request) await file.write(chunk as Buffer);
    await file.sync();
    await file.close();
    await rm(path);
    response.end('{}');
  };
  store().catch((error: unknown) => response.writeHead(500).end(String(error)));
});
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
});
process.once('SIGTERM', () => server.close());
