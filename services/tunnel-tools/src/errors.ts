import { errorFactory } from '@lucid/common/apis/error-factory';
import { tunnelErrors } from '@lucid/common/apis/tunnels';

/** Throws with a code of tunnel-tools or a common one. */
export const tunnelError = errorFactory(tunnelErrors);
