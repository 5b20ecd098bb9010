import { errorFactory } from '@lucid/common/apis/error-factory';
import { gatewayErrors } from '@lucid/common/apis/gateway';

/** Throws with a code of the gateway or a common one. */
export const gatewayError = errorFactory(gatewayErrors);
