import { errorFactory } from '@lucid/common/apis/error-factory';
import { identityErrors } from '@lucid/common/apis/identity-errors';

/** Throws with this service's codes; the catalogue is the API's, where each has its doc line and status. */
export const apiError = errorFactory(identityErrors);
