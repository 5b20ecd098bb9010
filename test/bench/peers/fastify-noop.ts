import Fastify from 'fastify';

// The same framework doing nothing: what a durable append is measured against.
const app = Fastify({ logger: false });
app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/entries', () => ({ leafIndex: 0, leafHash: '0'.repeat(64) }));
app.post('/rpc', () => ({ jsonrpc: '2.0', id: 1, result: `0x${'0'.repeat(64)}` }));
const url = await app.listen({ port: 0, host: '127.0.0.1' });
process.once('SIGTERM', () => void app.close());
console.log(JSON.stringify({ url }));
