// Run by mongosh in the mongo-init container: the replica set of one member, then the platform's user.
const { readFileSync } = require('node:fs');
const secret = (name) => readFileSync(`/run/secrets/${name}`, 'utf8').trim();

const address = 'mongo.internal:27017';
const root = encodeURIComponent(secret('mongo-root.password'));
const admin = connect(`mongodb://root:${root}@${address}/admin?directConnection=true`);

try {
  admin.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.codeName !== 'NotYetInitialized') throw error;
  admin.adminCommand({ replSetInitiate: { _id: 'lucid', members: [{ _id: 0, host: address }] } });
}
for (let attempt = 0; !admin.hello().isWritablePrimary; attempt += 1) {
  if (attempt === 60) throw new Error('the replica set has no primary after 60 s');
  sleep(1000);
}
const lucid = admin.getSiblingDB('lucid');
if (lucid.getUser('lucid') === null) {
  const roles = [{ role: 'readWrite', db: 'lucid' }];
  lucid.createUser({ user: 'lucid', pwd: secret('mongo-lucid.password'), roles });
}
