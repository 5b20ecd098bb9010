/** The platform's one version. */
export const version = '0.1.0';
