/** `registry.k8s.io/e2e-test-images/agnhost:2.53` in its parts. */
export type ImageName = {
  /** Without a registry: `e2e-test-images/agnhost`; of Docker's own library only the name. */
  readonly repository: string;
  /** With the registry, as it was written, without tag and digest. */
  readonly full: string;
  /** Default `latest`. */
  readonly tag: string;
};

export function parseImage(image: string): ImageName {
  const [named = ''] = image.split('@');
  const slash = named.lastIndexOf('/');
  const colon = named.indexOf(':', slash + 1);
  const full = colon < 0 ? named : named.slice(0, colon);
  const [first = '', ...rest] = full.split('/');
  // As the runtimes tell a registry from a folder: by a dot, a port, or its name.
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const repository = (isRegistry ? rest.join('/') : full).replace(/^library\//, '');
  return { repository, full, tag: colon < 0 ? 'latest' : named.slice(colon + 1) };
}

/** Whether a pattern (`redis`, `bitnami/*`, `registry.example/team/*:1.*`) means an image. `*` stands for anything. */
export function matchesImage(pattern: string, image: string): boolean {
  const { repository, full, tag } = parseImage(image);
  const slash = pattern.lastIndexOf('/');
  const colon = pattern.indexOf(':', slash + 1);
  const name = colon < 0 ? pattern : pattern.slice(0, colon);
  if (colon >= 0 && !like(pattern.slice(colon + 1), tag)) return false;
  // A name alone means whoever built it.
  if (slash < 0) return like(name, repository.slice(repository.lastIndexOf('/') + 1));
  return like(name, repository) || like(name, full);
}

function like(pattern: string, text: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}$`).test(text);
}
