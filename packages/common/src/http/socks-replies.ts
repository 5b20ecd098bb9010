/** What a SOCKS5 proxy's reply means for the caller: RFC 1928 section 6, and tor's extended codes (proposal 304). */
export interface SocksReply {
  /** As people write it: `F4`. */
  readonly name: string;
  /** A sentence for people. */
  readonly reason: string;
  /** Trying again later may help. */
  readonly isPassing: boolean;
}

const passing = (reason: string): Omit<SocksReply, 'name'> => ({ reason, isPassing: true });
const lasting = (reason: string): Omit<SocksReply, 'name'> => ({ reason, isPassing: false });

const replies: Readonly<Record<number, Omit<SocksReply, 'name'>>> = {
  1: passing('The connection could not be made; for an onion service: what it leads to does not answer.'),
  2: lasting('The proxy does not allow this connection: tor’s proxy of the platform takes onion addresses only.'),
  3: passing('The proxy cannot reach the network.'),
  4: passing('The proxy cannot reach the host.'),
  5: passing('The connection was refused; for an onion service: it has no such port, or was just withdrawn.'),
  6: passing('The connection was not made in time.'),
  7: lasting('The proxy does not know the command.'),
  8: lasting('The proxy does not know the kind of address.'),
  240: passing('The onion service’s descriptor was not found: it is not published, or no longer, or not yet.'),
  241: passing('The onion service’s descriptor is invalid.'),
  242: passing('The onion service did not take the introduction: its tor is away, or was restarted a moment ago.'),
  243: passing('The onion service did not come to the rendezvous.'),
  244: lasting('The onion service is for authorized clients, and this tor has no key for it.'),
  245: lasting('The onion service does not take this client’s key: it is another’s, or was revoked.'),
  246: lasting('This is no onion address: its length, version or checksum is wrong.'),
  247: passing('The introduction to the onion service was not answered in time.'),
};

/** What reply `code` (0-255, not 0) means; an unknown one is said to be so. */
export function explainSocksReply(code: number): SocksReply {
  const name = code.toString(16).toUpperCase().padStart(2, '0');
  return { name, ...(replies[code] ?? lasting(`The proxy refused with a code of its own, ${name}.`)) };
}
