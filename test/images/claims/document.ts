import { formatMegabytes } from '../sizes.ts';
import { type Claim, claims, seedImages } from './claims.ts';
import { type Evidence, failsMark, missingMark } from './evidence.ts';

/** docs/seed-claims.md: the table of claims and the table of images, with the figures of the evidence. */
export function formatClaims(evidence: Evidence): string {
  const rows = claims.map((claim) => {
    const truth = claim.truth(evidence);
    return [claim.seed, `**${verdictOf(claim, truth)}**`, truth, `\`${claim.by}\``];
  });
  return `${[
    '# The seed’s claims, measured',
    '',
    'Lucid began as a document that describes fourteen container images and what they achieve. This page holds each of its',
    'claims against what is measured. It is written by `npx -y pnpm claims` from what `pnpm images` and `pnpm stack` found',
    'last; no figure in it was typed.',
    '',
    ...provenance(evidence),
    '',
    ...table(['the seed says', 'verdict', 'what is true', 'found by'], rows),
    '',
    '## The fourteen images',
    '',
    'ARM64. *On disk* is the sum of an image’s files, *pulled* that of its layers as a registry holds them, *own* what it',
    'adds to its base. Layers that images share count in each row and once in the last.',
    '',
    ...table(
      ['image', 'seed: MB', 'on disk', 'pulled', 'own', 'seed: port', 'port', 'seed: base'],
      [...seedImages.map((image) => imageRow(image, evidence)), togetherRow(evidence)],
    ),
  ].join('\n')}\n`;
}

/** A claim is judged only where all that its truth rests on was measured, and holds only where that passed. */
function verdictOf({ verdict }: Claim, truth: string): string {
  if (verdict.startsWith('holds') && truth.includes(failsMark)) return 'fails';
  return verdict.includes('hold') && truth.includes(missingMark) ? 'not measured' : verdict;
}

function provenance({ images }: Evidence): string[] {
  if (images === undefined) return ['`pnpm images` has left no report.'];
  const bases = images.isOnStandIns ? 'stand-ins of the distroless bases' : 'the real distroless bases';
  return [`Images of ${images.createdAt.slice(0, 10)}, on ${bases}, on a machine with ${images.machine}.`];
}

function imageRow({ tag, claimedMegabytes, port, base }: (typeof seedImages)[number], evidence: Evidence): string[] {
  const sizes = evidence.sizes(tag);
  const figures =
    sizes === undefined ? ['-', '-', '-'] : [sizes.diskBytes, sizes.pulledBytes, sizes.ownBytes].map(formatMegabytes);
  const ports = sizes === undefined ? '-' : evidence.ports(tag);
  return [`\`${tag}\``, String(claimedMegabytes ?? '-'), ...figures, String(port ?? '-'), ports, `${base}-debian12`];
}

function togetherRow({ images }: Evidence): string[] {
  const together = images?.sizes.together.arm64;
  const figures = together === undefined ? ['-', '-'] : [together.diskBytes, together.pulledBytes].map(formatMegabytes);
  return ['all but `infrastructure-dev`', '-', ...figures, '-', '-', '-', '-'];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
