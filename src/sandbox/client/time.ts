/** The present as Kubernetes writes times: RFC 3339 with seconds. */
export function rfc3339(ms: number = Date.now()): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Kubernetes' MicroTime, which leases use. */
export function rfc3339Micro(ms: number = Date.now()): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}
