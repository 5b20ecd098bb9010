import { fileEntry, folderEntry, type TarEntry } from '../tar.ts';

/**
 * What GoogleContainerTools/distroless puts into its Debian 13 images (static/, base/, cc/, nodejs/ and common/ of the
 * repository): the packages in its order, one layer each, and the few files that are of no package.
 */
const staticPackages = ['base-files', 'netbase', 'tzdata', 'tzdata-legacy', 'media-types'];
const basePackages = ['libc6', 'libssl3t64', 'libzstd1', 'zlib1g'];
const ccPackages = ['libgomp1', 'libstdc++6', 'libgcc-s1', 'gcc-14-base'];

/** A base image: its repository, its packages after the files every one has, and whether Node is on top. */
export interface BaseImage {
  readonly repository: string;
  readonly packages: readonly string[];
  readonly hasNode: boolean;
}

const distroless = 'gcr.io/distroless';
export const baseImages: readonly BaseImage[] = [
  { repository: `${distroless}/static-debian13`, packages: [], hasNode: false },
  { repository: `${distroless}/base-debian13`, packages: basePackages, hasNode: false },
  { repository: `${distroless}/cc-debian13`, packages: [...basePackages, ...ccPackages], hasNode: false },
  { repository: `${distroless}/nodejs24-debian13`, packages: [...basePackages, ...ccPackages], hasNode: true },
];

export const firstPackages: readonly string[] = staticPackages;
export const certificatesPackage = 'ca-certificates';
export const certificatesPath = '/etc/ssl/certs/ca-certificates.crt';
/** The same for every architecture; the others are one each. */
export const commonPackages = ['netbase', 'tzdata', 'tzdata-legacy', 'media-types', certificatesPackage];
export const nativePackages = ['base-files', ...basePackages, ...ccPackages];

/** The tags made, with the user and folder each starts in. */
export const tags = [
  { tag: 'latest', user: '0', workingDir: '/' },
  { tag: 'nonroot', user: '65532', workingDir: '/home/nonroot' },
] as const;

const lines = (...text: readonly string[]) => `${text.join('\n')}\n`;

/** The layers that come from no package, in their order, by name. */
export const fileLayers: ReadonlyMap<string, readonly TarEntry[]> = new Map([
  ['rootfs', [folderEntry('/')]],
  [
    'passwd',
    [
      folderEntry('/etc'),
      fileEntry(
        '/etc/passwd',
        lines(
          'root:x:0:0:root:/root:/sbin/nologin',
          'nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin',
          'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin',
        ),
      ),
    ],
  ],
  ['home', [folderEntry('/home'), folderEntry('/home/nonroot', 0o700, 65532), folderEntry('/root', 0o700)]],
  [
    'group',
    [
      folderEntry('/etc'),
      fileEntry('/etc/group', lines('root:x:0:', 'nobody:x:65534:', 'tty:x:5:', 'staff:x:50:', 'nonroot:x:65532:')),
    ],
  ],
  ['tmp', [folderEntry('/tmp', 0o1777)]],
  [
    'nsswitch',
    [
      folderEntry('/etc'),
      fileEntry(
        '/etc/nsswitch.conf',
        lines(
          'passwd: compat',
          'group: compat',
          'shadow: compat',
          'gshadow: files',
          'hosts: files dns',
          'networks: files',
          'protocols: db files',
          'services: db files',
          'ethers: db files',
          'rpc: db files',
          'netgroup: nis',
        ),
      ),
    ],
  ],
  [
    'os-release',
    [
      folderEntry('/usr'),
      folderEntry('/usr/lib'),
      fileEntry(
        '/usr/lib/os-release',
        lines(
          'PRETTY_NAME="Distroless"',
          'NAME="Debian GNU/Linux"',
          'ID="debian"',
          'VERSION_ID="13"',
          'VERSION="Debian GNU/Linux 13 (trixie)"',
          'HOME_URL="https://github.com/GoogleContainerTools/distroless"',
        ),
        0o555,
      ),
    ],
  ],
]);
