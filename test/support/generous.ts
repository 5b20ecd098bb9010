/** Limits of one client out of the way of tests that ask thousands of times from one address. */
export const generousLimits = {
  GATEWAY_SHARED_ADDRESSES: '127.0.0.1',
  GATEWAY_SHARED_ADDRESS_FACTOR: '10000',
  API_SIGN_INS_PER_MINUTE: '100000',
  OPENAPI_GATEWAY_REQUESTS_PER_MINUTE: '100000',
} as const;
