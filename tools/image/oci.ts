import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { run } from './command.ts';

/** OCI image format 1.1. */
const TYPE = {
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
} as const;

/** Everything has the same time: what changes an image is its files. */
const EPOCH = '1970-01-01T00:00:00Z';
const TAR = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

type Descriptor = { readonly mediaType: string; readonly digest: string; readonly size: number };

export type ImageOptions = {
  /** Made anew. */
  readonly folder: string;
  /** `host/name:tag`. */
  readonly name: string;
  /** Folders, lowest first. */
  readonly layers: readonly { readonly folder: string; readonly what: string }[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, string>>;
};

export type WrittenImage = {
  readonly digest: string;
  readonly layers: readonly { what: string; bytes: number; packed: number }[];
};

/** Writes an OCI layout that `docker load` understands as well, once it is a tar. */
export function writeImage({ folder, name, layers, config, labels }: ImageOptions): WrittenImage {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
  const packed = layers.map(({ folder: from, what }) => {
    const tar = tarOf(from);
    return {
      what,
      bytes: tar.length,
      diffId: digestOf(tar),
      blob: put(folder, TYPE.layer, gzipSync(tar, { level: 6 })),
    };
  });
  const image = put(folder, TYPE.config, {
    created: EPOCH,
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { ...config, Labels: labels },
    rootfs: { type: 'layers', diff_ids: packed.map(({ diffId }) => diffId) },
    history: packed.map(({ what }) => ({ created: EPOCH, created_by: what })),
  });
  const manifest = put(folder, TYPE.manifest, {
    schemaVersion: 2,
    mediaType: TYPE.manifest,
    config: image,
    layers: packed.map(({ blob }) => blob),
    annotations: labels,
  });
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name };
  const index = { schemaVersion: 2, mediaType: TYPE.index, manifests: [{ ...manifest, annotations }] };
  writeJson(join(folder, 'index.json'), index);
  writeJson(join(folder, 'oci-layout'), { imageLayoutVersion: '1.0.0' });
  const path = ({ digest }: Descriptor): string => `blobs/${digest.replace(':', '/')}`;
  const archive = [{ Config: path(image), RepoTags: [name], Layers: packed.map(({ blob }) => path(blob)) }];
  writeJson(join(folder, 'manifest.json'), archive);
  return {
    digest: manifest.digest,
    layers: packed.map(({ what, bytes, blob }) => ({ what, bytes, packed: blob.size })),
  };
}

/** The whole layout as one file, for `ctr image import`, `docker load` and their like. */
export function packImage(folder: string, file: string): void {
  run('tar', ...TAR, '-cf', file, '-C', folder, '.');
}

function tarOf(folder: string): Buffer {
  const file = `${folder}.tar`;
  run('tar', ...TAR, '-cf', file, '-C', folder, '.');
  try {
    return readFileSync(file);
  } finally {
    rmSync(file);
  }
}

function put(folder: string, mediaType: string, content: Buffer | object): Descriptor {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  const digest = digestOf(bytes);
  writeFileSync(join(folder, 'blobs', digest.replace(':', '/')), bytes);
  return { mediaType, digest, size: bytes.length };
}

function writeJson(path: string, value: object): void {
  writeFileSync(path, JSON.stringify(value));
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
