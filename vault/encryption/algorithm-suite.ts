import { AlgorithmSuiteIdentifier, NodeAlgorithmSuite } from '@aws-crypto/material-management-node';

/** `ALGORITHM_SUITE_NAME`, by the format's own number for it. */
export const ALGORITHM_SUITE =
  AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY;

export function algorithmSuite(): NodeAlgorithmSuite {
  return new NodeAlgorithmSuite(ALGORITHM_SUITE);
}
