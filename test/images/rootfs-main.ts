import { outputDir } from './config.ts';
import { debianImages, makeRootfs } from './rootfs.ts';

for (const image of debianImages) {
  const made = await makeRootfs(image);
  console.log(`${outputDir}/${image}: ${made.length === 0 ? 'as it was' : `made for ${made.join(', ')}`}`);
}
