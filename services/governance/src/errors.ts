import { errorFactory } from '@lucid/common/apis/error-factory';
import { governanceErrors } from '@lucid/common/apis/governance';

/** Throws with the codes of this service; their statuses and meanings stand in `common/apis/governance.ts`. */
export const governanceError = errorFactory(governanceErrors);
