/** The platform's version, as in the package manifest. */
export const version = '0.1.0';
