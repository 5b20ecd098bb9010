import { errorFactory } from '@lucid/common/apis/error-factory';
import { vmErrors } from '@lucid/common/apis/vm';

/** Throws with the codes of this service; their statuses and meanings stand in `common/apis/vm.ts`. */
export const vmError = errorFactory(vmErrors);
