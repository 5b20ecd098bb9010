import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

/** Seconds from NTP's epoch, 1900, to 1970. */
const epochSec = 2_208_988_800;
const packetBytes = 48;
/** Version 4, mode 3: a client. */
const clientHeader = 0x23;
const serverMode = 4;

export interface Skew {
  /** How much the server's clock is ahead of ours, ms. */
  readonly skewMs: number;
}

/**
 * Asks a time server once, by SNTP (RFC 5905 section 14).
 * @throws Error when there is no answer within two seconds, or none that can be used
 */
export async function querySkew(host: string, port = 123, timeoutMs = 2000): Promise<Skew> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  const { promise, resolve, reject } = Promise.withResolvers<Skew>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  // What the server has to send back; nobody who does not see the question can answer it.
  const request = Buffer.alloc(packetBytes);
  request[0] = clientHeader;
  randomBytes(8).copy(request, 40);
  let sentAt = 0;
  socket.on('error', reject);
  socket.on('message', (answer) => {
    if (answer.length < packetBytes || !answer.subarray(24, 32).equals(request.subarray(40))) return;
    const [mode, stratum] = [answer.readUInt8(0) & 7, answer.readUInt8(1)];
    if (mode !== serverMode || stratum === 0 || stratum > 15) reject(new Error('it has no time to tell'));
    resolve({ skewMs: (readTime(answer, 32) - sentAt + (readTime(answer, 40) - Date.now())) / 2 });
  });
  try {
    socket.send(request, port, host, (error) => {
      if (error) reject(error);
    });
    sentAt = Date.now();
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

/** A time stamp of NTP as ms since 1970. */
function readTime(packet: Buffer, offset: number): number {
  return (packet.readUInt32BE(offset) - epochSec) * 1000 + (packet.readUInt32BE(offset + 4) / 2 ** 32) * 1000;
}
