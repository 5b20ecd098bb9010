import { once } from 'node:events';
import { startTorNetwork } from '../tor-network.ts';

// `pnpm tor`: a private Tor network to develop against, until Ctrl-C.

console.log('The authorities vote every ten seconds: the network takes about twenty to start.');
await using network = await startTorNetwork();
const { onion, visitor } = network;
console.log(`
What tunnel-tools needs, to publish in it:
  export TOR_CONTROL_PATH=${onion.controlSocket} TOR_SOCKS_PATH=${onion.socksSocket}
What a visitor does:
  curl --proxy socks5h://${visitor.socks.host}:${visitor.socks.port} http://<onion address>/
What another tor needs in its torrc, to join:

${network.torrc}
Ctrl-C ends it.`);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
