export { isMlDsa44Signature } from '#ml-dsa';
