import type { Manifest } from '@lucid/common/formats/manifest';
import { expect, test } from 'vitest';
import { createRecipientKey, openSecret, sealSecret } from '../src/recipients.ts';

const SESSION = '0c8b1f8e-4a52-4d6b-9f3e-2a1b3c4d5e6f';

test('a secret opens for its recipient, in its session, and for nobody else', async () => {
  const secret = new Uint8Array(32).fill(5);
  const [key, stranger] = await Promise.all([createRecipientKey(), createRecipientKey()]);
  const recipient = await sealSecret(secret, SESSION, key.publicKey);
  expect(recipient.box).toHaveLength(96);
  const manifestOf = (sessionId: string, ...recipients: Manifest['recipients']) =>
    ({ sessionId, recipients }) as Manifest;
  const manifest = manifestOf(SESSION, recipient);
  expect(await openSecret(manifest, key)).toEqual(secret);
  await expect(openSecret(manifest, stranger)).rejects.toMatchObject({ code: 'SESSION_SECRET_NOT_SHARED' });
  const notOpened = { code: 'SESSION_SECRET_NOT_OPENED' };
  const otherKey = { ...stranger, publicKey: key.publicKey };
  await expect(openSecret(manifest, otherKey)).rejects.toMatchObject(notOpened);
  const otherSession = manifestOf('f47ac10b-58cc-4372-a567-0e02b2c3d479', recipient);
  await expect(openSecret(otherSession, key)).rejects.toMatchObject(notOpened);
  const short = await sealSecret(secret.slice(1), SESSION, key.publicKey);
  await expect(openSecret(manifestOf(SESSION, { ...short, box: `${short.box}00` }), key)).rejects.toMatchObject(
    notOpened,
  );
});
