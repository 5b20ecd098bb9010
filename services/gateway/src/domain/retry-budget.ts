const depositPerRequest = 0.1;
const tokensMax = 10;

/**
 * Lets retries be a tenth of the requests at most, and ten in a burst: when everything fails, retrying everything
 * would double the load on what is already down.
 */
export class RetryBudget {
  #tokens = tokensMax;

  /** Counts a request that may be retried. */
  deposit(): void {
    this.#tokens = Math.min(tokensMax, this.#tokens + depositPerRequest);
  }

  /** Whether a retry may be made; it is then spent. */
  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
