/** CNI specification versions whose configuration we read and whose results we write. */
export const CNI_VERSIONS = ['0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof CNI_VERSIONS)[number];

export function isCniVersion(text: string): text is CniVersion {
  return (CNI_VERSIONS as readonly string[]).includes(text);
}

/** For errors about a request whose version is unknown. */
export const LATEST_CNI_VERSION: CniVersion = '1.1.0';
