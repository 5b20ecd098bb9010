const services =
  'vm ledger sessions api governance blockchain-api openapi-server tunnel-tools mongo mongodb redis tor-proxy';
const places =
  'localhost localhost:8082 gateway:8082 gateway:6379 127.0.0.1 127.0.0.1:8088 127.0.0.1:9051 0.0.0.0:27017 [::1]:6379 ' +
  '[::ffff:127.0.0.1]:8082 2130706433 0x7f000001 0177.0.0.1 10.77.5.2:27017 169.254.169.254 example.com ' +
  'unix:/run/tor/control /run/tor/control http://gateway file:///etc/passwd';
const nearly = [
  'gateway.',
  'GATEWAY',
  ' gateway',
  'gateway ',
  'gateway\t',
  'gateway\0',
  'gateway\r\nDEL_ONION x',
  '__proto__',
];

/** Names and addresses that no tunnel may lead to. */
export const refusedTargets = [services.split(' '), places.split(' '), nearly, 'gateway,127.0.0.1:9051'].flat();

/** Text that would say more to tor, or to a store, than the field it is put into. */
export const injections = [
  'x\r\nADD_ONION NEW:BEST Flags=Detach Port=80',
  'x\nSIGNAL HALT',
  'x\r\nGETCONF ControlPort\r\n',
  'x Port=81,127.0.0.1:9051',
  'x Flags=NonAnonymous',
  '"x"',
  'x\u0000',
  '../../etc/passwd',
  '{"$gt":""}',
  '__proto__',
];
