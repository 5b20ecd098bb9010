/**
 * KZG point evaluation (EIP-4844, precompile 0x0a): the verification alone, which needs one point of the trusted
 * setup. Blobs themselves are not carried by this chain.
 */
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { bytesToBig, fromHex } from './bytes.ts';

const { G1, G2, fields } = bls12_381;

/** [τ]₂ of the 2023 ceremony (`KZG_SETUP_G2_MONOMIAL[1]` of the consensus specification). */
const TAU_G2 = G2.Point.fromHex(
  'b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72' +
    '185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2',
);

function fieldElement(hex: string): bigint {
  const value = bytesToBig(fromHex(hex));
  if (value >= fields.Fr.ORDER) throw new Error('C_KZG_BADARGS: not a canonical field element');
  return value;
}

function pointG1(hex: string): InstanceType<typeof G1.Point> {
  try {
    const point = G1.Point.fromBytes(fromHex(hex));
    if (!point.is0()) point.assertValidity();
    return point;
  } catch {
    throw new Error('C_KZG_BADARGS: not a point of G1');
  }
}

/**
 * Verifies p(z) = y for the polynomial committed to, that is e(C − [y]₁, [1]₂) = e(π, [τ − z]₂).
 * Arguments are 0x hex: commitment and proof 48 bytes, z and y 32 bytes.
 * @throws Error with `C_KZG_BADARGS` where an argument is no point or field element.
 */
export function verifyKzgProof(commitment: string, z: string, y: string, proof: string): boolean {
  const [zValue, yValue] = [fieldElement(z), fieldElement(y)];
  const [c, pi] = [pointG1(commitment), pointG1(proof)];
  const left = c.subtract(G1.Point.BASE.multiplyUnsafe(yValue));
  const right = TAU_G2.subtract(G2.Point.BASE.multiplyUnsafe(zValue));
  const pairs = [
    { g1: left.negate(), g2: G2.Point.BASE },
    { g1: pi, g2: right },
  ].filter(({ g1, g2 }) => !g1.is0() && !g2.is0());
  if (pairs.length === 0) return true;
  return fields.Fp12.eql(bls12_381.pairingBatch(pairs), fields.Fp12.ONE);
}
