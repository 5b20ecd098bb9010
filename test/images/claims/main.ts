import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../config.ts';
import { formatClaims } from './document.ts';
import { Evidence } from './evidence.ts';

// `pnpm claims`: docs/seed-claims.md out of the reports that `pnpm images` and `pnpm stack` left in dist.

mkdirSync(join(root, 'docs'), { recursive: true });
writeFileSync(join(root, 'docs/seed-claims.md'), formatClaims(Evidence.read()));
console.log('docs/seed-claims.md');
