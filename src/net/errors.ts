import { errorTable } from '../base/index.ts';

export const netErrors = errorTable({
  E_NET_ADDR: {
    what: 'not an IP address',
    remedy: 'Write an IPv4 address as 192.0.2.1 or an IPv6 address as 2001:db8::1.',
  },
  E_NET_PREFIX: { what: 'not an IP prefix', remedy: 'Write a prefix as 192.0.2.0/24 or 2001:db8::/32.' },
  E_NET_PREFIX_HOST_BITS: {
    what: 'bits are set beyond the prefix length',
    remedy: 'Clear the host bits, e.g. 10.0.0.0/8 instead of 10.1.2.3/8.',
  },
  E_NET_MAC: { what: 'not a MAC address', remedy: 'Write a MAC address as 0a:58:0a:f4:01:02.' },
});
