import { errorFactory } from '@lucid/common/apis/error-factory';
import { openapiGatewayErrors } from '@lucid/common/apis/openapi';

/** Throws with a code of openapi-gateway or a common one. */
export const docsError = errorFactory(openapiGatewayErrors);
