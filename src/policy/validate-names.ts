/** Rules for names in Kubernetes objects; each returns what is wrong, or undefined. */
type Check = (text: string) => string | undefined;

const NAME = '[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?';
const DNS_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const nameRegex = new RegExp(`^${NAME}$`);
const subdomainRegex = new RegExp(`^${DNS_LABEL}(\\.${DNS_LABEL})*$`);
const dnsLabelRegex = new RegExp(`^${DNS_LABEL}$`);

/** RFC 1123 subdomain: object names, prefixes of label keys. */
export const checkSubdomain: Check = (text) => {
  if (text.length > 253) return 'must be no more than 253 characters';
  return subdomainRegex.test(text)
    ? undefined
    : "must be lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit";
};

/** RFC 1123 label: namespaces. */
export const checkDnsLabel: Check = (text) => {
  if (text.length > 63) return 'must be no more than 63 characters';
  return dnsLabelRegex.test(text)
    ? undefined
    : "must be lower-case letters, digits and '-', beginning and ending with a letter or digit";
};

/** Optional DNS prefix, a slash, a name. */
export const checkLabelKey: Check = (text) => {
  const parts = text.split('/');
  const name = parts.at(-1) ?? '';
  if (parts.length > 2) return 'must be a name with at most one prefix before a slash';
  if (parts.length === 2) {
    const wrong = parts[0] === '' ? 'must not be empty' : checkSubdomain(parts[0] ?? '');
    if (wrong !== undefined) return `the prefix ${wrong}`;
  }
  if (name === '' || name.length > 63) return 'the name must have 1 to 63 characters';
  return nameRegex.test(name)
    ? undefined
    : "the name must be letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
};

export const checkLabelValue: Check = (text) => {
  if (text.length > 63) return 'must be no more than 63 characters';
  return text === '' || nameRegex.test(text)
    ? undefined
    : "must be empty or letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
};

/** IANA service name (RFC 6335). */
export const checkPortName: Check = (text) => {
  if (text.length === 0 || text.length > 15) return 'must have 1 to 15 characters';
  if (!/^[-a-z0-9]+$/.test(text)) return "must be lower-case letters, digits and '-'";
  if (!/[a-z]/.test(text)) return 'must contain a letter';
  if (text.startsWith('-') || text.endsWith('-')) return "must not begin or end with '-'";
  return text.includes('--') ? "must not contain '--'" : undefined;
};
