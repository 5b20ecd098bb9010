import { errorFactory } from '@lucid/common/apis/error-factory';
import { sessionsErrors } from '@lucid/common/apis/sessions-errors';

/** Throws with a code of the sessions service or a common one; the catalogue gives its status. */
export const sessionError = errorFactory(sessionsErrors);
