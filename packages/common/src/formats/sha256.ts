export { sha256, sha256Into } from '#sha256';
