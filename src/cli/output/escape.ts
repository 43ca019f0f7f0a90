export { escapeText, safeJson } from '../../base/index.ts';
