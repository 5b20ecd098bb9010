import { errorFactory } from '@lucid/common/apis/error-factory';
import { openapiErrors } from '@lucid/common/apis/openapi';

/** Throws with a code of openapi-server or a common one. */
export const openapiError = errorFactory(openapiErrors);
