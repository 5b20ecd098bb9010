/** The platform's one version, as in every package manifest. */
export const version = '0.1.0';
